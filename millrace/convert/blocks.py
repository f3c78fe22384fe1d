"""Convert one block of whole lines: at once where it is clean, else by finding and setting aside its bad records."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv

from millrace.contracts import Column, Contract
from millrace.convert import records as cutting
from millrace.convert import scan, text, typed
from millrace.convert.checks import ColumnCheck
from millrace.convert.header import Header
from millrace.convert.lines import first_line_end, kept

_FAILED_COLUMN = re.compile(r"In CSV column #(\d+):")


@dataclass(frozen=True)
class Reject:
    """A bad record: its first physical line (of the file, from 1), its bad column or "", the reason, its bytes."""

    line: int
    column: str
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Converted:
    """What a block gave: ``columns`` in the contract's order; ``consumed`` bytes and ``line_count`` lines were read."""

    columns: Sequence[Any]
    rows: int
    rejects: Sequence[Reject]
    consumed: int
    line_count: int


class BlockConverter:
    """Converts a file's blocks, one after the other."""

    def __init__(self, contract: Contract, header: Header, upload_date: dt.date, encoding: str) -> None:
        self.contract = contract
        self.header = header
        self.encoding = encoding
        self.limit = contract.csv.max_line_bytes
        self.timezone = contract.csv.timezone
        self.checks = {column.name: ColumnCheck(column, upload_date) for column in contract.columns}
        self.present = [column for column in contract.columns if column.name in header.fields]
        self.in_file_order = sorted(self.present, key=lambda column: header.fields[column.name])
        self.forms = {column.name: "naive" for column in self.present if column.type == "timestamp"}
        self._names = [f"\0{index}" for index in range(header.width)]
        for name, index in header.fields.items():
            self._names[index] = name
        self._bytes = scan.Scanner()
        self._started = False
        self._clean = True
        self._as_text: set[str] = set()  # columns that hold what Arrow cannot read by their type
        self._spanning = False
        self._options: dict[tuple[Any, ...], Any] = {}

    def convert(self, block: bytes, first_line: int, *, final: bool, beyond: int) -> Converted:
        """Convert a block that begins with a record; an unfinished record at its end is left, unless ``final``."""
        if not self._started:
            self._guess_forms(block)
            self._started = True
        found: cutting.Records | None = None
        usable = block
        if self._spanning:
            found = self._cut(block, final, beyond)
            usable = block[: found.consumed]
        columns = self._at_once(usable) if self._clean or found is not None else None
        if columns is not None and found is None:
            lines = self._bytes.line_count(block)
            if len(columns[0]) == lines:
                return Converted(columns, lines, (), len(block), lines)
            found = self._cut(block, final, beyond)
            if found.consumed < len(block):
                columns = self._at_once(block[: found.consumed])
        if found is None:
            found = self._cut(block, final, beyond)
        self._spanning = found.line_count > len(found.starts)
        if columns is not None and not found.bad:
            rows = len(found.starts) - int(cutting.blank(block, found).sum())
            if rows == len(columns[0]):
                return Converted(columns, rows, (), found.consumed, found.line_count)
        return self._by_record(block, found, first_line)

    def _guess_forms(self, block: bytes) -> None:
        """Take the forms of timestamps from the block's first line."""
        line = block[: first_line_end(block) or len(block)].decode("utf-8", "replace").strip()
        try:
            cells = next(csv.reader([line], delimiter=self.header.delimiter), [])
        except csv.Error:
            return  # a cell that is too long for the csv module, which is but a reason not to guess
        for name in self.forms:
            if self.header.fields[name] < len(cells):
                self.forms[name] = typed.likely_form(cells[self.header.fields[name]].strip())

    def _cut(self, block: bytes, final: bool, beyond: int) -> cutting.Records:
        return cutting.cut(block, self.header.delimiter, limit=self.limit, final=final, beyond=beyond)

    def _at_once(self, block: bytes) -> list[Any] | None:
        """The columns of a block in which no record is bad, else None."""
        if not block or b"\0" in block or not scan.is_utf8(block) or scan.may_exceed(block, self.limit):
            return None
        types = tuple(self._type(column) for column in self.present)
        if pa.int64() in types and self._bytes.hold_hex(block):
            return None
        try:
            table = self._read(block, types, None)
            columns = {}
            for column in self.present:
                values = _whole(table.column(column.name))
                if column.type == "string":
                    values = text.trimmed(values)
                elif column.type == "timestamp":
                    values = typed.finished(values, self.forms[column.name], self.timezone)
                if self.checks[column.name].bad(values) is not None:
                    return None
                columns[column.name] = values
        except pa.ArrowInvalid:
            return None
        return self._all_columns(columns, table.num_rows)

    def _by_record(self, block: bytes, found: cutting.Records, first_line: int) -> Converted:
        """Decide each record by itself and set the bad ones aside."""
        bad: dict[int, tuple[str, str]] = {index: ("", reason) for index, reason in found.bad.items()}
        usable = ~cutting.blank(block, found)
        rows_in = int(usable.sum())
        self._mark_bad_bytes(block, found, bad)
        usable[list(bad)] = False
        members = np.flatnonzero(usable)
        ragged: list[Any] = []
        decided = self._decide(_without(block, found, usable), ragged) if len(members) else {}
        for row in ragged:
            width = f"{row.actual_columns} fields where the header has {self.header.width}"
            bad[int(members[row.number - 1])] = ("", width)
        members = np.delete(members, [row.number - 1 for row in ragged])
        if any(len(values) != len(members) for values, _ in decided.values()):
            raise RuntimeError(f"Arrow found other records than the {len(members)} from line {first_line} on")
        wrong = self._first_wrong(decided, len(members))
        bad |= self._reasons(block, found, members, wrong)
        columns = {name: values for name, (values, _) in decided.items()}
        if wrong:
            good = np.ones(len(members), np.bool_)
            good[list(wrong)] = False
            kept_rows = pa.array(good)
            columns = {name: values.filter(kept_rows) for name, values in columns.items()}
        rows = len(members) - len(wrong)
        self._clean = not bad
        if rows + len(bad) != rows_in:
            raise RuntimeError(f"{rows_in} rows in, {rows} out, {len(bad)} rejected from line {first_line} on")
        places = sorted(bad)
        rejects = [
            Reject(first_line + line, *bad[index], kept(raw, self.limit))
            for index, line, raw in zip(places, found.lines(places), found.raw(block, places), strict=True)
        ]
        return Converted(self._all_columns(columns, rows), rows, rejects, found.consumed, found.line_count)

    def _decide(self, block: bytes, ragged: list[Any]) -> dict[str, tuple[Any, text.Bools]]:
        """Values of each column, and which of them are bad; rows of another width are left out and noted.

        A column that Arrow cannot read by its type is read as text, in the blocks to come too.
        """
        hex_may_pass = self._bytes.hold_hex(block)
        while True:
            ragged.clear()
            types = {column.name: self._type(column) for column in self.present}
            for name, kind in types.items():
                if name in self._as_text or (hex_may_pass and kind == pa.int64()):
                    types[name] = pa.string()
            try:
                table = self._read(block, tuple(types.values()), ragged)
            except pa.ArrowInvalid as error:
                place = _FAILED_COLUMN.match(str(error))
                failed = self._names[int(place[1])] if place else ""
                self._as_text |= {failed} if failed in types else set(types)
                continue
            columns = {name: _whole(table.column(name)) for name in types}
            unreadable = {column.name for column in self.present if not self._finish(column, columns)}
            if not unreadable:
                return {column.name: self._judged(column, columns[column.name]) for column in self.present}
            self._as_text |= unreadable

    def _finish(self, column: Column, columns: dict[str, Any]) -> bool:
        """Bring a column of timestamps that was not read as text to UTC; whether that can be done."""
        values = columns[column.name]
        if column.type == "timestamp" and values.type != pa.string():
            try:
                columns[column.name] = typed.finished(values, self.forms[column.name], self.timezone)
            except pa.ArrowInvalid:
                return False
        return True

    def _judged(self, column: Column, values: Any) -> tuple[Any, text.Bools]:
        """A column in its type or as text, in its type, and which of its values are bad."""
        check = self.checks[column.name]
        wrong, known = np.zeros(len(values), np.bool_), 0
        if values.type == pa.string():
            form = self.forms.get(column.name, "")
            values, wrong, form = typed.from_text(text.trimmed(values), column, self.timezone, form)
            known = int(wrong.sum())
            if column.name in self.forms:
                self.forms[column.name] = form
        bad = check.bad(values, known)
        return values, wrong if bad is None else wrong | bad

    def _first_wrong(self, decided: dict[str, tuple[Any, text.Bools]], rows: int) -> dict[int, str]:
        """The first bad column, in the file's order, of each row that has one."""
        result: dict[int, str] = {}
        for column in self.in_file_order if rows else ():
            for row in np.flatnonzero(decided[column.name][1]).tolist():
                result.setdefault(row, column.name)
        return result

    def _reasons(
        self, block: bytes, found: cutting.Records, members: text.Ints, wrong: dict[int, str]
    ) -> dict[int, tuple[str, str]]:
        """Column and reason by record, for rows of the records ``members`` that are bad in a column."""
        if not wrong:
            return {}
        raw = b"\n".join([*found.raw(block, members[list(wrong)]), b""])
        cells = self._read(raw, (pa.string(),) * len(self.present), [])
        texts = {name: text.trimmed(_whole(cells.column(name))) for name in set(wrong.values())}
        return {
            int(members[row]): (name, self.checks[name].reason(texts[name][at].as_py(), self.timezone))
            for at, (row, name) in enumerate(wrong.items())
        }

    def _mark_bad_bytes(self, block: bytes, found: cutting.Records, bad: dict[int, tuple[str, str]]) -> None:
        nul = block.find(b"\0", 0, found.consumed)
        while nul >= 0:
            index = int(np.searchsorted(found.starts, nul, side="right")) - 1
            bad.setdefault(index, ("", "NUL byte"))
            nul = block.find(b"\0", int(found.ends[index]), found.consumed)
        if scan.is_utf8(block):
            return
        name = "UTF-8" if self.encoding == "utf-8" else self.encoding
        beyond_ascii = np.flatnonzero(np.frombuffer(block, np.uint8)[: found.consumed] >= 0x80)
        for index in np.unique(np.searchsorted(found.starts, beyond_ascii, side="right") - 1).tolist():
            record = block[found.starts[index] : found.ends[index]]
            try:
                record.decode()
            except UnicodeDecodeError as error:
                at = error.start
                bad.setdefault(index, ("", f"byte 0x{record[at]:02x} at offset {at} is not {name}"))

    def _type(self, column: Column) -> Any:
        return typed.FORMS[self.forms[column.name]] if column.type == "timestamp" else typed.arrow_type(column)

    def _read(self, block: bytes, types: tuple[Any, ...], ragged: list[Any] | None) -> Any:
        """Read a block with the types of the present columns; rows of another width are noted in ``ragged``."""
        noted = [] if ragged is None else ragged

        def note(row: Any) -> Literal["skip"]:
            noted.append(row)
            return "skip"

        names = [column.name for column in self.present]
        if types not in self._options:
            self._options[types] = pyarrow.csv.ConvertOptions(
                check_utf8=False,  # checked for the whole block
                column_types=dict(zip(names, types, strict=True)),
                include_columns=names,
                null_values=[""],
                strings_can_be_null=True,
                true_values=typed.TRUE_TEXTS,
                false_values=typed.FALSE_TEXTS,
            )
        source: Any = pa.BufferReader(block)
        return pyarrow.csv.read_csv(
            source,
            pyarrow.csv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(block) + 1),
            pyarrow.csv.ParseOptions(
                delimiter=self.header.delimiter,
                newlines_in_values=True,
                invalid_row_handler=None if ragged is None else note,
            ),
            self._options[types],
        )

    def _all_columns(self, columns: dict[str, Any], rows: int) -> list[Any]:
        return [
            columns[column.name] if column.name in columns else pa.nulls(rows, typed.arrow_type(column))
            for column in self.contract.columns
        ]


def _whole(column: Any) -> Any:
    """A column as one array; of a single chunk without a copy."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _without(block: bytes, found: cutting.Records, usable: text.Bools) -> bytes:
    """The block's usable records, in whole runs."""
    if usable.all() and found.consumed == len(block):
        return block
    edges = np.flatnonzero(np.diff(usable, prepend=False, append=False))
    stops = np.append(found.starts, found.consumed)[edges].tolist()
    view = memoryview(block)
    return b"".join(view[start:stop] for start, stop in zip(stops[0::2], stops[1::2], strict=True))
