"""Times written by patterns of Java's DateTimeFormatter, as far as S3 prefixes use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)
_NUMBERS: Mapping[str, Callable[[datetime], int]] = {
    "M": lambda at: at.month,
    "L": lambda at: at.month,
    "d": lambda at: at.day,
    "H": lambda at: at.hour,
    "k": lambda at: at.hour or 24,
    "h": lambda at: at.hour % 12 or 12,
    "K": lambda at: at.hour % 12,
    "m": lambda at: at.minute,
    "s": lambda at: at.second,
    "D": lambda at: at.timetuple().tm_yday,
}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def write(pattern: str, at: datetime) -> str:
    """The time by the pattern; raises ValueError for a letter that is not supported."""
    return "".join(_part(match, at) for match in _PART.finditer(pattern))


def _part(match: re.Match[str], at: datetime) -> str:
    text, letter = match.group(0), match.group(2)
    if match.group(1) is not None:
        return match.group(1).replace("''", "'") or "'"
    if letter is None:
        if text in "{}#[]":
            raise ValueError(f"the character {text!r} has a meaning that is not supported; put it in quotes")
        return text
    size = len(text)
    if letter in "yu":
        return f"{at.year % 100:02d}" if size == 2 else f"{at.year:0{size}d}"
    if letter in "ML" and size in (3, 4):
        return _MONTHS[at.month - 1][: None if size == 4 else 3]
    if letter == "E" and size <= 4:
        return _DAYS[at.weekday()][: None if size == 4 else 3]
    if letter in _NUMBERS and size <= (3 if letter == "D" else 2):
        return f"{_NUMBERS[letter](at):0{size}d}"
    if letter == "S" and size <= 9:
        return f"{at.microsecond:06d}000"[:size]
    if letter == "a" and size == 1:
        return "AM" if at.hour < 12 else "PM"
    if letter in "Xx" and size == 1 and not at.utcoffset():
        return "Z" if letter == "X" else "+00"
    raise ValueError(f"the pattern {text!r} is not supported")
