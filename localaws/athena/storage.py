"""Glue table and partition inputs: storage descriptors as Athena's statements make them, and copies of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.athena import statements as st
from localaws.athena.errors import QueryError
from localaws.athena.tables import HIVE_JSON, LAZY, PARQUET

Json = dict[str, Any]
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
STORED_AS = {
    "parquet": (PARQUET, PARQUET_INPUT, PARQUET_OUTPUT),
    "textfile": (LAZY, TEXT_INPUT, TEXT_OUTPUT),
    "text": (LAZY, TEXT_INPUT, TEXT_OUTPUT),
    "json": (HIVE_JSON, TEXT_INPUT, TEXT_OUTPUT),
}
# What a TableInput may hold: the rest of a table as Glue returns it is the catalog's own.
TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
)
PARTITION_INPUT = ("Values", "LastAccessTime", "StorageDescriptor", "Parameters", "LastAnalyzedTime")


def descriptor(
    stored_as: str, columns: Sequence[Mapping[str, str]], location: str, serde_properties: Mapping[str, str]
) -> Json:
    """A storage descriptor for one of the formats of STORED AS."""
    if stored_as not in STORED_AS:
        known = ", ".join(sorted(STORED_AS)).upper()
        raise QueryError("NOT_SUPPORTED", f"STORED AS {stored_as.upper()}; here there are {known}")
    serde, source, target = STORED_AS[stored_as]
    return {
        "Columns": [dict(column) for column in columns],
        "Location": location,
        "InputFormat": source,
        "OutputFormat": target,
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {
            "SerializationLibrary": serde,
            "Parameters": {"serialization.format": "1", **serde_properties},
        },
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": {},
        "StoredAsSubDirectories": False,
    }


def table_of(statement: st.CreateTable) -> Json:
    """The TableInput of a CREATE EXTERNAL TABLE."""
    storage = descriptor(
        (statement.stored_as or "textfile").lower(),
        [column.glue() for column in statement.columns],
        statement.location,
        statement.serde_properties,
    )
    if statement.serde:
        storage["SerdeInfo"]["SerializationLibrary"] = statement.serde
    if statement.input_format and statement.output_format:
        storage["InputFormat"], storage["OutputFormat"] = statement.input_format, statement.output_format
    given = {
        "Name": statement.name.table,
        "TableType": "EXTERNAL_TABLE",
        "Owner": "hadoop",
        "Retention": 0,
        "StorageDescriptor": storage,
        "PartitionKeys": [key.glue() for key in statement.partition_keys],
        "Parameters": {"EXTERNAL": "TRUE", **statement.properties},
    }
    return given | ({"Description": statement.comment} if statement.comment else {})


def table_input(definition: Mapping[str, Any]) -> Json:
    """An existing table as the input of an update."""
    return {name: definition[name] for name in TABLE_INPUT if definition.get(name) is not None}


def partition_input(definition: Mapping[str, Any], values: Sequence[str], location: str) -> Json:
    """A partition of a table: its storage is the table's, at another location."""
    storage = {**definition["StorageDescriptor"], "Location": location}
    return {"Values": list(values), "StorageDescriptor": storage, "Parameters": {}}


def moved_partition(partition: Mapping[str, Any], **changes: Any) -> Json:
    """An existing partition as the input of an update, with changes."""
    given = {name: partition[name] for name in PARTITION_INPUT if partition.get(name) is not None}
    return given | changes
