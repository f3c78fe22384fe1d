"""Redshift's functions of dates and timestamps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.types import literal
from localaws.redshift.casts import assign
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.scope import Scope, Typed
from localaws.redshift.types import DATE, FLOAT8, INT4, INT8, TIMESTAMP, Type, said, text

if TYPE_CHECKING:
    from localaws.redshift.expressions import Expressions

Rule = Callable[["Expressions", Any, Scope], Typed]

# DATEADD: how the unit is added; DATEDIFF and DATE_TRUNC: DuckDB's name of it.
_ADD = {
    "year": ("to_years", 1),
    "quarter": ("to_months", 3),
    "month": ("to_months", 1),
    "week": ("to_days", 7),
    "day": ("to_days", 1),
    "hour": ("to_hours", 1),
    "minute": ("to_minutes", 1),
    "second": ("to_seconds", 1),
    "millisecond": ("to_milliseconds", 1),
    "microsecond": ("to_microseconds", 1),
}
_BETWEEN = ("year", "quarter", "month", "day", "hour", "minute", "second")
_TRUNCATE = ("year", "quarter", "month", "week", "day", "hour", "minute", "second", "decade", "century")
_PARTS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week": "week",
    "day": "day",
    "hour": "hour",
    "minute": "minute",
    "dow": "dow",
    "dayofweek": "dow",
    "doy": "doy",
    "dayofyear": "doy",
    "epoch": "epoch",
    "second": "second",
}
_ALIASES = {
    "y": "year",
    "yr": "year",
    "years": "year",
    "yrs": "year",
    "qtr": "quarter",
    "quarters": "quarter",
    "mon": "month",
    "mons": "month",
    "months": "month",
    "w": "week",
    "weeks": "week",
    "d": "day",
    "days": "day",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "hours": "hour",
    "m": "minute",
    "min": "minute",
    "mins": "minute",
    "minutes": "minute",
    "s": "second",
    "sec": "second",
    "secs": "second",
    "seconds": "second",
    "ms": "millisecond",
    "us": "microsecond",
}
_FORMATS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "DD": "%d",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "MI": "%M",
    "SS": "%S",
    "MS": "%g",
    "US": "%f",
    "DDD": "%j",
    "AM": "%p",
    "PM": "%p",
    "Mon": "%b",
    "Dy": "%a",
}
_FORMAT_PART = re.compile(
    r'"[^"]*"|(?i:YYYY|YY|DDD|DD|HH24|HH12|HH|MI|SS|MS|US|AM|PM)|MM|mm|Mon|Dy|[A-Za-z]+|.', re.DOTALL
)


def now() -> Typed:
    """The transaction's time in UTC, to the microsecond."""
    return Typed("localaws.now()", TIMESTAMP)


def _unit(node: Any, known: Any, what: str) -> str:
    name = str(node.name if node is not None else "day").lower()
    name = _ALIASES.get(name, name)
    if name not in known:
        raise Unsupported(f"{what} by {name}")
    return name


