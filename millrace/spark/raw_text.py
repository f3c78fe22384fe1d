"""Raw CSV text, line by line: each line becomes a row by the contract, or is known with what is wrong with it.

A raw file has a row on each line, as what splits big files among workers needs it; a quote that is not closed on its
line is an error of that line. Values are read as text and converted only where they are written as their type is. All
is done by Arrow for a block of lines at once; Spark is not needed for it.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from millrace import contracts
from millrace.contracts import Contract
from millrace.convert.header import Header
from millrace.convert.scan import is_utf8
from millrace.spark import redact

# A column beside the contract's: of two rows the one from the newer file, or further on in the same one, has more.
AGE = "_age"
HEADER = "the header"
_FILE_BYTES_BITS = 42  # no file is greater than 4 TB
_PATTERNS = {"bigint": "[+-]?[0-9]{1,18}", "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}
_FEW = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class RawFile:
    """A file to read. number: newer files have greater ones; names: its columns in its order; line: its first."""

    number: int
    uri: str
    etag: str
    upload_date: str
    size: int
    line: str
    header: Header
    names: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """Why a line is no row. line: its number from the first one, 0; column: "" for the line itself; raw: its shape."""

    line: int
    column: str
    reason: str
    raw: str


def file_number(age: Any) -> Any:
    """The file that rows of these AGEs are from."""
    return pc.shift_right(age, _FILE_BYTES_BITS)


def pattern(column: contracts.Column) -> str | None:
    """How a value of the column is written, as a regular expression; None for a text."""
    if column.decimal:
        precision, scale = column.decimal
        return rf"[+-]?[0-9]{{1,{precision - scale}}}" + (rf"(?:\.[0-9]{{1,{scale}}})?" if scale else "")
    if column.type != "string" and column.type not in _PATTERNS:
        raise ValueError(f"{column.name}: raw text of type {column.type} is not supported; see {__name__}")
    return _PATTERNS.get(column.type)


class Reader:
    """Reads a file's lines. extra: columns that some file has and the contract does not know; they become text."""

    def __init__(self, contract: Contract, file: RawFile, extra: Iterable[str]) -> None:
        self._file, self._columns = file, contract.columns
        self._texts = {column.name: _FEW if _repeats(column) else pa.string() for column in contract.columns}
        self._texts |= dict.fromkeys(extra, pa.string())
        self._present = {name: self._texts[name] for name in file.names}
        self._latest = dt.date.fromisoformat(file.upload_date) + dt.timedelta(1)
        apart = re.escape(file.header.delimiter)
        field = f'(?:(?:[^"{apart}][^{apart}]*)?|"(?:[^"]|"")*")'
        self._well_quoted = rf"^{field}(?:{apart}{field})*\r?\n?$"

    def read(self, block: bytes, position: int) -> tuple[Any, list[Fault], int]:
        """The rows of whole lines that begin there in the file, with AGE; what is wrong with others; how many lines."""
        lines = _lines(block)
        faults = self._as_lines(block, lines)
        rows, places = self._fields(block, lines, faults)
        typed, broken = {}, np.full(len(places), -1)
        reasons: list[tuple[str, str]] = []
        for column in self._columns:
            typed[column.name], wrong = _judged(rows[column.name], column, self._latest)
            for bad, reason in wrong:
                broken[np.asarray(bad) & (broken < 0)] = len(reasons)
                reasons.append((column.name, reason))
        for row in np.flatnonzero(broken >= 0).tolist():
            faults[int(places[row])] = reasons[broken[row]]
        ages = pa.array((self._file.number << _FILE_BYTES_BITS) + position + places)
        table = pa.table({**rows, **typed, AGE: ages})
        told = [Fault(line, *faults[line], redact.shape(_text(lines[line]))) for line in sorted(faults)]
        return table.filter(pa.array(broken < 0)) if (broken >= 0).any() else table, told, len(lines)

    def _as_lines(self, block: bytes, lines: Any) -> dict[int, tuple[str, str]]:
        """What is wrong with lines as such, by their place."""
        starts = np.frombuffer(lines.buffers()[1], np.int32, len(lines))
        faults = {}
        if b'"' in block:
            quotes = np.flatnonzero(np.frombuffer(block, np.uint8) == ord('"'))
            odd = np.diff(np.searchsorted(quotes, starts), append=len(quotes)) % 2
            faults = dict.fromkeys(_places(odd), ("", "a quote is not closed on its line"))
        lengths = np.diff(starts, append=len(block))
        faults |= {line: ("", "the line is empty") for line in _places(lengths <= 2) if not _text(lines[line])}
        if (head := self._file.line.encode()) in block:
            alike = _places((lengths >= len(head)) & (lengths <= len(head) + 2))
            faults |= {line: ("", HEADER) for line in alike if _text(lines[line]) == self._file.line}
        return faults

    def _fields(self, block: bytes, lines: Any, faults: dict[int, tuple[str, str]]) -> tuple[dict[str, Any], Any]:
        """The values of lines, and each one's place; those with too many or too few fields become faults."""
        plain = np.ones(len(lines), np.bool_)
        plain[list(faults)] = False
        odd = self._odd(block, lines)
        while True:
            plain[odd] = False
            places, ragged = np.flatnonzero(plain), list[int]()
            table = self._parsed(block if plain.all() else _joined(lines.filter(pa.array(plain))), ragged)
            ends_well = not len(places) or re.match(self._well_quoted.encode(), lines[int(places[-1])].as_py())
            if ends_well and table.num_rows + len(ragged) == len(places):
                break
            # A quote that begins late in its line took in what follows: such lines are read one by one.
            well = np.asarray(pc.match_substring_regex(lines, self._well_quoted))
            odd = [*odd, *np.flatnonzero(plain & ~well).tolist()]
        width = ("", f"not {self._file.header.width} fields")
        faults |= {int(places[row]): width for row in ragged}
        places = np.delete(places, ragged)
        alone = {line: cells for line in odd if line not in faults and (cells := self._split(_text(lines[line])))}
        faults |= {line: width for line in odd if line not in faults and line not in alone}
        if alone:
            values = zip(*alone.values(), strict=True)
            more = {name: pa.array(texts, pa.string()) for name, texts in zip(self._present, values, strict=True)}
            table = pa.concat_tables(
                [table, pa.table({name: more[name].cast(kind) for name, kind in self._present.items()})]
            )
            places = np.append(places, list(alone))
        columns = {
            name: _whole(table[name]) if name in self._present else pa.nulls(len(places), kind)
            for name, kind in self._texts.items()
        }
        return columns, places

    def _odd(self, block: bytes, lines: Any) -> list[int]:
        """The lines that Arrow would not read as lines of text."""
        found: set[int] = set()
        if b"\r" in block:
            found.update(_places(pc.match_substring_regex(lines, r"\r[^\n]")))
        if not is_utf8(block):
            found.update(line for line, text in enumerate(lines.to_pylist()) if not is_utf8(text))
        return sorted(found)

    def _parsed(self, block: bytes, ragged: list[int]) -> Any:
        """The fields of lines as text; the places of those of another width are noted."""
        if not block:
            return pa.table({name: pa.array([], kind) for name, kind in self._present.items()})

        def note(row: Any) -> Literal["skip"]:
            ragged.append(row.number - 1)
            return "skip"

        source: Any = pa.BufferReader(block)
        return pyarrow.csv.read_csv(
            source,
            pyarrow.csv.ReadOptions(column_names=[*self._present], use_threads=False, block_size=len(block) + 1),
            pyarrow.csv.ParseOptions(
                delimiter=self._file.header.delimiter, invalid_row_handler=note, ignore_empty_lines=False
            ),
            pyarrow.csv.ConvertOptions(
                check_utf8=False, column_types=self._present, null_values=[""], strings_can_be_null=True
            ),
        )

    def _split(self, line: str) -> list[str | None] | None:
        """The fields of a line, None for an empty one; None if there are not as many as there should be."""
        try:
            cells = next(csv.reader([line], delimiter=self._file.header.delimiter), [])
        except csv.Error:
            return None
        return [cell or None for cell in cells] if len(cells) == self._file.header.width else None


