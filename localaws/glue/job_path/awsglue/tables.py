"""Tables of the catalog as data frames, by their files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from . import files
from .catalog import partitions
from .types import catalog_schema

Json = dict[str, Any]

_SEPARATORS = ("separatorChar", "field.delim", "delimiter")


def format_of(table: Json) -> str:
    """csv, json, parquet or orc. Raises ValueError."""
    described = table["StorageDescriptor"]
    text = " ".join(
        [
            table.get("Parameters", {}).get("classification", ""),
            described.get("SerdeInfo", {}).get("SerializationLibrary", ""),
        ]
    ).lower()
    for mark, kind in (("parquet", "parquet"), ("orc", "orc"), ("json", "json"), ("csv", "csv"), ("lazysimple", "csv")):
        if mark in text:
            return kind
    raise ValueError(f"The table {table['DatabaseName']}.{table['Name']} has no format that is read here: {text!r}.")


def read(
    spark: SparkSession, table: Json, *, predicate: str = "", expression: str = "", context: str = "", options: Json
) -> DataFrame:
    """A table's rows, of the partitions that the predicate (Spark SQL) and the expression (Glue's) choose."""
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise ValueError(f"{table['DatabaseName']}.{table['Name']} is a view, which a job cannot read.")
    described, keys = table["StorageDescriptor"], table.get("PartitionKeys") or []
    kind = format_of(table)
    # Parquet and ORC say themselves what their columns are; text has the catalog's.
    schema = None if kind in ("parquet", "orc") else catalog_schema(described["Columns"])
    how = {**text_options(table, kind), **options}
    location = described["Location"].rstrip("/") + "/"
    excluded = options.get("exclusions") or ()
    if not keys:
        found = files.read(spark, kind, [location], how, schema=schema, context=context, exclusions=excluded)
        return _as_table(spark, found, table)
    chosen = _chosen(spark, partitions(table, expression), keys, predicate)
    hive = [one for one in chosen if _is_hive(one, keys, location)]
    frames = []
    if hive:
        full = _with_keys(schema, keys)
        paths = [one["StorageDescriptor"]["Location"].rstrip("/") + "/" for one in hive]
        frame = files.read(spark, kind, paths, how, schema=full, base=location, context=context, exclusions=excluded)
        if frame is not None:
            frames.append(frame)
    for one in chosen:
        if one in hive:
            continue
        path = one["StorageDescriptor"]["Location"].rstrip("/") + "/"
        frame = files.read(spark, kind, [path], how, schema=schema, context=context, exclusions=excluded)
        if frame is not None:
            for key, value in zip(keys, one["Values"], strict=True):
                frame = frame.withColumn(key["Name"], F.lit(value))
            frames.append(frame)
    if not frames:
        return _as_table(spark, None, table)
    union = reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), frames)
    return _as_table(spark, union, table)


def _as_table(spark: SparkSession, frame: DataFrame | None, table: Json) -> DataFrame:
    """The columns under the catalog's names, partition keys last and of the catalog's types."""
    keys = catalog_schema(table.get("PartitionKeys") or [])
    if frame is None:
        columns = catalog_schema(table["StorageDescriptor"]["Columns"])
        return spark.createDataFrame([], StructType([*columns.fields, *keys.fields]))
    types = {field.name: field.dataType for field in keys.fields}
    names = {column["Name"] for column in table["StorageDescriptor"]["Columns"]}
    data = [name for name in frame.columns if name.lower() not in types]
    return frame.select(
        *(F.col(f"`{name}`").alias(name.lower() if name.lower() in names else name) for name in data),
        *(F.col(f"`{name}`").cast(kind).alias(name) for name, kind in types.items()),
    )


def _chosen(spark: SparkSession, found: list[Json], keys: list[Json], predicate: str) -> list[Json]:
    """The partitions for which the predicate holds; Spark itself says so."""
    if not predicate or not found:
        return found
    names = [key["Name"] for key in keys]
    rows = [[str(number), *one["Values"]] for number, one in enumerate(found)]
    frame = spark.createDataFrame(rows, StructType.fromJson(_strings(["__number", *names])))
    for field in catalog_schema(keys).fields:
        frame = frame.withColumn(field.name, F.col(f"`{field.name}`").cast(field.dataType))
    kept = {int(row["__number"]) for row in frame.where(predicate).select("__number").collect()}
    return [one for number, one in enumerate(found) if number in kept]


def _strings(names: list[str]) -> Json:
    fields = [{"name": name, "type": "string", "nullable": True, "metadata": {}} for name in names]
    return {"type": "struct", "fields": fields}


def _is_hive(partition: Json, keys: list[Json], location: str) -> bool:
    """Whether the partition's folder says its values: ``key=value`` below the table's location."""
    path = partition["StorageDescriptor"]["Location"].rstrip("/") + "/"
    parts = [f"{key['Name']}={value}" for key, value in zip(keys, partition["Values"], strict=True)]
    return bool(path.lower() == (location + "/".join(parts) + "/").lower())


def _with_keys(schema: StructType | None, keys: list[Json]) -> StructType | None:
    if schema is None:
        return None
    for key in keys:
        schema = schema.add(key["Name"], "string")
    return schema


def text_options(table: Json, kind: str) -> Mapping[str, Any]:
    """format_options for a table's text, from its SerDe's parameters."""
    if kind != "csv":
        return {}
    described = table["StorageDescriptor"]
    serde = described.get("SerdeInfo", {})
    parameters = serde.get("Parameters", {})
    found: Json = {}
    for name in _SEPARATORS:
        if parameters.get(name):
            found["separator"] = parameters[name]
    header = {**described.get("Parameters", {}), **table.get("Parameters", {})}.get("skip.header.line.count", "0")
    found["withHeader"] = header != "0"
    if "OpenCSV" in serde.get("SerializationLibrary", ""):
        found["quoteChar"] = parameters.get("quoteChar", '"')
        found["escaper"] = parameters.get("escapeChar", "\\")
    return found
