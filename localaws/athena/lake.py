"""What one statement sees of the lake: the catalog's tables and views as the translation's schema, and their rows."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.athena import information_schema, projection
from localaws.athena.errors import Cancelled, QueryError
from localaws.athena.footers import Footers
from localaws.athena.links import Links
from localaws.athena.locations import parse as parse_location
from localaws.athena.partitions import Partition, matches, registered
from localaws.athena.scan import Scan
from localaws.athena.tables import HIDDEN, Table, TableFile, files, table
from localaws.athena.translate import Column, Predicate, Query, TableRef, translate_query
from localaws.athena.types import parse, quote
from localaws.core import AwsError
from localaws.glue.catalog import Catalog
from localaws.s3.store import Store

VIEW_MARK = "/* Presto View: "
PARTITIONS_SUFFIX = "$partitions"
VIEW_DEPTH = 20
PATH = HIDDEN[0]


@dataclass
class Lake:
    """The lake of one statement: ``scanned`` counts the bytes that its queries read.

    folder: the statement's own scratch folder. cutoff: the most bytes it may scan, None for no limit.
    """

    catalog: Catalog
    store: Store
    footers: Footers
    links: Links
    database: str
    folder: Path
    cutoff: int | None = None
    scanned: int = 0
    scans: int = 0
    depth: int = 0
    _listed: dict[tuple[Partition, ...], list[TableFile]] = field(default_factory=dict)

    def translate(self, sql: str, database: str | None = None) -> Query:
        """The query in DuckDB's SQL, over links to the objects that it needs."""
        return translate_query(
            sql, self, database=database or self.database, table_sql=self.table_sql, now=datetime.now(UTC)
        )

    def describe(self, sql: str) -> tuple[Column, ...]:
        """The columns of a query that is not to be run: no table is read."""
        now = datetime.now(UTC)
        return translate_query(sql, self, database=self.database, table_sql=lambda _: "", now=now).columns

    # The translation's schema

    def columns(self, database: str | None, name: str) -> Sequence[Column]:
        """The columns of a table or view, partition keys last, but for the hidden ones of a table."""
        database = database or self.database
        if database == information_schema.NAME:
            return information_schema.columns(name)
        if name.endswith(PARTITIONS_SUFFIX):
            keys = self.table(database, name.removesuffix(PARTITIONS_SUFFIX)).keys
            return [Column(key, kind.athena) for key, kind in keys]
        definition = self.definition(database, name)
        if is_view(definition):
            return [Column(one["name"], parse(one["type"]).athena) for one in view(definition)["columns"]]
        found = table(definition, database)
        shown = [Column(column, kind.athena) for column, kind in (*found.columns, *found.keys)]
        return [*shown, *(Column(column, kind.athena, hidden=True) for column, kind in HIDDEN)]

    def definition(self, database: str, name: str) -> dict[str, Any]:
        """A table of the catalog; raises QueryError TABLE_NOT_FOUND or SCHEMA_NOT_FOUND."""
        try:
            return self.catalog.get_table(database, name)
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
        self.need_database(database)
        raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{name}' does not exist")

    def need_database(self, database: str) -> None:
        """Raise QueryError SCHEMA_NOT_FOUND unless the database is there."""
        try:
            self.catalog.get_database(database)
        except AwsError as error:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist") from error

    def table(self, database: str, name: str) -> Table:
        """A table that is not a view."""
        definition = self.definition(database, name)
        if is_view(definition):
            raise QueryError("NOT_SUPPORTED", f"{database}.{name} is a view, not a table")
        return table(definition, database)

    # Rows

    def table_sql(self, ref: TableRef) -> str:
        """The DuckDB query for one use of a table."""
        database = ref.database or self.database
        if database == information_schema.NAME:
            return information_schema.query(ref.table, self.catalog)
        if ref.table.endswith(PARTITIONS_SUFFIX):
            return self._partitions_sql(self.table(database, ref.table.removesuffix(PARTITIONS_SUFFIX)))
        definition = self.definition(database, ref.table)
        if is_view(definition):
            return self._view_sql(definition, f"{database}.{ref.table}")
        source = table(definition, database)
        wanted = [one for one in self.partitions(source, ref) if matches(one.values, source.keys, ref.predicates)]
        scan = Scan(source, ref.columns, ref.predicates)
        sql = self._scan_sql(scan, tuple(wanted), ref.predicates)
        self.scanned += scan.bytes
        if self.cutoff is not None and self.scanned > self.cutoff:
            raise Cancelled(f"Bytes scanned limit was exceeded: the workgroup allows {self.cutoff} bytes")
        return sql

    def _files_of(self, partitions: tuple[Partition, ...]) -> list[TableFile]:
        """The partitions' files, listed once for a statement: all uses of a table see the same objects."""
        found = self._listed.get(partitions)
        if found is None:
            found = self._listed[partitions] = files(self.store, partitions)
        return found

    def _scan_sql(self, scan: Scan, partitions: tuple[Partition, ...], predicates: Sequence[Predicate]) -> str:
        def wanted() -> list[TableFile]:
            found = self._files_of(partitions)
            chosen = [one for one in predicates if one.column == PATH[0]]
            return [one for one in found if matches((one.uri,), (PATH,), chosen)] if chosen else found

        kind = scan.table.format
        found = wanted()
        if not found:
            return scan.empty()
        if kind == "parquet":
            try:
                return scan.parquet(found, self.footers, self.links)
            except FileNotFoundError:
                # An object was replaced since it was listed.
                del self._listed[partitions]
                return scan.parquet(wanted(), self.footers, self.links)
        folder = self.folder / f"text{self.scans}"
        folder.mkdir()
        self.scans += 1
        return scan.text(found, folder)

    def partitions(self, source: Table, ref: TableRef | None = None) -> list[Partition]:
        """A table's partitions, registered or projected; an unpartitioned table is one without values."""
        if not source.keys:
            return [Partition((), parse_location(source.location))]
        if projection.enabled(source):
            return projection.partitions(source, ref.predicates if ref else ())
        return registered(self.catalog.partitions(source.database, source.name), source.serde)

    def _partitions_sql(self, source: Table) -> str:
        rows = [one.values for one in self.partitions(source)]
        return rows_sql([(name, kind.duckdb) for name, kind in source.keys], rows)

    def _view_sql(self, definition: dict[str, Any], name: str) -> str:
        stored = view(definition)
        self.depth += 1
        if self.depth > VIEW_DEPTH:
            raise QueryError("INVALID_VIEW", f"View '{name}' refers to itself, or views are nested too deeply")
        try:
            query = self.translate(stored["originalSql"], stored.get("schema"))
        finally:
            self.depth -= 1
        if len(query.columns) != len(stored["columns"]):
            raise QueryError("VIEW_IS_STALE", f"View '{name}' is stale or in invalid state: its columns have changed")
        names = [f"c{index}" for index in range(len(query.columns))]
        fields = ", ".join(
            f"CAST({short} AS {parse(one['type']).duckdb}) AS {quote(one['name'])}"
            if parse(one["type"]) != parse(got.type)
            else f"{short} AS {quote(one['name'])}"
            for short, one, got in zip(names, stored["columns"], query.columns, strict=True)
        )
        return f"(SELECT {fields} FROM ({query.sql}) AS athena_view({', '.join(names)}))"


