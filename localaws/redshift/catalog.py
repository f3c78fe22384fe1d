"""Schemas, tables and views of a database, with Redshift's types, kept in the database: both change, or none does.

DuckDB knows no length of text and no materialised view; ``localaws.relations`` holds what it does not know.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import duckdb

from localaws.athena.types import quote
from localaws.redshift.errors import SqlError
from localaws.redshift.scope import Columns
from localaws.redshift.types import Type, parse

DATABASE = "warehouse"  # DuckDB's name of every database file that is attached
PUBLIC = "public"
OWN = "localaws"
_TABLE = "(schema VARCHAR, name VARCHAR, kind VARCHAR, columns VARCHAR, query VARCHAR, PRIMARY KEY (schema, name))"
_FIELDS = "schema, name, kind, columns, query"


@dataclass(frozen=True)
class Column:
    """A column; identity is ``always``, ``default`` or empty, default the SQL that was given."""

    name: str
    type: str
    nullable: bool = True
    default: str = ""
    identity: str = ""

    @property
    def kind(self) -> Type:
        """Its type."""
        return parse(self.type)


@dataclass(frozen=True)
class Relation:
    """A table, view or materialised view; query is the SQL of the latter two, as Redshift was given it."""

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...] = field(default=())
    query: str = ""
    temporary: bool = False

    @property
    def sql(self) -> str:
        """Its name in DuckDB."""
        if self.temporary:
            return f"temp.main.{quote(self.name)}"
        return f"{DATABASE}.{quote(self.schema)}.{quote(self.name)}"

    @property
    def typed(self) -> Columns:
        """Its columns with their types."""
        return [(column.name, column.kind) for column in self.columns]

    def with_columns(self, columns: tuple[Column, ...]) -> Relation:
        """The relation with other columns."""
        return replace(self, columns=columns)


def prepare_database(connection: duckdb.DuckDBPyConnection, macros: str) -> None:
    """Make what every database has: the schema public, our own, and the macros."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {PUBLIC}; CREATE SCHEMA IF NOT EXISTS {OWN}")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {OWN}.relations {_TABLE}")
    connection.execute(macros)


def prepare_session(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what every session has: the list of its temporary tables."""
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS localaws_relations {_TABLE}")


class Catalog:
    """The catalog as one session sees it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def find(self, schema: str, name: str) -> Relation | None:
        """A relation; without a schema a temporary table, or one in public."""
        for temporary in (True, False) if not schema else (False,):
            where = "schema = ? AND name = ?"
            rows = self._select(temporary, where, ["" if temporary else schema or PUBLIC, name])
            if rows:
                return rows[0]
        return None

    def get(self, schema: str, name: str) -> Relation:
        """A relation; raises SqlError."""
        found = self.find(schema, name)
        if found is None:
            if schema and schema not in self.schemas():
                raise SqlError(f'schema "{schema}" does not exist')
            raise SqlError(f'relation "{schema + "." if schema else ""}{name}" does not exist')
        return found

    def all(self) -> list[Relation]:
        """All relations but temporary tables, by schema and name."""
        return self._select(False, "true ORDER BY schema, name", [])

    def schemas(self) -> list[str]:
        """All schemas that are not our own."""
        query = (
            f"SELECT schema_name FROM duckdb_schemas() WHERE database_name = '{DATABASE}' AND NOT internal ORDER BY 1"
        )
        names = [row[0] for row in self._connection.execute(query).fetchall()]
        return [name for name in names if name not in (OWN, "main")]

    def save(self, relation: Relation) -> None:
        """Keep a relation, or what has changed of it."""
        columns = json.dumps([asdict(column) for column in relation.columns])
        row = ["" if relation.temporary else relation.schema, relation.name, relation.kind, columns, relation.query]
        self._connection.execute(
            f"INSERT OR REPLACE INTO {self._table(relation.temporary)} ({_FIELDS}) VALUES (?, ?, ?, ?, ?)", row
        )

    def forget(self, relation: Relation) -> None:
        """Forget a relation that was dropped."""
        schema = "" if relation.temporary else relation.schema
        table = self._table(relation.temporary)
        self._connection.execute(f"DELETE FROM {table} WHERE schema = ? AND name = ?", [schema, relation.name])

    def forget_schema(self, schema: str) -> None:
        """Forget all relations of a schema that was dropped."""
        self._connection.execute(f"DELETE FROM {self._table(False)} WHERE schema = ?", [schema])

    def _select(self, temporary: bool, where: str, values: list[Any]) -> list[Relation]:
        query = f"SELECT {_FIELDS} FROM {self._table(temporary)} WHERE {where}"
        return [
            Relation(schema, name, kind, tuple(Column(**one) for one in json.loads(columns)), query, temporary)
            for schema, name, kind, columns, query in self._connection.execute(query, values).fetchall()
        ]

    def _table(self, temporary: bool) -> str:
        return "temp.main.localaws_relations" if temporary else f"{DATABASE}.{OWN}.relations"
