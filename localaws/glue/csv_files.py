"""The columns of a CSV file: its delimiter, whether it has a header, and the types of its values."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from localaws.glue.types import Columns

DELIMITERS = (",", "|", "\t", ";", "\x01")
RECORDS = 1000
# Share of the records that must have the most frequent number of fields.
_REGULAR = 0.9
_LONGEST_NAME = 150

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """What a sample shows; records do not count the header, consumed is in bytes."""

    delimiter: str
    has_header: bool
    quoted: bool
    columns: Columns
    records: int
    consumed: int


def describe(text: str, whole: bool) -> Dialect | None:
    """The dialect; None if the text has not at least two columns and two rows."""
    if "\0" in text:
        return None
    if not whole:
        text = text[: text.rfind("\n") + 1]
    best: tuple[float, int, str, list[list[str]], int] | None = None
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        rows, consumed = _rows(text, delimiter)
        counts = Counter(map(len, rows))
        if len(rows) < 2:
            continue
        width, regular = max(counts.items(), key=lambda item: (item[1], item[0]))
        share = regular / len(rows)
        if width >= 2 and share >= _REGULAR and (best is None or (share, width) > best[:2]):
            best = (share, width, delimiter, rows, consumed)
    if best is None:
        return None
    _, width, delimiter, rows, consumed = best
    return _describe(delimiter, width, rows, consumed, _is_quoted(text, delimiter))


def _describe(delimiter: str, width: int, rows: list[list[str]], consumed: int, quoted: bool) -> Dialect:
    regular = [row for row in rows if len(row) == width]
    types = [_column_type(row[at] for row in regular[1:]) for at in range(width)]
    header = len(rows[0]) == width and _is_header(rows[0], types)
    if header:
        names = [name.strip().lower() for name in rows[0]]
        if not names[-1]:  # a trailing delimiter
            names.pop()
    else:
        names = [f"col{at}" for at in range(width)]
        types = [_column_type(row[at] for row in regular) for at in range(width)]
    # Hive's CSV reader for quoted values, OpenCSVSerDe, gives text alone.
    columns = tuple((name, "string" if quoted else kind) for name, kind in zip(names, types, strict=False))
    return Dialect(delimiter, header, quoted, columns, len(rows) - header, consumed)


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], int]:
    """At most RECORDS records that are not blank, and the bytes that they take."""
    source = io.StringIO(text, newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(source, delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == RECORDS:
                break
    except csv.Error:
        return [], 0
    return rows, len(text[: source.tell()].encode())


def _is_quoted(text: str, delimiter: str) -> bool:
    return re.search(rf'(?:^|{re.escape(delimiter)})"', text, re.MULTILINE) is not None


def _is_header(row: list[str], types: list[str]) -> bool:
    """AWS's rule: names that are text, not too long, distinct, above data some of which is not text."""
    # The last name may be empty: a trailing delimiter.
    if any(not name.strip() or len(name) >= _LONGEST_NAME for name in row[:-1]):
        return False
    given = [name.strip().lower() for name in row if name.strip()]
    if len(set(given)) < len(given) or any(_value_type(name) != "string" for name in given):
        return False
    return any(kind != "string" for kind in types) and "\n" not in "".join(row)


def _column_type(values: Iterable[str]) -> str:
    found = {_value_type(value) for value in values if value.strip()}
    if found == {"bigint"}:
        return "bigint"
    return "double" if found and found <= {"bigint", "double"} else "string"


def _value_type(value: str) -> str:
    value = value.strip()
    if _INTEGER.fullmatch(value):
        return "bigint" if -(2**63) <= int(value) < 2**63 else "double"
    return "double" if _NUMBER.fullmatch(value) else "string"
