"""DDL: statements that change the catalog and touch no rows."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from localaws.athena import projection, storage
from localaws.athena import statements as st
from localaws.athena.errors import QueryError
from localaws.athena.lake import Lake, is_view
from localaws.athena.locations import is_hidden
from localaws.athena.locations import parse as parse_location
from localaws.athena.partitions import path_of, typed, values_of
from localaws.athena.tables import Table
from localaws.athena.types import parse as parse_type
from localaws.core import AwsError

Lines = list[str]


def run(statement: st.Statement, lake: Lake) -> Lines:
    """Do it; returns what the result object says, which is mostly nothing."""
    return CHANGES[type(statement)](statement, lake) or []


def _create_table(statement: st.CreateTable, lake: Lake) -> None:
    parse_location(statement.location)
    names = [column.name for column in (*statement.columns, *statement.partition_keys)]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("FAILED", f"SemanticException [Error 10036]: Duplicate column name: {name}")
    database = statement.name.database or lake.database
    lake.need_database(database)
    try:
        lake.catalog.create_table(database, storage.table_of(statement))
    except AwsError as error:
        if error.code != "AlreadyExistsException":
            raise
        if not statement.if_not_exists:
            raise QueryError(
                "FAILED",
                f"Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
                f"AlreadyExistsException(message:Table {statement.name.table} already exists)",
            ) from error


def _create_view(statement: st.CreateView, lake: Lake) -> None:
    columns = []
    for column in lake.describe(statement.sql):
        if not column.name or (column.name.startswith("_col") and column.name[4:].isdigit()):
            raise QueryError("MISSING_COLUMN_NAME", "Column name not specified: give every expression a name with AS")
        columns.append({"name": column.name.lower(), "type": column.type})
    database, name = statement.name.database or lake.database, statement.name.table
    body = {"originalSql": statement.sql, "catalog": "awsdatacatalog", "schema": lake.database, "columns": columns}
    given = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {b64encode(json.dumps(body).encode()).decode()} */",
        "ViewExpandedText": "/* Presto View */",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": column["name"], "Type": _hive(column["type"])} for column in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }
    lake.need_database(database)
    existing = _existing(lake, database, name)
    if existing is None:
        lake.catalog.create_table(database, given)
    elif not is_view(existing):
        raise QueryError("ALREADY_EXISTS", f"Table already exists: 'awsdatacatalog.{database}.{name}'")
    elif not statement.replace:
        raise QueryError("ALREADY_EXISTS", f"View already exists: 'awsdatacatalog.{database}.{name}'")
    else:
        lake.catalog.update_table(database, given)


def _hive(kind: str) -> str:
    """The Hive type that shows a view's column in the catalog; what Hive does not have is shown as a string."""
    try:
        return parse_type(kind).hive
    except AwsError:
        return "string"


def _existing(lake: Lake, database: str, name: str) -> dict[str, Any] | None:
    try:
        return lake.catalog.get_table(database, name)
    except AwsError as error:
        if error.code != "EntityNotFoundException":
            raise
        return None


def _drop_table(statement: st.DropTable, lake: Lake) -> None:
    database, name = statement.name.database or lake.database, statement.name.table
    existing = _existing(lake, database, name)
    if existing is None:
        if statement.if_exists:
            return
        kind = "View" if statement.view else "Table"
        raise QueryError("FAILED", f"SemanticException [Error 10001]: {kind} not found {name}")
    if statement.view != is_view(existing):
        kind = "DROP VIEW" if is_view(existing) else "DROP TABLE"
        raise QueryError("FAILED", f"SemanticException {database}.{name}: use {kind}")
    lake.catalog.delete_table(database, name)


def _create_database(statement: st.CreateDatabase, lake: Lake) -> None:
    given: dict[str, Any] = {"Name": statement.name, "Parameters": dict(statement.properties)}
    if statement.comment:
        given["Description"] = statement.comment
    if statement.location:
        parse_location(statement.location)
        given["LocationUri"] = statement.location
    try:
        lake.catalog.create_database(given)
    except AwsError as error:
        if error.code != "AlreadyExistsException":
            raise
        if not statement.if_not_exists:
            raise QueryError("FAILED", f"Execution Error. Database {statement.name} already exists") from error


def _drop_database(statement: st.DropDatabase, lake: Lake) -> None:
    try:
        tables = lake.catalog.tables(statement.name)
        lake.catalog.get_database(statement.name)
    except AwsError as error:
        if statement.if_exists and error.code == "EntityNotFoundException":
            return
        raise QueryError("FAILED", f"SemanticException [Error 10072]: Database not found: {statement.name}") from error
    if tables and not statement.cascade:
        raise QueryError(
            "FAILED",
            f"Execution Error. InvalidOperationException(message:Database {statement.name} is not empty. "
            "One or more tables exist.)",
        )
    lake.catalog.delete_database(statement.name)


# Partitions


def _spec_values(table: Table, spec: Mapping[str, str | None]) -> tuple[str, ...]:
    """The values of a whole partition specification in the order of the keys."""
    names = [name for name, _ in table.keys]
    if sorted(spec) != sorted(names):
        raise QueryError("FAILED", f"SemanticException partition spec {dict(spec)} does not name the keys {names}")
    values = tuple(str(spec[name]) for name in names)
    for value, (_, kind) in zip(values, table.keys, strict=True):
        typed(value, kind)
    return values


def _partitioned(lake: Lake, name: st.Name) -> Table:
    table = lake.table(name.database or lake.database, name.table)
    if not table.keys:
        raise QueryError("FAILED", f"SemanticException table {name.table} is not partitioned")
    return table


def _registered(lake: Lake, table: Table) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(one["Values"]): one for one in lake.catalog.partitions(table.database, table.name)}


