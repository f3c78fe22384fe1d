"""The TableInputs and PartitionInputs that a crawler writes, with the parameters that AWS's crawlers give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.glue.classify import Format
from localaws.glue.csv_files import OPEN_CSV
from localaws.glue.folders import File
from localaws.glue.grouping import Group, Leaf
from localaws.glue.types import Columns, render

Json = dict[str, Any]

DEPRECATED = "DEPRECATED_BY_CRAWLER"
UPDATED_BY = "UPDATED_BY_CRAWLER"

_TEXT = ("org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat")
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)


@dataclass(frozen=True)
class Written:
    """A table as it shall stand in the catalog: its input, and its partitions by their values."""

    table: Json
    partitions: dict[tuple[str, ...], Json]


def table_name(prefix: str, folder: str) -> str:
    """A table's name from its folder's or file's: lower case, and ``_`` for what is no letter, digit or ``_``."""
    return re.sub(r"[^a-z0-9_]", "_", f"{prefix}{folder}".lower())[:255]


def describe(found: Group, name: str, crawler: str, *, inherit: bool) -> Written:
    """The catalog entries of a group; inherit gives each partition the table's columns instead of its own."""
    # A column that is a partition key too would be a table that no engine reads.
    columns = tuple((column, kind) for column, kind in found.columns if column not in found.keys)
    all_files = [file for leaf in found.leaves for file in leaf.files]
    parameters = _parameters(found.format, all_files, crawler)
    table = {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": _storage(found.format, found.location, column_list(columns), parameters),
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.keys],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
    }
    partitions = {}
    shared = column_list(columns)
    lists: dict[Columns, list[Json]] = {}
    for leaf in found.leaves if found.depth else ():
        if inherit:
            own = shared
        else:
            if leaf.columns not in lists:
                kept = tuple((column, kind) for column, kind in leaf.columns if column not in found.keys)
                lists[leaf.columns] = column_list(kept)
            own = lists[leaf.columns]
        values = found.values(leaf)
        partitions[tuple(values)] = partition_input(found.format, leaf, values, own, crawler)
    return Written(table, partitions)


def partition_input(form: Format, leaf: Leaf, values: Sequence[str], columns: list[Json], crawler: str) -> Json:
    """The PartitionInput of one leaf."""
    parameters = _parameters(form, leaf.files, crawler)
    return {
        "Values": list(values),
        "StorageDescriptor": _storage(form, leaf.location, columns, parameters),
        "Parameters": parameters,
    }


def column_list(columns: Columns) -> list[Json]:
    """Columns in the Glue API's shape."""
    return [{"Name": name, "Type": render(kind)} for name, kind in columns]


def _storage(form: Format, location: str, columns: list[Json], parameters: Json) -> Json:
    input_format, output_format = _PARQUET if form.classification == "parquet" else _TEXT
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "Compressed": form.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": _serde(form, columns),
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }


def _serde(form: Format, columns: Iterable[Json]) -> Json:
    match form.classification:
        case "parquet":
            library, parameters = "ql.io.parquet.serde.ParquetHiveSerDe", {"serialization.format": "1"}
        case "json":
            paths = ",".join(sorted(column["Name"] for column in columns))
            return {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {"paths": paths}}
        case _ if form.serde == OPEN_CSV or (form.quoted and not form.serde):
            library = "serde2.OpenCSVSerde"
            parameters = {"separatorChar": form.delimiter, "quoteChar": form.quote, "escapeChar": "\\"}
        case _:
            library, parameters = "serde2.lazy.LazySimpleSerDe", {"field.delim": form.delimiter}
    return {"SerializationLibrary": f"org.apache.hadoop.hive.{library}", "Parameters": parameters}


def _parameters(form: Format, files: Iterable[File], crawler: str) -> Json:
    count = size = records = record_bytes = 0
    for file in files:
        content = file.content
        count += 1
        size += file.info.size
        records += content.records
        record_bytes += content.records * content.record_bytes
    parameters = {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        UPDATED_BY: crawler,
        "averageRecordSize": str(record_bytes // records if records else 0),
        "classification": form.classification,
        "compressionType": form.compression,
        "objectCount": str(count),
        "recordCount": str(records),
        "sizeKey": str(size),
        "typeOfData": "file",
    }
    if form.classification == "csv":
        parameters |= {
            "areColumnsQuoted": str(form.quoted).lower(),
            "columnsOrdered": "true",
            "delimiter": form.delimiter,
        }
        if form.has_header:
            parameters["skip.header.line.count"] = "1"
    if form.json_path:
        parameters["jsonPath"] = form.json_path
    return parameters