def _repeats(column: contracts.Column) -> bool:
    """Whether few values are to be expected, or those that come again; each is then looked at once in a block."""
    return column.type == "date" or bool(column.allowed or column.pattern) or column.pii == "identifier"


def _judged(values: Any, column: contracts.Column, latest: dt.date) -> tuple[Any, list[tuple[Any, str]]]:
    """Texts as what the column holds, and which of them break its rules, the first rule first."""
    if isinstance(values, pa.DictionaryArray):
        distinct, wrong = _judged(values.dictionary, column, latest)
        broken = [(pc.fill_null(bad.take(values.indices), False), reason) for bad, reason in wrong]
        if column.required and values.null_count:
            broken.insert(0, (values.is_null(), "is missing"))
        return distinct.take(values.indices) if distinct.type != pa.string() else values, broken
    typed, broken = _typed(values, column)
    if column.required:
        broken.append((values.is_null(), "is missing"))
    if column.allowed is not None:
        said = f"is not one of {', '.join(map(str, column.allowed))}"
        broken.append((pc.invert(pc.is_in(typed, pa.array([*column.allowed], typed.type))), said))
    if column.min is not None:
        broken.append((pc.less(typed, pa.scalar(column.min, typed.type)), f"is below {column.min}"))
    if column.max is not None:
        broken.append((pc.greater(typed, pa.scalar(column.max, typed.type)), f"is above {column.max}"))
    if column.max_length is not None:
        broken.append(
            (
                pc.greater(pc.utf8_length(typed), pa.scalar(column.max_length, pa.int32())),
                f"is longer than {column.max_length}",
            )
        )
    if column.pattern is not None:
        matches = pc.match_substring_regex(typed, f"^(?:{column.pattern})$")
        broken.append((pc.invert(matches), f"does not match {column.pattern}"))
    if column.type == "string":
        broken.append((pc.match_substring(typed, "\ufffd"), "is not UTF-8"))
    if column.latest_is_upload:
        broken.append((pc.greater(typed, pa.scalar(latest, typed.type)), "is later than the upload"))
    some = [
        (pc.and_(pc.fill_null(bad, False), values.is_valid()) if reason != "is missing" else bad, reason)
        for bad, reason in broken
    ]
    return typed, [(bad, reason) for bad, reason in some if pc.any(bad).as_py()]