def _moment(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    value = self.value(node, scope)
    if value.type.is_text or value.type.name == "null":
        return assign(value, TIMESTAMP)
    if value.type.name not in ("date", "timestamp"):
        raise SqlError(f"a value of type {said(value.type)} stands where a date or timestamp is needed")
    return value


def _as_timestamp(value: Typed) -> str:
    return value.sql if value.type == TIMESTAMP else f"CAST({value.sql} AS TIMESTAMP)"


def _add(self: Expressions, node: exp.TsOrDsAdd, scope: Scope) -> Typed:
    function, factor = _ADD[_unit(node.args.get("unit"), _ADD, "DATEADD")]
    value = _moment(self, node.this, scope)
    amount = self.whole(node.expression, scope)
    return Typed(f"({_as_timestamp(value)} + {function}({amount}{f' * {factor}' if factor > 1 else ''}))", TIMESTAMP)


def _difference(self: Expressions, node: exp.TsOrDsDiff, scope: Scope) -> Typed:
    unit = _unit(node.args.get("unit"), _BETWEEN, "DATEDIFF")
    later, earlier = (_as_timestamp(_moment(self, one, scope)) for one in (node.this, node.expression))
    return Typed(f"date_diff('{unit}', {earlier}, {later})", INT8)


def _truncate(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    unit = _unit(node.args.get("unit"), _TRUNCATE, "DATE_TRUNC")
    value = _moment(self, node.this, scope)
    return Typed(f"CAST(date_trunc('{unit}', {_as_timestamp(value)}) AS TIMESTAMP)", TIMESTAMP)


def _part(self: Expressions, node: exp.Extract, scope: Scope) -> Typed:
    unit = _PARTS[_unit(node.this, _PARTS, "EXTRACT")]
    value = _as_timestamp(_moment(self, node.expression, scope))
    if unit == "epoch":
        return Typed(f"CAST(epoch({value}) AS DOUBLE)", FLOAT8)
    return Typed(f"CAST(date_part('{unit}', {value}) AS INTEGER)", INT4)


def _year(self: Expressions, node: exp.Func, scope: Scope) -> Typed:
    part = {exp.Year: "year", exp.Month: "month", exp.Day: "day"}[type(node)]
    return Typed(f"CAST(date_part('{part}', {_as_timestamp(_moment(self, node.this, scope))}) AS INTEGER)", INT4)


def _current(self: Expressions, node: exp.CurrentTimestamp, scope: Scope) -> Typed:
    if node.args.get("sysdate"):
        return now()
    return Typed("date_trunc('second', localaws.now())", TIMESTAMP)


def _today(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    return Typed("CAST(localaws.now() AS DATE)", DATE)


def _last_day(self: Expressions, node: exp.LastDay, scope: Scope) -> Typed:
    return Typed(f"last_day(CAST({_moment(self, node.this, scope).sql} AS DATE))", DATE)


def _date(self: Expressions, node: exp.Date, scope: Scope) -> Typed:
    if node.expressions or node.args.get("zone"):
        raise Unsupported("DATE with several arguments")
    return Typed(f"CAST({_moment(self, node.this, scope).sql} AS DATE)", DATE)


def _add_months(self: Expressions, node: exp.Anonymous, scope: Scope) -> Typed:
    value, amount = _moment(self, node.expressions[0], scope), self.whole(node.expressions[1], scope)
    return Typed(f"localaws.add_months({_as_timestamp(value)}, {amount})", TIMESTAMP)


def _format(node: exp.Expression, *, reading: bool) -> str:
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise Unsupported("A date's format that is not a constant")
    parts = []
    for part in _FORMAT_PART.findall(node.name):
        if part.startswith('"') and len(part) > 1:
            parts.append(part[1:-1].replace("%", "%%"))
        elif part.upper() in _FORMATS or part in _FORMATS:
            parts.append(_FORMATS.get(part) or _FORMATS[part.upper()])
        elif part.isalpha():
            raise Unsupported(f"The format {part!r} in {node.name!r}")
        else:
            parts.append(part.replace("%", "%%"))
    form = "".join(parts)
    if reading and "%y" in form:
        raise Unsupported("The format YY when a date is read")
    return literal(form)


def _to_char(self: Expressions, node: exp.Anonymous, scope: Scope) -> Typed:
    value = self.value(node.expressions[0], scope)
    if value.type.name not in ("date", "timestamp"):
        raise Unsupported("TO_CHAR of anything but a date or a timestamp")
    return Typed(f"strftime({_as_timestamp(value)}, {_format(node.expressions[1], reading=False)})", text(64))


def _to_date(self: Expressions, node: exp.Anonymous, scope: Scope) -> Typed:
    kind: Type = DATE if str(node.this).lower().endswith("date") else TIMESTAMP
    value, form = self.string(node.expressions[0], scope), _format(node.expressions[1], reading=True)
    return Typed(f"CAST(strptime({value}, {form}) AS {kind.duckdb})", kind)


RULES: Mapping[type[exp.Expression], Rule] = {
    exp.TsOrDsAdd: _add,
    exp.TsOrDsDiff: _difference,
    exp.TimestampTrunc: _truncate,
    exp.DateTrunc: _truncate,
    exp.Extract: _part,
    exp.Year: _year,
    exp.Month: _year,
    exp.Day: _year,
    exp.CurrentTimestamp: _current,
    exp.CurrentDate: _today,
    exp.LastDay: _last_day,
    exp.Date: _date,
}
# sqlglot reads these as functions that mean something else; the parser gives them these names first.
RENAMED = {"add_months": "localaws_add_months", "to_char": "localaws_to_char", "to_date": "localaws_to_date"}
NAMED: Mapping[str, tuple[int, int, Rule]] = {
    "localaws_add_months": (2, 2, _add_months),
    "localaws_to_char": (2, 2, _to_char),
    "localaws_to_date": (2, 2, _to_date),
}
