"""Glue's and Hive's names of types, as Spark's types."""

from __future__ import annotations

from typing import Any

from pyspark.sql.types import DataType, StructType, _parse_datatype_string

_NAMES = {
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "number": "double",
    "numeric": "decimal",
}


def spark_type(name: str) -> DataType:
    """The type of a name such as ``long``, ``decimal(10,2)`` or ``array<struct<a:int>>``. Raises ValueError."""
    wanted = name.strip()
    if wanted.lower() == "null":
        raise ValueError("null is no type to convert to")
    try:
        return _parse_datatype_string(_NAMES.get(wanted.lower(), wanted))
    except Exception as error:
        raise ValueError(f"{name!r} is no type that Glue knows") from error


def catalog_schema(columns: list[dict[str, Any]]) -> StructType:
    """The schema of a catalog table's columns."""
    schema = StructType()
    for column in columns:
        schema = schema.add(column["Name"], spark_type(column.get("Type") or "string"))
    return schema


def catalog_columns(schema: StructType) -> list[dict[str, str]]:
    """A schema in the catalog's form, its names in lower case as Glue folds them."""
    return [{"Name": field.name.lower(), "Type": field.dataType.simpleString()} for field in schema.fields]
