"""Literals and type names."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from localaws.athena.translate.errors import SqlError, refuse
from localaws.athena.translate.scope import NO_LITERAL, Value, combine, text
from localaws.athena.translate.types import (
    BIGINT,
    DAY_SECOND,
    DOUBLE,
    INTEGER,
    TSTZ,
    VARBINARY,
    YEAR_MONTH,
    Type,
    build_type,
    decimal,
    duckdb_type,
    field_names,
)

_OFFSET = re.compile(r"^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$")
_ZONE_TAIL = re.compile(r"^\s*[+-]?\d{4,}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?\s*(\S+)\s*$")
_UNIT_MS = {"SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000, "WEEK": 604_800_000}
_UNIT_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
# sqlglot's names of types, where they are not Trino's.
_TYPE_NAMES = {"INT": "integer", "TEXT": "varchar", "FLOAT": "real", "TIMESTAMPTZ": TSTZ,
               "STRUCT": "row", "TIMETZ": "time with time zone"}  # fmt: skip


def literal(_: Any, node: exp.Literal) -> Value:
    """A string or number."""
    if node.is_string:
        return Value(text(node.this), Type("varchar", (len(node.this),)), literal=node.this)
    return number(node.this)


def number(digits: str, negative: bool = False) -> Value:
    """1 is integer or bigint by its size, 1.5 a decimal of just these digits, 1e0 a double."""
    written = ("-" if negative else "") + digits
    if "e" in digits.lower():
        return Value(f"CAST({text(written)} AS DOUBLE)", DOUBLE, literal=float(written))
    if "." in digits:
        whole, _, fraction = digits.partition(".")
        whole = whole.lstrip("0")
        kind = decimal(max(1, len(whole) + len(fraction)), len(fraction))
        if len(whole) + len(fraction) > 38:
            raise SqlError("NUMERIC_VALUE_OUT_OF_RANGE", f"Invalid decimal literal '{written}'")
        return Value(f"CAST({text(written)} AS {duckdb_type(kind)})", kind, literal=Decimal(written))
    value = int(written)
    if -(2**31) <= value < 2**31:
        return Value(f"({written})" if negative else written, INTEGER, literal=value)
    if not -(2**63) <= value < 2**63:
        raise SqlError("NUMERIC_VALUE_OUT_OF_RANGE", f"Invalid numeric literal: {written}")
    return Value(f"CAST({text(written)} AS BIGINT)", BIGINT, literal=value)


def hex_string(_: Any, node: exp.HexString) -> Value:
    """X'0aff'."""
    digits = node.this.replace(" ", "")
    if len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", digits):
        raise SqlError("INVALID_LITERAL", "Binary literal must contain an even number of hexadecimal digits")
    return Value(f"unhex({text(digits)})", VARBINARY)


def unicode_string(_: Any, node: exp.UnicodeString) -> Value:
    r"""U&'caf\00e9'."""
    if node.args.get("escape"):
        raise refuse("UESCAPE")
    plain = re.sub(r"\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|(\\))", _unicode, node.this)
    return Value(text(plain), Type("varchar", (len(plain),)), literal=plain)


def _unicode(match: re.Match[str]) -> str:
    return match[3] or chr(int(match[1] or match[2], 16))


def interval(_: Any, node: exp.Interval) -> Value:
    """INTERVAL '1' DAY: a literal number of months or milliseconds."""
    sign, body = 1, node.this
    if isinstance(body, exp.Neg):
        sign, body = -1, body.this
    if not isinstance(body, exp.Literal) or not body.is_string or not isinstance(node.args["unit"], exp.Var):
        raise refuse("an interval of several fields")
    words, unit = body.this.strip(), node.args["unit"].name.upper()
    pattern = r"[+-]?\d+(\.\d{1,9})?" if unit == "SECOND" else r"[+-]?\d+"
    if not re.fullmatch(pattern, words) or unit not in (*_UNIT_MS, *_UNIT_MONTHS):
        raise SqlError("INVALID_LITERAL", f"Invalid INTERVAL {unit} value: {body.this}")
    if unit in _UNIT_MONTHS:
        months = sign * int(words) * _UNIT_MONTHS[unit]
        return Value(f"({months})", YEAR_MONTH, literal=months)
    milliseconds = sign * int(Decimal(words) * _UNIT_MS[unit])
    return Value(f"CAST({milliseconds} AS BIGINT)", DAY_SECOND, literal=milliseconds)


def row(values: list[Value], names: list[str | None] | None = None) -> Value:
    """ROW(a, b)."""
    fields = tuple(names or [None] * len(values))
    kind = Type("row", args=tuple(v.type for v in values), fields=fields)
    packed = ", ".join(f"{n} := {_typed(v)}" for n, v in zip(field_names(kind), values, strict=True))
    return combine(f"struct_pack({packed})", kind, values)


def _typed(value: Value) -> str:
    return f"CAST({value.sql} AS {duckdb_type(value.type)})" if value.literal is not NO_LITERAL else value.sql


def cast_type(node: exp.DataType) -> Type:
    """The Trino type that a type name in the query stands for."""
    if isinstance(node.this, exp.Interval):
        spans = {"YEAR": YEAR_MONTH, "DAY": DAY_SECOND}
        return spans[node.this.args["unit"].this.name.upper()]
    name = str(node.this.value if hasattr(node.this, "value") else node.this)
    if name in ("USERDEFINED", "USER-DEFINED"):
        raise SqlError("TYPE_NOT_FOUND", f"Unknown type: {node.args.get('kind')}")
    name = _TYPE_NAMES.get(name, name.lower())
    inner = node.expressions
    if name == "row":
        fields = [(e.name.lower(), e.args["kind"]) if isinstance(e, exp.ColumnDef) else (None, e) for e in inner]
        return Type("row", args=tuple(cast_type(t) for _, t in fields), fields=tuple(n for n, _ in fields))
    if name in ("array", "map"):
        return Type(name, args=tuple(map(cast_type, inner)))
    return build_type(name, [e.this.name for e in inner])


def zone_name(written: str) -> str:
    """A zone's name as Trino shows it: an offset as +02:00, UTC and its synonyms as UTC; SqlError if there is none."""
    if written.upper() in ("UTC", "Z", "GMT", "UT", "GMT0") or written in ("+00:00", "-00:00"):
        return "UTC"
    match = _OFFSET.match(written)
    if match:
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours * 60 + minutes > 14 * 60:
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"'{written}' is not a valid time zone")
        return f"{match[1]}{hours:02}:{minutes:02}" if hours or minutes else "UTC"
    try:
        ZoneInfo(written)
    except (OSError, ValueError, LookupError):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"'{written}' is not a valid time zone") from None
    return written


