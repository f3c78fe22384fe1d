"""SHOW and DESCRIBE: lines of text about the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from localaws.athena.errors import QueryError
from localaws.athena.lake import Lake, is_view, view
from localaws.athena.partitions import path_of
from localaws.athena.statements import Name, Show

# The columns of each result, as GetQueryResults names them.
COLUMNS = {
    "TABLES": ("tab_name",),
    "VIEWS": ("views",),
    "DATABASES": ("database_name",),
    "PARTITIONS": ("partition",),
    "COLUMNS": ("field",),
    "CREATE TABLE": ("createtab_stmt",),
    "CREATE VIEW": ("Create View",),
    "TBLPROPERTIES": ("prpt_name", "prpt_value"),
    "DESCRIBE": ("col_name", "data_type", "comment"),
}


def run(statement: Show, lake: Lake) -> list[str]:
    """The lines of the result; where there are several columns, tabs stand between them."""
    return SHOWS[statement.what](statement, lake)


def _like(names: list[str], pattern: str | None) -> list[str]:
    """The names that Hive's pattern takes: ``*`` is any text, ``|`` parts alternatives."""
    if pattern is None:
        return sorted(names)
    parts = ["".join(".*" if char == "*" else re.escape(char) for char in part) for part in pattern.lower().split("|")]
    return sorted(name for name in names if any(re.fullmatch(part, name) for part in parts))


def _tables(statement: Show, lake: Lake) -> list[str]:
    database = statement.database or lake.database
    lake.need_database(database)
    found = lake.catalog.tables(database)
    if statement.what == "VIEWS":
        found = [one for one in found if is_view(one)]
    return _like([one["Name"] for one in found], statement.like)


def _databases(statement: Show, lake: Lake) -> list[str]:
    return _like([one["Name"] for one in lake.catalog.databases()], statement.like)


def _name(statement: Show, lake: Lake) -> tuple[str, str]:
    name = statement.name or Name(None, "")
    return name.database or lake.database, name.table


def _partitions(statement: Show, lake: Lake) -> list[str]:
    table = lake.table(*_name(statement, lake))
    if not table.keys:
        raise QueryError("FAILED", f"SemanticException [Error 10241]: Table {table.name} is not a partitioned table")
    names = [name for name, _ in table.keys]
    return sorted(path_of(names, one.values).rstrip("/") for one in lake.partitions(table))


def _columns(statement: Show, lake: Lake) -> list[str]:
    return [column.name for column in lake.columns(*_name(statement, lake)) if not column.hidden]


def _definition_columns(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return list(definition.get("StorageDescriptor", {}).get("Columns") or ())


def _describe(statement: Show, lake: Lake) -> list[str]:
    definition = lake.definition(*_name(statement, lake))
    keys = list(definition.get("PartitionKeys") or ())
    lines = [_described(one) for one in (*_definition_columns(definition), *keys)]
    if keys:
        lines += ["", "# Partition Information", "# col_name\tdata_type\tcomment", ""]
        lines += [_described(one) for one in keys]
    return lines


def _described(column: dict[str, Any]) -> str:
    return f"{column['Name']:<20}\t{column['Type']:<20}\t{column.get('Comment') or '':<20}"


def _properties(statement: Show, lake: Lake) -> list[str]:
    definition = lake.definition(*_name(statement, lake))
    found = definition.get("Parameters") or {}
    if statement.key is not None:
        missing = f"Table {definition['Name']} does not have property: {statement.key}"
        return [f"{statement.key}\t{found[statement.key]}" if statement.key in found else missing]
    return [f"{key}\t{value}" for key, value in sorted(found.items())]


def _create_view(statement: Show, lake: Lake) -> list[str]:
    database, name = _name(statement, lake)
    definition = lake.definition(database, name)
    if not is_view(definition):
        raise QueryError("NOT_SUPPORTED", f"{database}.{name} is a table: use SHOW CREATE TABLE")
    return [f'CREATE VIEW "{database}"."{name}" AS', *view(definition)["originalSql"].split("\n")]


def _create_table(statement: Show, lake: Lake) -> list[str]:
    table = lake.table(*_name(statement, lake))
    storage = table.definition["StorageDescriptor"]
    lines = [f"CREATE EXTERNAL TABLE `{table.name}`("]
    lines += _column_lines(_definition_columns(dict(table.definition)))
    if table.definition.get("Description"):
        lines.append(f"COMMENT {_text(table.definition['Description'])}")
    if table.keys:
        lines += ["PARTITIONED BY ( ", *_column_lines(list(table.definition["PartitionKeys"]))]
    lines += ["ROW FORMAT SERDE ", f"  {_text(table.serde)} "]
    if table.serde_properties:
        lines += ["WITH SERDEPROPERTIES ( ", *_pair_lines(dict(table.serde_properties))]
    lines += ["STORED AS INPUTFORMAT ", f"  {_text(storage['InputFormat'])} "]
    lines += ["OUTPUTFORMAT ", f"  {_text(storage['OutputFormat'])}", "LOCATION", f"  {_text(table.location)}"]
    properties = {key: value for key, value in table.properties.items() if key != "EXTERNAL"}
    if properties:
        lines += ["TBLPROPERTIES (", *_pair_lines(properties)]
    return lines


def _column_lines(columns: list[dict[str, Any]]) -> list[str]:
    texts = []
    for column in columns:
        comment = f" COMMENT {_text(column['Comment'])}" if column.get("Comment") else " "
        texts.append(f"  `{column['Name']}` {column['Type']}{comment}")
    return [text + ("," if index < len(texts) - 1 else ")") for index, text in enumerate(texts)]


def _pair_lines(pairs: dict[str, str]) -> list[str]:
    texts = [f"  {_text(key)}={_text(value)}" for key, value in sorted(pairs.items())]
    return [text + (", " if index < len(texts) - 1 else ")") for index, text in enumerate(texts)]


def _text(value: str) -> str:
    r"""A Hive string literal; control characters as ``\u0001``."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + re.sub(r"[\x00-\x1f]", lambda match: f"\\u{ord(match.group()):04x}", escaped) + "'"


SHOWS: dict[str, Callable[[Show, Lake], list[str]]] = {
    "TABLES": _tables,
    "VIEWS": _tables,
    "DATABASES": _databases,
    "PARTITIONS": _partitions,
    "COLUMNS": _columns,
    "CREATE TABLE": _create_table,
    "CREATE VIEW": _create_view,
    "TBLPROPERTIES": _properties,
    "DESCRIBE": _describe,
}