def _typed(values: Any, column: contracts.Column) -> tuple[Any, list[tuple[Any, str]]]:
    """Texts in the column's type, null where they are not written as such; those that are not."""
    if (written := pattern(column)) is None:
        return values, []
    wrong = pc.invert(pc.fill_null(pc.match_substring_regex(values, f"^{written}$"), True))
    if pc.any(wrong).as_py():
        values = pc.if_else(wrong, None, values)
    if column.type == "date":
        days = [_day(text) for text in values.to_pylist()]
        wrong = pa.array([bad or (day is None) for bad, day in zip(wrong.to_pylist(), days, strict=True)], pa.bool_())
        typed = pa.array(days, pa.date32())
    elif column.decimal:
        typed = values.cast(pa.decimal128(*column.decimal))
    else:
        typed = pc.utf8_ltrim(values, "+").cast(pa.int64())
    return typed, [(wrong, f"is not a {column.type}")]


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _lines(block: bytes) -> Any:
    """The lines of a block with their ends, in its own memory."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    last = [] if block.endswith(b"\n") else [len(block)]
    offsets: Any = np.concatenate(([0], ends, last)).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(block)])


def _joined(lines: Any) -> Any:
    """Lines as they stand one after another."""
    offsets = np.frombuffer(lines.buffers()[1], np.int32, len(lines) + 1)
    return lines.buffers()[2][offsets[0] : offsets[-1]] if len(lines) else b""


def _text(line: Any) -> str:
    text: str = line.as_py().decode("utf-8", "replace")
    return text.removesuffix("\n").removesuffix("\r")


def _places(flags: Any) -> list[int]:
    return np.flatnonzero(np.asarray(flags)).tolist()


def _whole(column: Any) -> Any:
    """A column as one array, of one dictionary."""
    whole = column.unify_dictionaries().combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return whole