def rows_sql(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str | None]]) -> str:
    """A query that gives these rows of texts, cast to the DuckDB types of the columns."""
    fields = ", ".join(
        f"CAST(nullif(c{index}, '__HIVE_DEFAULT_PARTITION__') AS {kind}) AS {quote(name)}"
        for index, (name, kind) in enumerate(columns)
    )
    names = ", ".join(f"c{index}" for index in range(len(columns)))
    values = ", ".join("(" + ", ".join(_text(value) for value in row) + ")" for row in rows)
    none = f"(SELECT {', '.join('NULL' for _ in columns)} WHERE false)"
    return f"(SELECT {fields} FROM {f'(VALUES {values})' if rows else none} AS athena_rows({names}))"


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def is_view(definition: dict[str, Any]) -> bool:
    """Whether a table of the catalog is a view."""
    return definition.get("TableType") == "VIRTUAL_VIEW"


def view(definition: dict[str, Any]) -> dict[str, Any]:
    """What a view holds: ``originalSql``, ``catalog``, ``schema`` and ``columns`` with name and type."""
    text = definition.get("ViewOriginalText") or ""
    if not text.startswith(VIEW_MARK):
        raise QueryError("INVALID_VIEW", f"View '{definition['Name']}' was not made by Athena")
    return dict(json.loads(b64decode(text.removeprefix(VIEW_MARK).removesuffix(" */"))))
