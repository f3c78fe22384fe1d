"""Athena's errors: raised while a query is translated, or made from what DuckDB reports while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable

from localaws.core import AwsError, NotSupported

MARK = "athena!"  # starts the text of an error that the generated SQL raises on purpose

_INT = {"INT8": "tinyint", "INT16": "smallint", "INT32": "integer", "INT64": "bigint"}
_PRECISE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str]]], ...] = (
    (
        re.compile(r"Overflow in (addition|subtraction|multiplication) of (INT\d+) \((.*)\)"),
        lambda m: ("NUMERIC_VALUE_OUT_OF_RANGE", f"{_INT[m[2]]} {m[1]} overflow: {m[3]}"),
    ),
    (
        re.compile(r"with value (\S+) can't be cast because .* destination type (INT\d+)"),
        lambda m: ("NUMERIC_VALUE_OUT_OF_RANGE", f"Out of range for {_INT[m[2]]}: {m[1]}"),
    ),
    (
        re.compile(r'Casting value "(.*)" to type DECIMAL\((\d+),(\d+)\) failed'),
        lambda m: ("INVALID_CAST_ARGUMENT", f"Cannot cast '{m[1]}' to DECIMAL({m[2]}, {m[3]})"),
    ),
    (
        re.compile(r"Could not convert string ['\"](.*)['\"] to (INT\d+)"),
        lambda m: ("INVALID_CAST_ARGUMENT", f"Cannot cast '{m[1]}' to {_INT[m[2]].upper().replace('INTEGER', 'INT')}"),
    ),
)
# What DuckDB says otherwise, and the Trino error it stands for.
_KNOWN = (
    (
        re.compile(r"Overflow|out of range|Out of Range|exceeds the maximum|too large", re.I),
        "NUMERIC_VALUE_OUT_OF_RANGE",
    ),
    (re.compile(r"More than one row returned by a subquery"), "SUBQUERY_MULTIPLE_ROWS"),
    (
        re.compile(r"Could not (convert|parse|cast)|Conversion Error|date field value|Failed to cast", re.I),
        "INVALID_CAST_ARGUMENT",
    ),
    (re.compile(r"regular expression|regex|RE2|missing \)|invalid perl operator", re.I), "INVALID_FUNCTION_ARGUMENT"),
)
_MESSAGES = {"SUBQUERY_MULTIPLE_ROWS": "Scalar sub-query has returned multiple rows"}


class SqlError(AwsError):
    """A query that Athena refuses or that fails while it runs.

    kind: Trino's error name, such as ``TYPE_MISMATCH``. message: ``KIND: [line L:C: ]what``.
    """

    def __init__(self, kind: str, what: str, position: str = "") -> None:
        place = f"{position}: " if position else ""
        super().__init__("InvalidRequestException", f"{kind}: {place}{what}")
        self.kind = kind


def refuse(what: str) -> NotSupported:
    """The error for Trino SQL that cannot be translated exactly."""
    return NotSupported(f"the local Athena does not translate {what}; it refuses rather than answer wrongly")


def runtime_error(error: Exception) -> SqlError:
    """The Athena error for one that DuckDB raised while it ran a translated query."""
    text = str(error)
    marked = re.search(re.escape(MARK) + r"([A-Z_]+): (.*?)(?:' to INT64|\n|$)", text, re.S)
    if marked:
        return SqlError(marked[1], marked[2])
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    for pattern, make in _PRECISE:
        match = pattern.search(first)
        if match:
            return SqlError(*make(match))
    for pattern, kind in _KNOWN:
        if pattern.search(first):
            return SqlError(kind, _MESSAGES.get(kind, first))
    return SqlError("GENERIC_INTERNAL_ERROR", first)
