"""Convert one raw CSV file into typed Parquet, or clean CSV, and rejects; every row is in exactly one of them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from millrace.contracts import Contract
from millrace.convert import records, stream
from millrace.convert.blocks import BlockConverter, Reject
from millrace.convert.csvfile import CsvTarget
from millrace.convert.header import Header, Refused, match
from millrace.convert.lines import Lines, LongLine, kept
from millrace.convert.parquet import ParquetTarget
from millrace.convert.sinks import Sink

BLOCK_BYTES = 1 << 21
REJECT_COLUMNS = ("file", "line", "column", "reason", "raw")
_TARGETS: dict[str, type[ParquetTarget | CsvTarget]] = {"parquet": ParquetTarget, "csv": CsvTarget}


@dataclass
class Outcome:
    """The account of one file; ``rows_in == rows_out + rows_rejected`` always.

    status: loaded, or refused: then nothing is in the target, and the rejects have one row for the whole file.
    """

    status: str = "loaded"
    reason: str | None = None
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    encoding: str | None = None
    delimiter: str | None = None
    extra_columns: list[str] = field(default_factory=list)
    absent_columns: list[str] = field(default_factory=list)


def convert(
    source: BinaryIO,
    contract: Contract,
    upload_date: dt.date,
    name: str,
    target: Callable[[], Sink],
    rejects: Callable[[], Sink],
) -> Outcome:
    """Convert a file. ``name`` stands in the rejects' column ``file``.

    The rejects are committed first, if there are any, then the target, unless the file is refused. Where an error is
    raised neither is.
    """
    conversion = _Conversion(contract, upload_date, name, rejects)
    try:
        with_target = conversion.run(source, target)
    except BaseException:
        conversion.abort()
        raise
    conversion.rejects.commit()
    if with_target is not None:
        with_target.commit()
    return conversion.outcome


class _Conversion:
    def __init__(self, contract: Contract, upload_date: dt.date, name: str, rejects: Callable[[], Sink]) -> None:
        self.contract = contract
        self.upload_date = upload_date
        self.name = name
        self.limit = contract.csv.max_line_bytes
        self.outcome = Outcome()
        self.rejects = _Rejects(name, rejects)
        self.sink: Sink | None = None
        self.target: ParquetTarget | CsvTarget | None = None
        self.header_text = b""

    def run(self, source: BinaryIO, target: Callable[[], Sink]) -> Sink | None:
        """Convert into sinks; the target's, or None for a refused file."""
        try:
            chunks = stream.raw_chunks(source, BLOCK_BYTES)
            lines = Lines(self._decoded(chunks), self.limit)
            header, rest, line = self._header(lines)
            self.sink = target()
            self.target = _TARGETS[self.contract.stored](self.contract, self.sink)
            if header is not None:
                self._convert_all(lines, header, rest, line)
            self.target.close()
            return self.sink
        except Refused as refusal:
            self.abort()
            self._refuse(str(refusal))
            return None

    def abort(self) -> None:
        """Leave everything as it was."""
        if self.target is not None:
            self.target.abort()
        if self.sink is not None:
            self.sink.abort()
        self.rejects.abort()

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        first = next(chunks, b"")
        whole = len(first) < BLOCK_BYTES
        encoding, mark = stream.encoding_of(first, self.contract.csv.encoding, whole=whole)
        self.outcome.encoding = encoding
        result: Iterator[bytes] = itertools.chain([first[mark:]], chunks)
        if encoding != "utf-8":
            result = stream.as_utf8(result, encoding)
        return result if whole else stream.read_ahead(result)

    def _header(self, lines: Lines) -> tuple[Header | None, bytes, int]:
        """The header, what follows it in the first block, and the number of the line that it begins; raises Refused."""
        line = 1
        while True:
            block = lines.next(b"")
            if isinstance(block, LongLine):
                self.header_text = block.head
                self._count(lines, b"")
                raise Refused(f"the header is longer than {self.limit:,} bytes; is this a CSV file?")
            if not block:
                self.outcome.reason = "the file is empty"
                return None, b"", line
            found = records.cut(block, ",", limit=self.limit, final=True)
            filled = (~records.blank(block, found)).nonzero()[0]
            if not len(filled):
                line += found.line_count
                continue
            at = int(filled[0])
            self.header_text = block[found.starts[at] : found.ends[at]]
            after = int(found.starts[at + 1]) if at + 1 < len(found.starts) else len(block)
            line += found.lines([at + 1])[0] if at + 1 < len(found.starts) else found.line_count
            rest = block[after:]
            try:
                header = match(self.header_text.decode("utf-8", "replace"), self.contract)
            except Refused:
                self._count(lines, rest)
                raise
            self.outcome.delimiter = header.delimiter
            self.outcome.extra_columns = list(header.extra)
            self.outcome.absent_columns = list(header.absent)
            return header, rest, line

    def _convert_all(self, lines: Lines, header: Header, rest: bytes, line: int) -> None:
        assert self.target is not None and self.outcome.encoding is not None
        converter = BlockConverter(self.contract, header, self.upload_date, self.outcome.encoding)
        for block in _blocks(lines, rest):
            if isinstance(block.data, LongLine):
                rejected: Iterable[Reject] = [
                    Reject(line, "", f"line longer than {self.limit:,} bytes", block.data.head)
                ]
                line += 1
                self.outcome.rows_in += 1
                self.outcome.rows_rejected += 1
            else:
                done = converter.convert(block.data, line, final=lines.final, beyond=lines.beyond)
                block.consumed = done.consumed
                self.target.add(done.columns, done.rows)
                rejected = done.rejects
                line += done.line_count
                self.outcome.rows_in += done.rows + len(done.rejects)
                self.outcome.rows_out += done.rows
                self.outcome.rows_rejected += len(done.rejects)
            self.rejects.add(rejected)

    def _count(self, lines: Lines, rest: bytes) -> None:
        """Count the data records of a file that will be refused."""
        for block in _blocks(lines, rest):
            if isinstance(block.data, LongLine):
                self.outcome.rows_in += 1
                continue
            found = records.cut(block.data, ",", limit=self.limit, final=lines.final, beyond=lines.beyond)
            self.outcome.rows_in += len(found.starts) - int(records.blank(block.data, found).sum())
            block.consumed = found.consumed

    def _refuse(self, reason: str) -> None:
        self.outcome.status = "refused"
        self.outcome.reason = reason
        self.outcome.rows_out = 0
        self.outcome.rows_rejected = self.outcome.rows_in
        self.rejects.restart()
        self.rejects.add([Reject(1, "", reason, kept(self.header_text, self.limit))])


