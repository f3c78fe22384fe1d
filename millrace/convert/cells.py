"""What a cell's text means, decided one cell at a time in plain Python.

The vectorised paths accept only what these rules accept, with the same value; a cell that they cannot accept is decided
here. All times are naive UTC.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from zoneinfo import ZoneInfo

from millrace.contracts import Column

TRUE = frozenset(("true", "t", "yes", "y", "1"))
FALSE = frozenset(("false", "f", "no", "n", "0"))
WHITESPACE = " \t\n\r\v\f"
Value = str | int | float | bool | decimal.Decimal | dt.date | dt.datetime

_BIGINT = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?"
    r"(?: ?([Zz]|UTC|GMT|([+-])(\d{2})(?::?(\d{2}))?))?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"0*([1-9]\d{9}|[1-9]\d{12})(?:\.(\d+))?", re.ASCII)
_TYPE_WORDS = {"bigint": "whole number", "double": "number"}
_FIRST = dt.datetime(1970, 1, 1)


class BadCell(ValueError):
    """A text that is no value of the column's type; the message is the reason, without the column's name."""


def parse(text: str, column: Column, timezone: str = "UTC") -> Value:
    """The value of a trimmed, non-empty text; raises BadCell. timezone: of times that name none."""
    value = _PARSERS[column.type.split("(")[0]](text, column, timezone)
    if value is None:
        word = _TYPE_WORDS.get(column.type, column.type)
        raise BadCell(f'"{shown(text)}" is not a {word}')
    return value


def shown(text: str) -> str:
    """A text as reasons quote it: long ones are cut."""
    return text if len(text) <= 100 else f"{text[:100]}…"


def _string(text: str, column: Column, timezone: str) -> Value | None:
    return text


def _bigint(text: str, column: Column, timezone: str) -> Value | None:
    # The length keeps int() from long work on absurd input.
    value = int(text) if _BIGINT.fullmatch(text) and len(text.lstrip("+-0")) <= 19 else None
    return value if value is not None and -(1 << 63) <= value < 1 << 63 else None


def _double(text: str, column: Column, timezone: str) -> Value | None:
    value = float(text) if _NUMBER.fullmatch(text) else None
    return value if value is not None and abs(value) != float("inf") else None


def _boolean(text: str, column: Column, timezone: str) -> Value | None:
    lower = text.lower()
    return lower in TRUE if lower in TRUE or lower in FALSE else None


def _decimal(text: str, column: Column, timezone: str) -> Value | None:
    assert column.decimal is not None
    precision, scale = column.decimal
    if not _NUMBER.fullmatch(text):
        return None
    value = decimal.Decimal(text)
    if not value:
        return decimal.Decimal(0)
    if value.adjusted() >= precision - scale:
        return None
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    excess = -exponent - scale
    if excess > 0 and (excess >= len(digits) or any(digits[-excess:])):
        return None
    return value


def _date(text: str, column: Column, timezone: str) -> Value | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _timestamp(text: str, column: Column, timezone: str) -> Value | None:
    if match := _EPOCH.fullmatch(text):
        digits, fraction = match[1], match[2] or ""
        milliseconds = int(digits) if len(digits) == 13 else int(digits) * 1000 + int(f"{fraction:0<3}"[:3])
        return _FIRST + dt.timedelta(milliseconds=milliseconds)
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone, sign, zone_hour, zone_minute = match.groups()
    milliseconds = int(f"{fraction or '':0<3}"[:3])
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), milliseconds * 1000
        )
        if zone is None:
            return moment if timezone == "UTC" else _from_local(moment, text, timezone)
        if sign is None:
            return moment
        if int(zone_hour) > 23 or int(zone_minute or 0) > 59:
            return None
        offset = dt.timedelta(hours=int(zone_hour), minutes=int(zone_minute or 0))
        return moment - offset if sign == "+" else moment + offset
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadCell):
            raise
        return None


def _from_local(moment: dt.datetime, text: str, timezone: str) -> dt.datetime:
    """Where the clock is set back and a time comes twice, the first is meant; one that is skipped is no time."""
    zone = ZoneInfo(timezone)
    utc = moment.replace(tzinfo=zone).astimezone(dt.UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != moment:
        raise BadCell(f'"{shown(text)}" does not exist in {timezone}, where clocks are set forward then')
    return utc.replace(tzinfo=None)


_PARSERS = {
    "string": _string,
    "bigint": _bigint,
    "double": _double,
    "boolean": _boolean,
    "decimal": _decimal,
    "date": _date,
    "timestamp": _timestamp,
}
