"""Lines that a Spark job refuses: where in the file they are and what is wrong, as the rejects' CSV has it."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

from millrace.contracts import Contract
from millrace.convert.header import Header, Refused

COLUMNS = ("file", "line", "column", "reason", "raw")
_BLOCK_BYTES = 8 << 20
_BIGINT = re.compile(r"[+-]?[0-9]{1,19}")


@dataclass(frozen=True)
class Reject:
    """A line that is not in the table. line: its number, the header's is 1; None where its text was not found again."""

    line: int | None
    column: str
    reason: str
    raw: str


def located(
    body: IO[bytes], faults: Sequence[Mapping[str, str]], contract: Contract, header: Header, *, gzipped: bool
) -> list[Reject]:
    """A reject for each fault (column, reason and raw, as ``raw_csv.read`` has them), in the file's order.

    Reads the file once, in blocks. Numbers that were not written as usual, such as 007, are not found again.
    """
    wanted = {fault["raw"].encode(): fault for fault in faults}
    missing = Counter(fault["raw"] for fault in faults)
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=body)) if gzipped else body
    found = []
    number = 0
    for lines in _lines(stream):
        if not wanted.keys().isdisjoint(lines):
            for offset, line in enumerate(lines, start=1):
                if line in wanted:
                    found.append(_reject(number + offset, wanted[line], contract, header))
                    missing[wanted[line]["raw"]] -= 1
        number += len(lines)
    lost = [fault for fault in wanted.values() for _ in range(missing[fault["raw"]])]
    return [*found, *(_reject(None, fault, contract, header) for fault in lost)]


def to_csv(key: str, rejects: Iterable[Reject]) -> bytes:
    """The rejects of an upload as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((key, reject.line, reject.column, reject.reason, reject.raw) for reject in rejects)
    return text.getvalue().encode()


def _lines(stream: IO[bytes]) -> Iterator[list[bytes]]:
    """The lines in lists, without their ends."""
    carry = b""
    while block := stream.read(_BLOCK_BYTES):
        lines = (carry + block).replace(b"\r\n", b"\n").split(b"\n")
        carry = lines.pop()
        yield lines
    if carry:
        yield [carry]


def _reject(line: int | None, fault: Mapping[str, str], contract: Contract, header: Header) -> Reject:
    column, reason = fault["column"], fault["reason"]
    if not reason:
        column, reason = _unreadable(fault["raw"], contract, header)
    return Reject(line, column, reason, fault["raw"])


def _unreadable(raw: str, contract: Contract, header: Header) -> tuple[str, str]:
    """Why a line could not be read: it has too few fields or too many, or a text where a number should be."""
    fields = next(csv.reader([raw], delimiter=header.delimiter), [])
    if len(fields) != header.width:
        return "", f"{len(fields)} fields, not {header.width}"
    for name, index in header.fields.items():
        kind = contract.column(name).type
        if kind == "bigint" and fields[index] and not _BIGINT.fullmatch(fields[index]):
            return name, f"is not a {kind}"
    return "", "cannot be read"


def first_line(body: IO[bytes], *, gzipped: bool, limit: int) -> str:
    """The first line of a file without its end and byte order mark; raises Refused if it has none or is no UTF-8."""
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=body)) if gzipped else body
    try:
        line = stream.read(limit).partition(b"\n")[0].rstrip(b"\r").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("the header is not UTF-8; store the file as UTF-8") from None
    if not line.strip():
        raise Refused("the file has no header; is it empty?")
    return line
