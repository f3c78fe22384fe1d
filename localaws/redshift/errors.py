"""What can be wrong with a statement, in Redshift's words."""

from __future__ import annotations

import re

import duckdb


class SqlError(Exception):
    """A statement fails; the text is what Redshift would say after ``ERROR: ``."""


class Unsupported(SqlError):
    """Redshift could do it, the embedded AWS cannot do it exactly, so it fails."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by the embedded AWS")


_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"CHECK constraint failed", "Value too long for character type"),
    (r"NOT NULL constraint failed: [^.]*\.(?P<a>\w+)", "Cannot insert a NULL value into column {a}"),
    (
        r"column \"?(?P<a>[^\"]+)\"? must appear in the GROUP BY clause",
        'column "{a}" must appear in the GROUP BY clause or be used in an aggregate function',
    ),
    (r"Could not convert string '(?P<a>[^']*)' to (?P<b>\w+)", 'invalid input syntax for type {b}: "{a}"'),
    (r"Could not convert string \"(?P<a>[^\"]*)\" to (?P<b>\w+)", 'invalid input syntax for type {b}: "{a}"'),
    (r"invalid (?P<b>date|timestamp) field format: \"(?P<a>[^\"]*)\"", 'invalid input syntax for type {b}: "{a}"'),
    (r"date field value out of range: \"(?P<a>[^\"]*)\"", 'date/time field value out of range: "{a}"'),
    (r"More than one row returned by a subquery", "more than one row returned by a subquery used as an expression"),
    (r"(?i)could not cast value .* to DECIMAL|Casting value .* to type DECIMAL", "Numeric data overflow"),
    (r"(?i)Overflow in|out of range for the destination type|OutOfRange", "Numeric data overflow (result precision)"),
)


def explain(error: duckdb.Error) -> str:
    """An error of the database in Redshift's words, as far as they are known."""
    text = str(error).strip()
    kind, _, message = text.partition(": ")
    if kind == "Invalid Input Error" and message.startswith("redshift: "):
        return message.removeprefix("redshift: ")
    for pattern, said in _PATTERNS:
        if match := re.search(pattern, text):
            return said.format(**match.groupdict())
    return message.split("\n")[0] if message else text
