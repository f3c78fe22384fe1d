"""The catalog's API: as moto does it, but with names folded to lower case, pages, limits, and Glue's own errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.glue import partition_indexes
from localaws.glue.catalog import Catalog
from localaws.glue.paging import page

Json = dict[str, Any]

# How many entries one batch call may have.
LIMITS = {
    "BatchCreatePartition": ("PartitionInputList", 100),
    "BatchUpdatePartition": ("Entries", 100),
    "BatchDeletePartition": ("PartitionsToDelete", 25),
    "BatchGetPartition": ("PartitionsToGet", 1000),
    "BatchDeleteTable": ("TablesToDelete", 100),
}


class CatalogApi:
    """The operations on databases, tables and partitions."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operation name."""
        handlers: dict[str, Callable[[Any, Mapping[str, Any]], Json]] = {
            "CreateDatabase": _create_database,
            "GetDatabase": _get_database,
            "GetDatabases": _get_databases,
            "UpdateDatabase": _update_database,
            "DeleteDatabase": lambda glue, given: _done(glue.delete_database(_lower(given["Name"]))),
            "CreateTable": _create_table,
            "GetTable": lambda glue, given: {"Table": _table(glue, given, given["Name"]).as_dict()},
            "GetTables": _get_tables,
            "UpdateTable": _update_table,
            "DeleteTable": lambda glue, given: _done(glue.delete_table(_database(given), _lower(given["Name"]))),
            "BatchDeleteTable": _batch_delete_tables,
            "GetTableVersion": _get_table_version,
            "GetTableVersions": _get_table_versions,
            "DeleteTableVersion": _delete_table_version,
            "CreatePartition": _create_partition,
            "GetPartition": _get_partition,
            "GetPartitions": _get_partitions,
            "UpdatePartition": _update_partition,
            "DeletePartition": _delete_partition,
            "CreatePartitionIndex": _create_index,
            "GetPartitionIndexes": _get_indexes,
            "DeletePartitionIndex": _delete_index,
            "BatchCreatePartition": _batch_create_partitions,
            "BatchGetPartition": _batch_get_partitions,
            "BatchUpdatePartition": _batch_update_partitions,
            "BatchDeletePartition": _batch_delete_partitions,
        }
        return {name: self._handler(name, handler) for name, handler in handlers.items()}

    def _handler(self, name: str, handler: Callable[[Any, Mapping[str, Any]], Json]) -> Handler:
        entries, limit = LIMITS.get(name, ("", 0))

        def answer(call: Call) -> Json:
            if len(call.params.get(entries) or ()) > limit:
                raise AwsError("InvalidInputException", f"{entries}: {name} takes at most {limit} of them.")
            with self._catalog.backend() as glue:
                return handler(glue, call.params)

        return answer


def _lower(name: str) -> str:
    return name.lower()


def _database(given: Mapping[str, Any]) -> str:
    return str(given["DatabaseName"]).lower()


def _table(glue: Any, given: Mapping[str, Any], name: str | None = None) -> Any:
    return glue.get_table(_database(given), _lower(name or given["TableName"]))


def _present(entry: Mapping[str, Any]) -> Json:
    return {key: value for key, value in entry.items() if value is not None}


def _done(_: Any) -> Json:
    return {}


def _folded(given: Mapping[str, Any]) -> Json:
    name = str(given.get("Name") or "").lower()
    if not name:
        raise AwsError("InvalidInputException", "The Name must not be empty.")
    return {**given, "Name": name}


# Databases


def _create_database(glue: Any, given: Mapping[str, Any]) -> Json:
    wanted = _folded(given["DatabaseInput"])
    return _done(glue.create_database(wanted["Name"], wanted, given.get("Tags")))


def _get_database(glue: Any, given: Mapping[str, Any]) -> Json:
    return {"Database": _present(glue.get_database(_lower(given["Name"])).as_dict())}


def _get_databases(glue: Any, given: Mapping[str, Any]) -> Json:
    databases, more = page(glue.get_databases(), given)
    return {"DatabaseList": [_present(database.as_dict()) for database in databases], **more}


def _update_database(glue: Any, given: Mapping[str, Any]) -> Json:
    return _done(glue.update_database(_lower(given["Name"]), _folded(given["DatabaseInput"])))


# Tables


def _create_table(glue: Any, given: Mapping[str, Any]) -> Json:
    wanted = _folded(given["TableInput"])
    created = glue.create_table(_database(given), wanted["Name"], wanted, given.get("OpenTableFormatInput"))
    try:
        partition_indexes.add(created, given.get("PartitionIndexes") or ())
    except AwsError:
        glue.delete_table(created.database_name, created.name)
        raise
    return {}


