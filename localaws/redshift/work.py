"""One session's hands: it runs translated SQL on its connection, and finds what depends on what."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import duckdb
from sqlglot import exp

from localaws.athena.types import quote
from localaws.core import World
from localaws.redshift.catalog import Catalog, Relation
from localaws.redshift.errors import SqlError, explain
from localaws.redshift.parsing import parse
from localaws.redshift.queries import Queries, Query, name_of


class Work:
    """Runs the parts of a statement in the transaction that its session has open."""

    def __init__(self, world: World, connection: duckdb.DuckDBPyConnection) -> None:
        self.world = world
        self.connection = connection
        self.catalog = Catalog(connection)
        self.queries = Queries(self.catalog)

    def execute(self, sql: str) -> Any:
        """Run SQL of our own making; raises SqlError in Redshift's words."""
        try:
            return self.connection.execute(sql)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise SqlError(explain(error)) from error

    def count(self, sql: str) -> int:
        """Run INSERT, UPDATE, DELETE or MERGE; the number of rows."""
        row = self.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def insert(self, relation: Relation, names: Sequence[str], query: Query) -> int:
        """Insert a query's rows, converted to the columns' types."""
        kinds = dict(relation.typed)
        if len(query.columns) != len(names):
            more = (
                "expressions than target columns"
                if len(query.columns) > len(names)
                else "target columns than expressions"
            )
            raise SqlError(f"INSERT has more {more}")
        columns = [(name, kinds[name]) for name in names]
        listed = ", ".join(map(quote, names))
        return self.count(f"INSERT INTO {relation.sql} ({listed}) {self.queries.assigned(query, columns)}")

    def fresh_name(self) -> str:
        """A name for something of our own."""
        return f"localaws_{uuid.uuid4().hex}"

    def relations_of(self, sql: str) -> list[Relation]:
        """The relations that a query names, those of common table expressions aside."""
        tree = parse(sql)
        ctes = {name_of(cte.alias) for cte in tree.find_all(exp.CTE)}
        found = []
        for table in tree.find_all(exp.Table):
            schema, name = name_of(table.db), name_of(table.this)
            relation = None if not schema and name in ctes else self.catalog.find(schema, name)
            if relation is not None:
                found.append(relation)
        return found

    def views_on(self, relation: Relation) -> list[Relation]:
        """The views that name the relation."""
        place = (relation.schema, relation.name, relation.temporary)
        return [
            view
            for view in self.catalog.all()
            if view.query
            and any((one.schema, one.name, one.temporary) == place for one in self.relations_of(view.query))
        ]
