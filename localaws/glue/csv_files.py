"""The columns of a CSV file: its delimiter, whether it has a header, and the types of its values."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from localaws.glue.csv_types import column_type, custom_type, value_type
from localaws.glue.types import Columns

DELIMITERS = (",", "|", "\t", ";", "\x01")
OPEN_CSV = "OpenCSVSerDe"
LAZY_SIMPLE = "LazySimpleSerDe"
RECORDS = 1000
# Share of the records that must have the most frequent number of fields.
_REGULAR = 0.9
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Rules:
    """How to read CSV: the built-in classifier's rules, or those of a custom one.

    delimiter: None to find it. header: PRESENT, ABSENT, or UNKNOWN to find out. names: the columns', if given.
    types: those to choose from, if given. serde: the one to write, or empty to choose by whether values are quoted.
    """

    delimiter: str | None = None
    quote: str = '"'
    header: str = "UNKNOWN"
    names: tuple[str, ...] = ()
    single_column: bool = False
    trim: bool = True
    types: tuple[str, ...] = ()
    serde: str = ""


BUILT_IN = Rules()


@dataclass(frozen=True)
class Dialect:
    """What a sample shows; records do not count the header, consumed is in bytes."""

    delimiter: str
    has_header: bool
    quoted: bool
    columns: Columns
    records: int
    consumed: int


@dataclass(frozen=True)
class _Reading:
    """A sample read with one delimiter; width is the most frequent number of fields."""

    delimiter: str
    rows: list[list[str]]
    width: int
    share: float
    consumed: int


def describe(text: str, whole: bool, rules: Rules = BUILT_IN) -> Dialect | None:
    """The dialect; None if the text is no CSV by the rules: the built-in ones want two columns and two rows."""
    if "\0" in text:
        return None
    if not whole:
        text = text[: text.rfind("\n") + 1]
    fewest = 2 if rules.header == "UNKNOWN" and not rules.names else 1
    best: _Reading | None = None
    for delimiter in (rules.delimiter,) if rules.delimiter else DELIMITERS:
        if delimiter not in text and not rules.single_column:
            continue
        reading = _read(text, delimiter, rules.quote)
        if reading is None or len(reading.rows) < fewest or reading.share < _REGULAR:
            continue
        enough = reading.width >= 2 or (rules.single_column and reading.width == 1)
        if enough and (best is None or (reading.share, reading.width) > (best.share, best.width)):
            best = reading
    return _describe(best, _is_quoted(text, best.delimiter, rules.quote), rules) if best else None


def _read(text: str, delimiter: str, quote: str) -> _Reading | None:
    """At most RECORDS records that are not blank."""
    source = io.StringIO(text, newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(source, delimiter=delimiter, quotechar=quote):
            if row:
                rows.append(row)
            if len(rows) == RECORDS:
                break
    except csv.Error:
        return None
    if not rows:
        return None
    width, regular = max(Counter(map(len, rows)).items(), key=lambda item: (item[1], item[0]))
    return _Reading(delimiter, rows, width, regular / len(rows), len(text[: source.tell()].encode()))


def _describe(reading: _Reading, quoted: bool, rules: Rules) -> Dialect | None:
    width = reading.width
    regular = [row for row in reading.rows if len(row) == width]
    first = reading.rows[0]
    types = _types(regular[1:], width, rules)
    header = len(first) == width and _has_header(first, types, rules)
    if not header:
        types = _types(regular, width, rules)
    if rules.names:
        names = [name.lower() for name in rules.names]
        if len(names) != width:
            return None
    elif header:
        names = [name.strip().lower() for name in first]
        if not names[-1]:  # a trailing delimiter
            names.pop()
        if rules.header == "PRESENT" and (not all(names) or len(set(names)) < len(names)):
            return None
    else:
        names = [f"col{at}" for at in range(width)]
    # Hive's CSV reader for quoted values, OpenCSVSerDe, gives text alone.
    text_alone = rules.serde == OPEN_CSV or (quoted and not rules.serde)
    columns = tuple((name, "string" if text_alone else kind) for name, kind in zip(names, types, strict=False))
    return Dialect(reading.delimiter, header, quoted, columns, len(reading.rows) - header, reading.consumed)


def _types(rows: list[list[str]], width: int, rules: Rules) -> list[str]:
    found = []
    for at in range(width):
        values = [row[at].strip() if rules.trim else row[at] for row in rows]
        found.append(custom_type(values, rules.types) if rules.types else column_type(values))
    return found


def _has_header(first: list[str], types: list[str], rules: Rules) -> bool:
    if rules.header != "UNKNOWN":
        return rules.header == "PRESENT"
    if rules.names:
        return [name.strip().lower() for name in first] == [name.lower() for name in rules.names]
    return _is_header(first, types)


def _is_quoted(text: str, delimiter: str, quote: str) -> bool:
    return re.search(rf"(?:^|{re.escape(delimiter)}){re.escape(quote)}", text, re.MULTILINE) is not None


def _is_header(row: list[str], types: list[str]) -> bool:
    """AWS's rule: names that are text, not too long, distinct, above data some of which is not text."""
    # The last name may be empty: a trailing delimiter.
    if any(not name.strip() or len(name) >= _LONGEST_NAME for name in row[:-1]):
        return False
    given = [name.strip().lower() for name in row if name.strip()]
    if len(set(given)) < len(given) or any(value_type(name) != "string" for name in given):
        return False
    return any(kind != "string" for kind in types) and "\n" not in "".join(row)
