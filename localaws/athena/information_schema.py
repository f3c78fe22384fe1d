"""``information_schema``: the catalog as tables, made anew for each query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from localaws.athena.errors import QueryError
from localaws.athena.tables import table
from localaws.athena.translate import Column
from localaws.athena.types import literal, quote
from localaws.glue.catalog import Catalog

NAME = "information_schema"
CATALOG = "awsdatacatalog"
COLUMNS = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "columns": (
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "column_default",
        "is_nullable",
        "data_type",
    ),
}
Row = tuple[str | int | None, ...]


def columns(name: str) -> Sequence[Column]:
    """The columns of one of its tables."""
    if name not in COLUMNS:
        known = ", ".join(sorted(COLUMNS))
        raise QueryError("TABLE_NOT_FOUND", f"Table '{CATALOG}.{NAME}.{name}' does not exist; here are {known}")
    return [Column(column, "bigint" if column == "ordinal_position" else "varchar") for column in COLUMNS[name]]


def query(name: str, catalog: Catalog) -> str:
    """The DuckDB query for one of its tables."""
    kinds = ["BIGINT" if column.type == "bigint" else "VARCHAR" for column in columns(name)]
    rows = ROWS[name](catalog)
    fields = [
        f"CAST(c{index} AS {kind}) AS {quote(column)}"
        for index, (kind, column) in enumerate(zip(kinds, COLUMNS[name], strict=True))
    ]
    names = ", ".join(f"c{index}" for index in range(len(kinds)))
    values = ", ".join("(" + ", ".join(_value(value) for value in row) + ")" for row in rows)
    return f"(SELECT {', '.join(fields)} FROM (VALUES {values}) AS athena_rows({names}))"


def _value(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else literal(value)


def _schemata(catalog: Catalog) -> list[Row]:
    found: list[Row] = [(CATALOG, database["Name"]) for database in catalog.databases()]
    return [*found, (CATALOG, NAME)]


def _own_tables() -> list[tuple[str, str]]:
    return [(NAME, name) for name in sorted(COLUMNS)]


def _tables(catalog: Catalog) -> list[Row]:
    found: list[Row] = []
    for database in catalog.databases():
        for definition in catalog.tables(database["Name"]):
            kind = "VIEW" if definition.get("TableType") == "VIRTUAL_VIEW" else "BASE TABLE"
            found.append((CATALOG, database["Name"], definition["Name"], kind))
    return found + [(CATALOG, schema, name, "BASE TABLE") for schema, name in _own_tables()]


def _columns(catalog: Catalog) -> list[Row]:
    found: list[Row] = []
    for database in catalog.databases():
        for definition in catalog.tables(database["Name"]):
            one = table(definition, database["Name"])
            for position, (name, kind) in enumerate((*one.columns, *one.keys), 1):
                found.append((CATALOG, one.database, one.name, name, position, None, "YES", kind.athena))
    for schema, name in _own_tables():
        for position, column in enumerate(columns(name), 1):
            found.append((CATALOG, schema, name, column.name, position, None, "YES", column.type))
    return found


ROWS: dict[str, Callable[[Catalog], list[Row]]] = {"schemata": _schemata, "tables": _tables, "columns": _columns}
