"""Timestamps in JSON as Firehose's SerDes read them: ISO 8601, SQL's form, epochs, and Hive's custom formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

_SQL = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z")
_LETTERS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "S": r"(?P<fraction>\d{1,9})",
    "Z": r"(?P<zone>[+-]\d{4})",
    "ZZ": r"(?P<zone>[+-]\d{2}:\d{2})",
    "X": r"(?P<zone>Z|[+-]\d{2})",
    "XX": r"(?P<zone>Z|[+-]\d{4})",
    "XXX": r"(?P<zone>Z|[+-]\d{2}:\d{2})",
}
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)
SECONDS_BELOW = 10_000_000_000  # a larger epoch is in milliseconds
LIMIT = 1 << 63


def compile_format(form: str) -> re.Pattern[str]:
    """The pattern of a Java (Joda) format; raises ValueError for letters that are not supported."""
    pattern = ""
    for match in _PART.finditer(form):
        text, letter = match.group(0), match.group(2)
        if match.group(1) is not None:
            pattern += re.escape(match.group(1).replace("''", "'") or "'")
        elif letter is None:
            pattern += re.escape(text)
        else:
            key = "S" if letter == "S" else text
            if key not in _LETTERS:
                raise ValueError(f"the timestamp format {form!r} has {text!r}, which is not supported")
            pattern += _LETTERS[key]
    return re.compile(pattern)


def read(value: Any, formats: Sequence[str] = ()) -> int:
    """Nanoseconds since 1970, UTC where no zone is said; raises ValueError for what is no timestamp."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a timestamp")
    number = isinstance(value, int | float) or re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if "millis" in formats and number:
        return _limited(int(Decimal(str(value)) * 1_000_000))
    if not formats and number:
        amount = Decimal(str(value))
        return _limited(int(amount * (10**9 if abs(amount) < SECONDS_BELOW else 10**6)))
    if isinstance(value, str):
        for form in formats:
            if form != "millis" and (match := compile_format(form).fullmatch(value)):
                return _of(match.groupdict())
        if match := _SQL.fullmatch(value) or (None if formats else _ISO.fullmatch(value)):
            names = ("year", "month", "day", "hour", "minute", "second", "fraction")
            return _of(dict(zip(names, match.groups(), strict=True)))
    raise ValueError("not a timestamp")


def _of(parts: dict[str, str | None]) -> int:
    year, month, day = (int(parts.get(name) or first) for name, first in (("year", 1970), ("month", 1), ("day", 1)))
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    at = datetime(year, month, day, hour, minute, second, tzinfo=_zone(parts.get("zone")))
    fraction = int((parts.get("fraction") or "0").ljust(9, "0"))
    seconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return _limited(seconds * 10**9 + fraction)


def _zone(text: str | None) -> timezone:
    if not text or text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _limited(nanoseconds: int) -> int:
    if not -LIMIT <= nanoseconds < LIMIT:
        raise ValueError("outside of what a timestamp can hold")
    return nanoseconds
