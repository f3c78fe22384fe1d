"""The columns of a Parquet file, from its footer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localaws.glue.types import UNKNOWN, Array, Columns, Decimal, Map, Struct, Type

_NAMES = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "bigint",
    "halffloat": "float",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "string_view": "string",
    "binary": "binary",
    "large_binary": "binary",
    "binary_view": "binary",
    "date32[day]": "date",
    "date64[ms]": "date",
    "time32[s]": "int",
    "time32[ms]": "int",
    "time64[us]": "bigint",
    "time64[ns]": "bigint",
    "null": UNKNOWN,
}

# Files of one table mostly share one schema: converting it once is a third of the time.
_converted: dict[Any, Columns] = {}


def describe(path: Path) -> tuple[Columns, int, int]:
    """Columns, rows, and uncompressed bytes of a row."""
    import pyarrow.parquet as pq  # costs 0.2 s, which no start of the server should pay

    footer = pq.read_metadata(path, memory_map=True)
    schema = footer.schema.to_arrow_schema().remove_metadata()
    columns = _converted.get(schema)
    if columns is None:
        columns = tuple((field.name.lower(), _type(field.type)) for field in schema)
        _converted[schema] = columns
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    return columns, footer.num_rows, max(1, size // footer.num_rows) if footer.num_rows else 1


def _type(kind: Any) -> Type:
    import pyarrow.types as pt

    if pt.is_timestamp(kind):
        return "timestamp"
    if pt.is_decimal(kind):
        return Decimal(kind.precision, kind.scale)
    if pt.is_fixed_size_binary(kind):
        return "binary"
    if pt.is_dictionary(kind):
        return _type(kind.value_type)
    if pt.is_map(kind):
        return Map(_type(kind.key_type), _type(kind.item_type))
    if pt.is_struct(kind):
        return Struct(tuple((kind.field(at).name.lower(), _type(kind.field(at).type)) for at in range(kind.num_fields)))
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return Array(_type(kind.value_type))
    return _NAMES.get(str(kind), "string")
