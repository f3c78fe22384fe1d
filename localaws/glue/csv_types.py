"""The types of a CSV file's columns, from their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def value_type(value: str) -> str:
    """``bigint``, ``double`` or ``string``."""
    if _INTEGER.fullmatch(value):
        return "bigint" if -(2**63) <= int(value) < 2**63 else "double"
    return "double" if _NUMBER.fullmatch(value) else "string"


def column_type(values: Iterable[str]) -> str:
    """The narrowest of these types that holds all values; blank ones fit any."""
    found = {value_type(value) for value in values if value.strip()}
    if found == {"bigint"}:
        return "bigint"
    return "double" if found and found <= {"bigint", "double"} else "string"


def custom_type(values: Iterable[str], allowed: Sequence[str]) -> str:
    """The first of CUSTOM that is allowed and holds all values, else ``string``; blank values fit any."""
    given = [value for value in values if value.strip()]
    for name, (kind, fits) in CUSTOM.items():
        if given and name in allowed and all(map(fits, given)):
            return kind
    return "string"


def _whole(bits: int) -> Callable[[str], bool]:
    limit = 2 ** (bits - 1)
    return lambda value: _INTEGER.fullmatch(value) is not None and -limit <= int(value) < limit


def _number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None


def _written(*formats: str) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        for form in formats:
            try:
                datetime.strptime(value, form)
            except ValueError:
                continue
            return True
        return False

    return fits


# The types that a custom classifier may be told of, with their names in the catalog, the narrowest first.
CUSTOM: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "BOOLEAN": ("boolean", lambda value: value.lower() in ("true", "false")),
    "SHORT": ("smallint", _whole(16)),
    "INT": ("int", _whole(32)),
    "LONG": ("bigint", _whole(64)),
    "DOUBLE": ("double", _number),
    "FLOAT": ("float", _number),
    "DATE": ("date", _written("%Y-%m-%d")),
    "TIMESTAMP": ("timestamp", _written("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")),
    "STRING": ("string", lambda value: True),
}
