"""A Parquet column read as the type that the catalog says: exactly, by a change that Athena allows, or not at all."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from localaws.athena.types import Type, quote

INTEGERS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}


def read(value: str, stored: Any, wanted: Type) -> str | None:
    """The DuckDB expression for the column ``value`` of Arrow type ``stored`` as ``wanted``; None if not compatible.

    Widening of numbers, binary read as text and timestamps rounded to milliseconds are allowed.
    """
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if pa.types.is_null(stored):
        return f"CAST(NULL AS {wanted.duckdb})"
    if wanted.base in INTEGERS:
        return _integer(value, stored, wanted)
    if wanted.base in SCALARS:
        return SCALARS[wanted.base](value, stored, wanted)
    return _nested(value, stored, wanted)


def _integer(value: str, stored: Any, wanted: Type) -> str | None:
    if not pa.types.is_integer(stored):
        return None
    unsigned = pa.types.is_unsigned_integer(stored)
    if stored.bit_width + unsigned > INTEGERS[wanted.base]:
        return None
    return value if stored.bit_width == INTEGERS[wanted.base] else f"CAST({value} AS {wanted.duckdb})"


def _boolean(value: str, stored: Any, wanted: Type) -> str | None:
    return value if pa.types.is_boolean(stored) else None


def _real(value: str, stored: Any, wanted: Type) -> str | None:
    return value if pa.types.is_float32(stored) else None


def _double(value: str, stored: Any, wanted: Type) -> str | None:
    if pa.types.is_float32(stored):
        return f"CAST({value} AS DOUBLE)"
    return value if pa.types.is_float64(stored) else None


def _decimal(value: str, stored: Any, wanted: Type) -> str | None:
    if not pa.types.is_decimal(stored):
        return None
    precision, scale = wanted.args
    if stored.scale > scale or stored.precision - stored.scale > precision - scale:
        return None
    return value if (stored.precision, stored.scale) == (precision, scale) else f"CAST({value} AS {wanted.duckdb})"


def _is_text(stored: Any) -> bool:
    return bool(pa.types.is_string(stored) or pa.types.is_large_string(stored))


def _is_binary(stored: Any) -> bool:
    return bool(pa.types.is_binary(stored) or pa.types.is_large_binary(stored))


def _text(value: str, stored: Any, wanted: Type) -> str | None:
    if _is_binary(stored):
        value = f"decode({value})"
    elif not _is_text(stored):
        return None
    return f"left({value}, {wanted.args[0]})" if wanted.args else value


def _binary(value: str, stored: Any, wanted: Type) -> str | None:
    if _is_text(stored):
        return f"encode({value})"
    return value if _is_binary(stored) or pa.types.is_fixed_size_binary(stored) else None


def _date(value: str, stored: Any, wanted: Type) -> str | None:
    return value if pa.types.is_date32(stored) else None


def _timestamp(value: str, stored: Any, wanted: Type) -> str | None:
    """Hive's timestamps have milliseconds; an instant is shown in UTC."""
    if not pa.types.is_timestamp(stored):
        return None
    if stored.tz is not None:
        value = f"CAST({value} AS TIMESTAMP)"
    if stored.unit in ("us", "ns"):
        value = f"date_trunc('millisecond', CAST({value} AS TIMESTAMP) + INTERVAL 500 MICROSECOND)"
    return value


SCALARS = {
    "boolean": _boolean,
    "real": _real,
    "double": _double,
    "decimal": _decimal,
    "varchar": _text,
    "char": _text,
    "varbinary": _binary,
    "date": _date,
    "timestamp": _timestamp,
}


def _nested(value: str, stored: Any, wanted: Type) -> str | None:
    if wanted.base == "array" and (pa.types.is_list(stored) or pa.types.is_large_list(stored)):
        inner = read("athena_e", stored.value_type, wanted.element)
        if inner is None or inner == "athena_e":
            return inner and value
        return f"list_transform({value}, lambda athena_e: {inner})"
    if wanted.base == "map" and pa.types.is_map(stored):
        key = read("athena_e.key", stored.key_type, wanted.fields[0][1])
        item = read("athena_e.value", stored.item_type, wanted.element)
        if key is None or item is None:
            return None
        if (key, item) == ("athena_e.key", "athena_e.value"):
            return value
        pairs = f"list_transform(map_entries({value}), lambda athena_e: {{'key': {key}, 'value': {item}}})"
        return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({pairs}) END"
    if wanted.base == "row" and pa.types.is_struct(stored):
        return _row(value, stored, wanted)
    return None


def _row(value: str, stored: Any, wanted: Type) -> str | None:
    """Fields go by name; one that the file does not have is NULL."""
    own = {stored.field(index).name.lower(): stored.field(index) for index in range(stored.num_fields)}
    parts = []
    for name, kind in wanted.fields:
        field = own.get(name.lower())
        if field is None:
            parts.append((name, f"CAST(NULL AS {kind.duckdb})"))
            continue
        inner = read(f"({value}).{quote(field.name)}", field.type, kind)
        if inner is None:
            return None
        parts.append((name, inner))
    same = [name for name, _ in wanted.fields] == [stored.field(index).name for index in range(stored.num_fields)]
    if same and all(inner == f"({value}).{quote(name)}" for name, inner in parts):
        return value
    packed = ", ".join(f"{quote(name)} := {inner}" for name, inner in parts)
    return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END"