@dataclass
class _Block:
    data: bytes | LongLine
    consumed: int = 0


def _blocks(lines: Lines, rest: bytes) -> Iterator[_Block]:
    """Blocks whose reader says how much of each it consumed; the remainder begins the next."""
    carry = rest
    if rest:
        block = _Block(rest)
        yield block
        carry = rest[block.consumed :]
    while not lines.final:
        data = lines.next(carry)
        if not data:
            return
        block = _Block(data)
        yield block
        carry = b"" if isinstance(data, LongLine) else data[block.consumed :]


class _Rejects:
    """The rejects as CSV, streamed to a sink that is made with the first of them."""

    def __init__(self, name: str, make_sink: Callable[[], Sink]) -> None:
        self._name = name
        self._make_sink = make_sink
        self._sink: Sink | None = None

    def add(self, rejects: Iterable[Reject]) -> None:
        if not rejects:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._sink is None:
            self._sink = self._make_sink()
            writer.writerow(REJECT_COLUMNS)
        for reject in rejects:
            raw = reject.raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
            reason = reject.reason.replace("\0", "\\x00")
            writer.writerow((self._name, reject.line, reject.column, reason, raw))
        self._sink.write(text.getvalue().encode())

    def restart(self) -> None:
        self.abort()
        self._sink = None

    def commit(self) -> None:
        if self._sink is not None:
            self._sink.commit()

    def abort(self) -> None:
        if self._sink is not None:
            self._sink.abort()
