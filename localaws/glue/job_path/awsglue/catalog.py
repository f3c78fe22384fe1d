"""The Data Catalog, as a job's sources and sinks use it."""

from __future__ import annotations

from typing import Any

import boto3

Json = dict[str, Any]

_FORMATS = {
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        {"serialization.format": "1"},
    ),
    "csv": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        {"separatorChar": ",", "quoteChar": '"'},
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
        {"paths": ""},
    ),
}


def client() -> Any:
    """Glue's API."""
    return boto3.client("glue")


def get_table(database: str, name: str) -> Json:
    """One table; raises EntityNotFoundException."""
    return dict(client().get_table(DatabaseName=database, Name=name)["Table"])


def find_table(database: str, name: str) -> Json | None:
    """One table, or None."""
    glue = client()
    try:
        return dict(glue.get_table(DatabaseName=database, Name=name)["Table"])
    except glue.exceptions.EntityNotFoundException:
        return None


def partitions(table: Json, expression: str = "") -> list[Json]:
    """A table's partitions, all or those that Glue's expression chooses."""
    wanted: Json = {"Expression": expression} if expression else {}
    pages = (
        client()
        .get_paginator("get_partitions")
        .paginate(DatabaseName=table["DatabaseName"], TableName=table["Name"], **wanted)
    )
    return [partition for page in pages for partition in page["Partitions"]]


def storage(kind: str, location: str, columns: list[dict[str, str]], *, header: bool = False) -> Json:
    """A StorageDescriptor for files of a format. Raises ValueError."""
    if kind not in _FORMATS:
        raise ValueError(f"A catalog table of the format {kind!r} is not written: {', '.join(_FORMATS)} are.")
    reader, writer, serde, parameters = _FORMATS[kind]
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": reader,
        "OutputFormat": writer,
        "Compressed": False,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": dict(parameters)},
        "Parameters": {"skip.header.line.count": "1"} if header else {},
    }


def put_table(
    database: str, name: str, described: Json, keys: list[dict[str, str]], kind: str, *, change: bool
) -> None:
    """Create the table, or, if it differs and ``change``, bring its columns up to date."""
    glue = client()
    wanted: Json = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": described,
        "PartitionKeys": keys,
        "Parameters": {"classification": kind, **described["Parameters"]},
    }
    known = find_table(database, name)
    if known is None:
        glue.create_table(DatabaseName=database, TableInput=wanted)
        return
    if [key["Name"] for key in known.get("PartitionKeys", [])] != [key["Name"] for key in keys]:
        raise ValueError(f"The table {database}.{name} has other partition keys than {[key['Name'] for key in keys]}.")
    old = known["StorageDescriptor"]["Columns"]
    if not change or [(one["Name"], one["Type"]) for one in old] == [
        (one["Name"], one["Type"]) for one in described["Columns"]
    ]:
        return
    new = {column["Name"] for column in described["Columns"]}
    gone = [column for column in old if column["Name"] not in new]
    merged = {**described, "Columns": [*described["Columns"], *gone]}
    parameters: Json = {**known.get("Parameters", {}), **wanted["Parameters"]}
    kept: Json = {key: known[key] for key in ("Description", "Owner", "Retention") if key in known}
    glue.update_table(
        DatabaseName=database, TableInput={**kept, **wanted, "StorageDescriptor": merged, "Parameters": parameters}
    )


def add_partitions(database: str, name: str, described: Json, found: list[tuple[list[str], str]]) -> None:
    """Register the partitions, values and location each, that the table lacks."""
    known = {tuple(partition["Values"]) for partition in partitions({"DatabaseName": database, "Name": name})}
    inputs = [
        {"Values": values, "StorageDescriptor": {**described, "Location": location}}
        for values, location in found
        if tuple(values) not in known
    ]
    glue = client()
    for start in range(0, len(inputs), 100):
        answer = glue.batch_create_partition(
            DatabaseName=database, TableName=name, PartitionInputList=inputs[start : start + 100]
        )
        if answer.get("Errors"):
            raise RuntimeError(f"Partitions of {database}.{name} could not be registered: {answer['Errors'][:3]}")
