"""JSON values as the SerDes make columns of them: a converter for each type of the Glue catalog.

As OpenX and Hive do, numbers may come as text, anything becomes the text of a string column, names of struct fields
are matched without case, and what is not of the type is an error of the whole record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from localaws.athena.types import Type
from localaws.firehose import timestamps_in

Convert = Callable[[Any], Any]

_INTEGERS = {
    "tinyint": (8, pa.int8()),
    "smallint": (16, pa.int16()),
    "integer": (32, pa.int32()),
    "bigint": (64, pa.int64()),
}
_SIMPLE = {
    "boolean": pa.bool_(),
    "real": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "char": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ns"),
}
_EPOCH = date(1970, 1, 1)


class ValueProblem(Exception):
    """A value is not of its column's type."""


def arrow_type(kind: Type) -> Any:
    """The Arrow type that holds a column; raises ValueProblem for a type that is not converted."""
    if kind.base in _INTEGERS:
        return _INTEGERS[kind.base][1]
    if kind.base in _SIMPLE:
        return _SIMPLE[kind.base]
    if kind.base == "decimal":
        return pa.decimal128(*kind.args)
    if kind.base == "array":
        return pa.list_(arrow_type(kind.element))
    if kind.base == "map" and kind.fields[0][1].base in ("varchar", "char"):
        return pa.map_(pa.string(), arrow_type(kind.element))
    if kind.base == "row":
        return pa.struct([pa.field(name.lower(), arrow_type(inner)) for name, inner in kind.fields])
    raise ValueProblem(f"columns of type {kind.athena} are not converted")


def converter(kind: Type, formats: Sequence[str] = ()) -> Convert:
    """A function from a JSON value to what Arrow takes for the type; formats are the SerDe's timestamp formats."""
    convert = _converter(kind, formats)
    return lambda value: None if value is None else convert(value)


def _converter(kind: Type, formats: Sequence[str]) -> Convert:
    if kind.base in _INTEGERS:
        bits = _INTEGERS[kind.base][0]
        return lambda value: _integer(value, bits, kind)
    if kind.base in ("real", "double"):
        return lambda value: _double(value, kind)
    if kind.base == "decimal":
        return lambda value: _decimal(value, kind)
    if kind.base in ("varchar", "char"):
        return lambda value: _text(value, kind)
    if kind.base == "timestamp":
        return lambda value: _timestamp(value, formats, kind)
    if kind.base == "array":
        item = converter(kind.element, formats)
        return lambda value: [item(one) for one in _of(list, value, kind)]
    if kind.base == "map":
        item = converter(kind.element, formats)
        return lambda value: [(key, item(one)) for key, one in _of(dict, value, kind).items()]
    if kind.base == "row":
        fields = {name.lower(): converter(inner, formats) for name, inner in kind.fields}
        return lambda value: _row(_of(dict, value, kind), fields)
    return {"boolean": _boolean, "date": _date}[kind.base]


def _problem(value: Any, kind: str) -> ValueProblem:
    text = json.dumps(value)
    return ValueProblem(f"{text if len(text) < 80 else text[:77] + '...'} is not of type {kind}")


def _of(wanted: type, value: Any, kind: Type) -> Any:
    if not isinstance(value, wanted):
        raise _problem(value, kind.hive)
    return value


def _row(value: Mapping[str, Any], fields: Mapping[str, Convert]) -> dict[str, Any]:
    lowered = {name.lower(): item for name, item in value.items()}
    return {name: convert(lowered.get(name)) for name, convert in fields.items()}


def _integer(value: Any, bits: int, kind: Type) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,19}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise _problem(value, kind.hive)
    return value


def _double(value: Any, kind: Type) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise _problem(value, kind.hive) from error
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _problem(value, kind.hive)
    return float(value)


def _decimal(value: Any, kind: Type) -> Decimal:
    precision, scale = kind.args
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _problem(value, kind.hive)
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
        rounded = number.quantize(Decimal(1).scaleb(-scale))
    except InvalidOperation as error:
        raise _problem(value, kind.hive) from error
    if len(rounded.as_tuple().digits) > precision and rounded:
        raise _problem(value, kind.hive)
    return rounded


def _text(value: Any, kind: Type) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _problem(value, kind.hive) from error
    return text[: kind.args[0]] if kind.args else text


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise _problem(value, "boolean")
    return value


def _date(value: Any) -> date:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return _EPOCH + timedelta(days=value)
        except OverflowError as error:
            raise _problem(value, "date") from error
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", value):
        try:
            return date(*map(int, value.split("-")))
        except ValueError:
            pass
    raise _problem(value, "date")


def _timestamp(value: Any, formats: Sequence[str], kind: Type) -> int:
    """Nanoseconds since 1970."""
    try:
        return timestamps_in.read(value, formats)
    except ValueError as error:
        raise _problem(value, kind.hive) from error
