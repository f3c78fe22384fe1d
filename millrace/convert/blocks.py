"""Convert one block of whole lines: at once where it is clean, else by finding and setting aside its bad records."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from millrace.contracts import Column, Contract
from millrace.convert import records as cutting
from millrace.convert import scan, text, typed
from millrace.convert.checks import ColumnCheck
from millrace.convert.header import Header
from millrace.convert.lines import first_line_end, kept


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
    """A bad record: its first physical line in the file, bad column (empty for the record), reason and bytes."""

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
        cells = next(csv.reader([line], delimiter=self.header.delimiter), [])
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
                values = table.column(column.name).combine_chunks()
                if column.type == "string":
                    values = text.trimmed(values)
                elif column.type == "timestamp":
                    values = typed.finished(values, self.forms[column.name], self.timezone)
                if not self.checks[column.name].passes(values):
                    return None
                columns[column.name] = values
        except pa.ArrowInvalid:
            return None
        return self._all_columns(columns, table.num_rows)

    def _by_record(self, block: bytes, found: cutting.Records, first_line: int) -> Converted:
        """Read the cells as text, decide each, and set the bad records aside."""
        bad: dict[int, tuple[str, str]] = {index: ("", reason) for index, reason in found.bad.items()}
        usable = ~cutting.blank(block, found)
        rows_in = int(usable.sum())
        self._mark_bad_bytes(block, found, bad)
        usable[list(bad)] = False
        members = np.flatnonzero(usable)
        ragged: list[Any] = []
        table = self._read_text(_without(block, found, usable), ragged) if len(members) else None
        for row in ragged:
            bad[int(members[row.number - 1])] = (
                "",
                f"{row.actual_columns} fields where the header has {self.header.width}",
            )
        if ragged:
            usable[[int(members[row.number - 1]) for row in ragged]] = False
            members = np.flatnonzero(usable)
        columns, rows = self._all_columns({}, 0), 0
        if table is not None and table.num_rows:
            if table.num_rows != len(members):
                raise RuntimeError(f"{table.num_rows} rows were read of {len(members)} records at line {first_line}")
            columns, rows = self._decide(table, members, bad)
        self._clean = not bad
        rejects = [
            Reject(
                first_line + int(found.lines[index]),
                *bad[index],
                kept(block[found.starts[index] : found.ends[index]], self.limit),
            )
            for index in sorted(bad)
        ]
        if rows + len(rejects) != rows_in:
            raise RuntimeError(f"{rows_in} rows in, {rows} out, {len(rejects)} rejected at line {first_line}")
        return Converted(columns, rows, rejects, found.consumed, found.line_count)

    def _decide(self, table: Any, members: text.Ints, bad: dict[int, tuple[str, str]]) -> tuple[list[Any], int]:
        columns: dict[str, Any] = {}
        any_bad = np.zeros(table.num_rows, np.bool_)
        for column in self.in_file_order:
            name, check = column.name, self.checks[column.name]
            texts = text.trimmed(table.column(name).combine_chunks())
            values, wrong, form = typed.from_text(texts, column, self.timezone, self.forms.get(name, ""))
            if name in self.forms:
                self.forms[name] = form
            if not check.passes(values):
                wrong = wrong | check.bad(values)
            columns[name] = values
            new = np.flatnonzero(wrong & ~any_bad)
            for row, cell in zip(new.tolist(), texts.take(pa.array(new)).to_pylist(), strict=True):
                bad[int(members[row])] = (name, check.reason(cell, self.timezone))
            any_bad[new] = True
        if any_bad.any():
            good = pa.array(~any_bad)
            columns = {name: values.filter(good) for name, values in columns.items()}
        rows = table.num_rows - int(any_bad.sum())
        return self._all_columns(columns, rows), rows

    def _mark_bad_bytes(self, block: bytes, found: cutting.Records, bad: dict[int, tuple[str, str]]) -> None:
        if b"\0" in block:
            for position in np.flatnonzero(np.frombuffer(block, np.uint8)[: found.consumed] == 0):
                bad.setdefault(int(np.searchsorted(found.starts, position, side="right")) - 1, ("", "NUL byte"))
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

    def _read_text(self, block: bytes, ragged: list[Any]) -> Any:
        def note(row: Any) -> str:
            ragged.append(row)
            return "skip"

        return self._read(block, (pa.string(),) * len(self.present), note)

    def _read(self, block: bytes, types: tuple[Any, ...], invalid_row_handler: Any) -> Any:
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
                delimiter=self.header.delimiter, newlines_in_values=True, invalid_row_handler=invalid_row_handler
            ),
            self._options[types],
        )

    def _all_columns(self, columns: dict[str, Any], rows: int) -> list[Any]:
        return [
            columns[column.name] if column.name in columns else pa.nulls(rows, typed.arrow_type(column))
            for column in self.contract.columns
        ]


def _without(block: bytes, found: cutting.Records, usable: text.Bools) -> bytes:
    """The block's usable records, in whole runs."""
    if usable.all() and found.consumed == len(block):
        return block
    edges = np.flatnonzero(np.diff(usable, prepend=False, append=False))
    stops = np.append(found.starts, found.consumed)
    return b"".join(
        block[stops[start] : stops[stop]]
        for start, stop in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
    )