def _add_partitions(statement: st.AddPartitions, lake: Lake) -> None:
    table = _partitioned(lake, statement.name)
    known = set(_registered(lake, table))
    inputs = []
    for spec, location in statement.partitions:
        values = _spec_values(table, spec)
        if values in known:
            if statement.if_not_exists:
                continue
            raise QueryError("FAILED", f"SemanticException partition spec {dict(spec)} already exists")
        known.add(values)
        place = location or table.location.rstrip("/") + "/" + path_of([name for name, _ in table.keys], values)
        parse_location(place)
        inputs.append(storage.partition_input(table.definition, values, place))
    if inputs:
        lake.catalog.create_partitions(table.database, table.name, inputs)


def _drop_partitions(statement: st.DropPartitions, lake: Lake) -> None:
    table = _partitioned(lake, statement.name)
    known = _registered(lake, table)
    wanted = [_spec_values(table, spec) for spec in statement.partitions]
    for values in wanted:
        if values not in known and not statement.if_exists:
            raise QueryError("FAILED", f"SemanticException [Error 10006]: Partition not found {list(values)}")
    for values in wanted:
        if values in known:
            lake.catalog.delete_partition(table.database, table.name, values)


def _one_partition(lake: Lake, table: Table, spec: Mapping[str, str | None]) -> dict[str, Any]:
    values = _spec_values(table, spec)
    partition = _registered(lake, table).get(values)
    if partition is None:
        raise QueryError("FAILED", f"SemanticException [Error 10006]: Partition not found {list(values)}")
    return partition


def _rename_partition(statement: st.RenamePartition, lake: Lake) -> None:
    table = _partitioned(lake, statement.name)
    partition = _one_partition(lake, table, statement.old)
    values = _spec_values(table, statement.new)
    if values in _registered(lake, table):
        raise QueryError("FAILED", f"Execution Error. Partition {list(values)} already exists")
    given = storage.moved_partition(partition, Values=list(values))
    lake.catalog.update_partition(table.database, table.name, partition["Values"], given)


def _set_location(statement: st.SetLocation, lake: Lake) -> None:
    parse_location(statement.location)
    table = lake.table(statement.name.database or lake.database, statement.name.table)
    if statement.partition is None:
        given = storage.table_input(table.definition)
        given["StorageDescriptor"] = {**given["StorageDescriptor"], "Location": statement.location}
        lake.catalog.update_table(table.database, given)
        return
    partition = _one_partition(lake, table, statement.partition)
    moved = {**partition["StorageDescriptor"], "Location": statement.location}
    given = storage.moved_partition(partition, StorageDescriptor=moved)
    lake.catalog.update_partition(table.database, table.name, partition["Values"], given)


def _set_properties(statement: st.SetProperties, lake: Lake) -> None:
    table = lake.table(statement.name.database or lake.database, statement.name.table)
    given = storage.table_input(table.definition)
    given["Parameters"] = {**given.get("Parameters", {}), **statement.properties}
    lake.catalog.update_table(table.database, given)


def _add_columns(statement: st.AddColumns, lake: Lake) -> None:
    table = lake.table(statement.name.database or lake.database, statement.name.table)
    given = storage.table_input(table.definition)
    descriptor = given["StorageDescriptor"]
    columns = [] if statement.replace else list(descriptor.get("Columns") or ())
    columns += [column.glue() for column in statement.columns]
    names = [column["Name"].lower() for column in columns] + [name for name, _ in table.keys]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("FAILED", f"SemanticException [Error 10036]: Duplicate column name: {name}")
    given["StorageDescriptor"] = {**descriptor, "Columns": columns}
    lake.catalog.update_table(table.database, given)


def _repair(statement: st.Repair, lake: Lake) -> Lines:
    """Register the ``key=value`` folders below the table's location that are not; says which, as Hive does."""
    table = _partitioned(lake, statement.name)
    if projection.enabled(table):
        raise QueryError("FAILED", f"SemanticException {table.name} has projected partitions: there are none to add")
    place = parse_location(table.location)
    names = [name for name, _ in table.keys]
    known = _registered(lake, table)
    found: dict[tuple[str, ...], str] = {}
    for info in lake.store.list(place.bucket, place.prefix):
        folders = info.key[len(place.prefix) :].split("/")[: len(names)]
        values = values_of("/".join(folders), names)
        inside = info.key[len(place.prefix) :].count("/") >= len(names)
        if values and inside and not is_hidden("/".join(folders), "") and values not in known:
            found.setdefault(values, "/".join(folders))
    for values in found:
        for value, (_, kind) in zip(values, table.keys, strict=True):
            typed(value, kind)
    inputs = [
        storage.partition_input(table.definition, values, f"{place.uri}{path}/") for values, path in found.items()
    ]
    if inputs:
        lake.catalog.create_partitions(table.database, table.name, inputs)
    lines = []
    if found:
        lines.append("Partitions not in metastore: " + "\t".join(f"{table.name}:{path}" for path in found.values()))
    return lines + [f"Repair: Added partition to metastore {table.name}:{path}" for path in found.values()]


CHANGES: dict[type[st.Statement], Callable[[Any, Lake], Lines | None]] = {
    st.CreateTable: _create_table,
    st.CreateView: _create_view,
    st.DropTable: _drop_table,
    st.CreateDatabase: _create_database,
    st.DropDatabase: _drop_database,
    st.AddPartitions: _add_partitions,
    st.DropPartitions: _drop_partitions,
    st.RenamePartition: _rename_partition,
    st.SetLocation: _set_location,
    st.SetProperties: _set_properties,
    st.AddColumns: _add_columns,
    st.Repair: _repair,
}
