"""Dates, timestamps, time zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.athena.translate import literals, zones
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.functions.dateformats import date_format, date_parse, format_datetime, parse_datetime
from localaws.athena.translate.functions.resolution import text_argument
from localaws.athena.translate.operators import DAY_MS
from localaws.athena.translate.scope import Value, combine
from localaws.athena.translate.types import (
    BIGINT,
    DATE,
    DAY_SECOND,
    DOUBLE,
    INTEGRAL,
    TIMESTAMP,
    TSTZ,
    UTC,
    YEAR_MONTH,
    Type,
    common,
)

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

TABLE = registry.table("""
from_iso8601_date(varchar) -> date = athena_iso_date({0})
last_day_of_month(date) -> date = last_day({0})
date(date) -> date = {0}
to_milliseconds(interval day to second) -> bigint = {0}
""")

_DATE_UNITS = ("day", "week", "month", "quarter", "year")
_UNIT_MS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": DAY_MS, "week": 7 * DAY_MS}
_UNIT_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# Trino's field: how DuckDB reads it from a local timestamp or date.
_FIELDS = {
    "year": "year({0})", "quarter": "quarter({0})", "month": "month({0})", "week": "week({0})", "day": "day({0})",
    "day_of_month": "day({0})", "day_of_week": "isodow({0})", "dow": "isodow({0})", "day_of_year": "dayofyear({0})",
    "doy": "dayofyear({0})", "year_of_week": "isoyear({0})", "yow": "isoyear({0})", "week_of_year": "week({0})",
}  # fmt: skip
_TIME_FIELDS = {"hour": "hour({0})", "minute": "minute({0})", "second": "second({0})",
                "millisecond": "(millisecond({0}) % 1000)"}  # fmt: skip


def _moment(binder: ExpressionBinder, node: Any, argument: Any, *, dates: bool = True) -> Value:
    value = binder.bind(argument)
    allowed = ("timestamp", TSTZ, *(("date",) if dates else ()))
    if value.type.name == "unknown":
        return coerce(value, TIMESTAMP)
    if value.type.name not in allowed:
        what = f"Unexpected parameters ({value.type}) for function {_label(node)}. Expected: date, timestamp"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    return value


def _label(node: Any) -> str:
    return str(node.name or node.key).lower()


def _local(value: Value) -> str:
    return zones.local(value) if value.type.name == TSTZ else value.sql


def _field(name: str) -> Any:
    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        if len(arguments) != 1:
            binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters for function {name}", node)
        value = binder.bind(arguments[0])
        if value.type in (YEAR_MONTH, DAY_SECOND):
            return _interval_field(binder, node, name, value)
        template = {**_FIELDS, **_TIME_FIELDS}[name]
        value = _moment(binder, node, arguments[0])
        if name in _TIME_FIELDS and value.type == DATE:
            binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters (date) for function {name}", node)
        return combine(f"CAST({template.format(_local(value))} AS BIGINT)", BIGINT, [value])

    return bind


def _interval_field(binder: ExpressionBinder, node: Any, name: str, value: Value) -> Value:
    steps = {"second": (1000, 60), "minute": (60_000, 60), "hour": (3_600_000, 24), "day": (DAY_MS, 0),
             "millisecond": (1, 1000), "year": (12, 0), "month": (1, 12)}  # fmt: skip
    if name not in steps or (name in ("year", "month")) != (value.type == YEAR_MONTH):
        binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function {name}", node)
    size, wrap = steps[name]
    sql = f"({value.sql} // {size})" + (f" % {wrap}" if wrap else "")
    return combine(f"CAST({sql} AS BIGINT)", BIGINT, [value])


def _extract(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    name = arguments[0].name.lower()
    if name in ("timezone_hour", "timezone_minute", "millisecond"):
        raise refuse(f"EXTRACT of {name}")
    if name not in {**_FIELDS, **_TIME_FIELDS}:
        binder.context.fail("SYNTAX_ERROR", f"Invalid EXTRACT field: {name}", node)
    return _field(name)(binder, node, [arguments[1]])  # type: ignore[no-any-return]


def _unit(binder: ExpressionBinder, node: Any, argument: Any, value: Value) -> str:
    unit = text_argument(binder, argument, "a unit of time").lower()
    kind = "DATE" if value.type == DATE else "Timestamp"
    known = _DATE_UNITS if value.type == DATE else (*_UNIT_MS, *_UNIT_MONTHS)
    if unit not in known:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid {kind} field", node)
    return unit


def _date_trunc(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 2)
    value = _moment(binder, node, arguments[1])
    unit = _unit(binder, node, arguments[0], value)
    truncated = f"date_trunc('{unit}', {_local(value)})"
    if value.type == DATE:
        return combine(f"CAST({truncated} AS DATE)", DATE, [value])
    if value.type.name == TSTZ:
        return combine(zones.rezone(value, zones.from_local(truncated, value)), value.type, [value])
    return combine(truncated, value.type, [value])


def _date_add(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    from localaws.athena.translate.operators import add_interval

    _expect(binder, node, arguments, 3)
    value = _moment(binder, node, arguments[2])
    unit = _unit(binder, node, arguments[0], value)
    amount = _integer(binder, node, arguments[1])
    if unit in _UNIT_MONTHS:
        months = Value(f"CAST({amount.sql} * {_UNIT_MONTHS[unit]} AS INTEGER)", YEAR_MONTH, loose=amount.loose)
        return combine(add_interval(value, months, "+").sql, value.type, [value, amount])
    if value.type == DATE:
        days = f"CAST({amount.sql} * {_UNIT_MS[unit] // DAY_MS} AS INTEGER)"
        return combine(f"({value.sql} + {days})", DATE, [value, amount])
    step = Value(f"({amount.sql} * {_UNIT_MS[unit]})", DAY_SECOND)
    return combine(add_interval(value, step, "+").sql, value.type, [value, amount])


def _integer(binder: ExpressionBinder, node: Any, argument: Any) -> Value:
    value = binder.bind(argument)
    if value.type.name not in (*INTEGRAL, "unknown"):
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function {_label(node)}", node
        )
    return coerce(value, BIGINT)


def _date_diff(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 3)
    values = [_moment(binder, node, a) for a in arguments[1:]]
    kind = common(values[0].type, values[1].type)
    if kind is None:
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function date_diff", node)
    first, second = (coerce(v, kind) for v in values)
    unit = _unit(binder, node, arguments[0], first)
    parts = [first, second]
    if unit in _UNIT_MONTHS:
        sql = f"date_sub('month', {_local(first)}, {_local(second)})"
        return combine(f"({sql} // {_UNIT_MONTHS[unit]})", BIGINT, parts)
    if kind == DATE:
        return combine(f"(CAST({second.sql} - {first.sql} AS BIGINT) // {_UNIT_MS[unit] // DAY_MS})", BIGINT, parts)
    at = _local if unit in ("day", "week") else (lambda v: zones.instant(v) if v.type.name == TSTZ else v.sql)
    return combine(f"((epoch_ms({at(second)}) - epoch_ms({at(first)})) // {_UNIT_MS[unit]})", BIGINT, parts)


def _expect(binder: ExpressionBinder, node: Any, arguments: list[Any], *counts: int) -> None:
    if len(arguments) not in counts:
        what = f"Unexpected parameters for function {_label(node)}: {len(arguments)} given"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)


def _current(kind: str) -> Any:
    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        now = literals.moment(binder.context.now)
        if kind == "date":
            return Value(f"DATE '{now[11:21]}'", DATE, literal=binder.context.now.date())
        digits = binder.bind(arguments[0]).literal if arguments else 3
        if not isinstance(digits, int) or not 0 <= digits <= 6:
            raise refuse(f"current time with {digits} fractional digits")
        return Value(now, Type(TSTZ, (digits,), zone="UTC") if kind == "zoned" else Type("timestamp", (digits,)))

    return bind


def _from_unixtime(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 1, 2)
    seconds = binder.bind(arguments[0])
    if common(seconds.type, DOUBLE) != DOUBLE:
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({seconds.type}) for function from_unixtime", node
        )
    seconds = coerce(seconds, DOUBLE)
    instant = f"make_timestamp(CAST(round({seconds.sql} * 1000) AS BIGINT) * 1000)"
    value = combine(instant, UTC, [seconds])
    if len(arguments) == 1:
        return value
    return _in_zone(binder, value, arguments[1])


def _in_zone(binder: ExpressionBinder, value: Value, argument: Any) -> Value:
    from localaws.athena.translate.expressions import at_zone

    zone = binder.bind(argument)
    if zone.type.name != "varchar":
        raise refuse("time zones that are not named by a varchar")
    return at_zone(value, zone)


def _at_timezone(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 2)
    value = _moment(binder, node, arguments[0], dates=False)
    if value.type.name != TSTZ:
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}, varchar) for function at_timezone", node
        )
    return _in_zone(binder, value, arguments[1])


def _with_timezone(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """The instant at which clocks in a zone show a timestamp."""
    _expect(binder, node, arguments, 2)
    value = _moment(binder, node, arguments[0], dates=False)
    if value.type.name != "timestamp":
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}, varchar) for function with_timezone", node
        )
    zone = literals.zone_name(text_argument(binder, arguments[1], "a time zone"))
    kind = Type(TSTZ, value.type.params, zone=zone)
    return combine(zones.from_local(value.sql, Value("", kind)), kind, [value])


def _to_unixtime(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 1)
    value = _moment(binder, node, arguments[0])
    sql = zones.instant(value) if value.type.name == TSTZ else f"CAST({value.sql} AS TIMESTAMP)"
    return combine(f"(CAST(epoch_us({sql}) AS DOUBLE) / 1000000)", DOUBLE, [value])


def _date(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    from localaws.athena.translate.casts import cast

    _expect(binder, node, arguments, 1)
    value = binder.bind(arguments[0])
    if value.type.name not in ("varchar", "date", "timestamp", TSTZ, "unknown"):
        binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function date", node)
    return cast(value, DATE)


def _from_iso8601_timestamp(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    _expect(binder, node, arguments, 1)
    value = binder.bind(arguments[0])
    if value.type.name not in ("varchar", "unknown"):
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({value.type}) for function {_label(node)}", node
        )
    return combine(f"athena_iso_timestamp({value.sql})", Type(TSTZ, (3,)), [value])


def _to_iso8601(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    from localaws.athena.translate.types import VARCHAR

    _expect(binder, node, arguments, 1)
    value = _moment(binder, node, arguments[0])
    if value.type == DATE:
        return combine(f"CAST({value.sql} AS VARCHAR)", VARCHAR, [value])
    digits = value.type.precision
    keep = 19 if digits == 0 else 20 + digits
    sql = f"left(strftime({_local(value)}, '%Y-%m-%dT%H:%M:%S.%f'), {keep})"
    if value.type.name == TSTZ:
        sql = f"({sql} || athena_offset({zones.instant(value)}, {zones.zone_sql(value)}))"
    return combine(sql, VARCHAR, [value])


SPECIAL = {
    **{name: _field(name) for name in {**_FIELDS, **_TIME_FIELDS}},
    "$extract": _extract, "date_trunc": _date_trunc, "date_add": _date_add, "date_diff": _date_diff,
    "current_date": _current("date"), "current_timestamp": _current("zoned"), "now": _current("zoned"),
    "localtimestamp": _current("plain"), "from_unixtime": _from_unixtime, "at_timezone": _at_timezone,
    "with_timezone": _with_timezone, "to_unixtime": _to_unixtime, "date": _date, "date_format": date_format,
    "date_parse": date_parse, "format_datetime": format_datetime, "parse_datetime": parse_datetime,
    "from_iso8601_timestamp": _from_iso8601_timestamp, "to_iso8601": _to_iso8601,
}  # fmt: skip