def literal_zone_type(written: str, target: Type) -> Type:
    """The zoned type of a literal that names its zone (TIMESTAMP '2024-01-01 00:00 UTC')."""
    match = _ZONE_TAIL.match(written)
    zone = zone_name(match[1]) if match and not re.fullmatch(r"[\d:.-]+", match[1]) else "UTC"
    return Type(TSTZ, target.params, zone=zone)


def cast_literal(node: exp.Expression, target: Type) -> Any:
    """The Python value of DATE '2024-01-01' and its like, else NO_LITERAL."""
    if not isinstance(node, exp.Literal):
        return NO_LITERAL
    try:
        if target.name == "date" and node.is_string:
            return date.fromisoformat(node.this)
        if target.name == "timestamp" and node.is_string:
            return datetime.fromisoformat(node.this)
        if target.name in ("varchar",) and node.is_string and not target.params:
            return node.this
        if target.name in ("bigint", "integer", "smallint", "tinyint"):
            return int(node.this)
    except ValueError:
        return NO_LITERAL
    return NO_LITERAL


def moment(now: datetime) -> str:
    """A TIMESTAMP literal of an aware datetime, in UTC."""
    utc = now.astimezone(timezone(timedelta(0))).replace(tzinfo=None)
    return f"TIMESTAMP '{utc.isoformat(sep=' ', timespec='milliseconds')}'"