def _get_tables(glue: Any, given: Mapping[str, Any]) -> Json:
    tables = glue.get_tables(_database(given), None)
    if expression := given.get("Expression"):
        try:
            # A bare * stands for any characters, as in Hive.
            pattern = re.compile(re.sub(r"(?<![.\\\])])\*", ".*", expression), re.IGNORECASE)
        except re.error as error:
            raise AwsError("InvalidInputException", f"The Expression {expression!r} is no pattern: {error}.") from error
        tables = [table for table in tables if pattern.fullmatch(table.name)]
    tables, more = page(tables, given)
    return {"TableList": [table.as_dict() for table in tables], **more}


def _update_table(glue: Any, given: Mapping[str, Any]) -> Json:
    wanted = _folded(given["TableInput"])
    table = glue.get_table(_database(given), wanted["Name"])
    before = max(table.versions, key=int)
    table.update(wanted)
    if given.get("SkipArchive"):
        table.delete_version(before)
    return {}


def _batch_delete_tables(glue: Any, given: Mapping[str, Any]) -> Json:
    return _errors(glue.batch_delete_table(_database(given), [_lower(name) for name in given["TablesToDelete"]]))


def _get_table_version(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    version = given.get("VersionId") or max(table.versions, key=int)
    return {"TableVersion": {"Table": table.as_dict(version), "VersionId": version}}


def _get_table_versions(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    versions, more = page(sorted(table.versions, key=int, reverse=True), given)
    return {"TableVersions": [{"Table": table.as_dict(one), "VersionId": one} for one in versions], **more}


def _delete_table_version(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    table.get_version(given["VersionId"])
    if given["VersionId"] == max(table.versions, key=int):
        raise AwsError("InvalidInputException", "The current version of a table cannot be deleted.")
    return _done(table.delete_version(given["VersionId"]))


# Partitions


def _partition_input(table: Any, given: Mapping[str, Any]) -> Json:
    keys = table.as_dict().get("PartitionKeys") or ()
    if len(given.get("Values") or ()) != len(keys):
        message = "The number of partition keys do not match the number of partition values"
        raise AwsError("InvalidInputException", message)
    return {**given, "Values": list(given["Values"])}


def _create_partition(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    return _done(table.create_partition(_partition_input(table, given["PartitionInput"])))


def _get_partition(glue: Any, given: Mapping[str, Any]) -> Json:
    return {"Partition": _table(glue, given).get_partition(given["PartitionValues"]).as_dict()}


def _get_partitions(glue: Any, given: Mapping[str, Any]) -> Json:
    found: Sequence[Any] = _table(glue, given).get_partitions(given.get("Expression"))
    if segment := given.get("Segment"):
        found = found[segment["SegmentNumber"] :: segment["TotalSegments"]]
    partitions, more = page(found, given)
    entries = [partition.as_dict() for partition in partitions]
    if given.get("ExcludeColumnSchema"):
        entries = [_without_columns(entry) for entry in entries]
    return {"Partitions": entries, **more}


def _without_columns(partition: Json) -> Json:
    storage = {key: value for key, value in (partition.get("StorageDescriptor") or {}).items() if key != "Columns"}
    return {**partition, "StorageDescriptor": storage}


def _update_partition(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    return _done(table.update_partition(given["PartitionValueList"], _partition_input(table, given["PartitionInput"])))


def _delete_partition(glue: Any, given: Mapping[str, Any]) -> Json:
    return _done(_table(glue, given).delete_partition(given["PartitionValues"]))


def _batch_create_partitions(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    inputs = [_partition_input(table, one) for one in given["PartitionInputList"]]
    return _errors(glue.batch_create_partition(_database(given), table.name, inputs))


def _batch_get_partitions(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    return {"Partitions": glue.batch_get_partition(_database(given), table.name, given["PartitionsToGet"])}


def _batch_update_partitions(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    entries = [{**one, "PartitionInput": _partition_input(table, one["PartitionInput"])} for one in given["Entries"]]
    return _errors(glue.batch_update_partition(_database(given), table.name, entries))


def _batch_delete_partitions(glue: Any, given: Mapping[str, Any]) -> Json:
    table = _table(glue, given)
    return _errors(glue.batch_delete_partition(_database(given), table.name, given["PartitionsToDelete"]))


# Partition indexes


def _create_index(glue: Any, given: Mapping[str, Any]) -> Json:
    partition_indexes.add(_table(glue, given), [given["PartitionIndex"]])
    return {}


def _get_indexes(glue: Any, given: Mapping[str, Any]) -> Json:
    return {"PartitionIndexDescriptorList": partition_indexes.describe(_table(glue, given))}


def _delete_index(glue: Any, given: Mapping[str, Any]) -> Json:
    partition_indexes.remove(_table(glue, given), given["IndexName"])
    return {}


def _errors(errors: list[Json]) -> Json:
    return {"Errors": errors} if errors else {}
