r"""Cut a block of CSV bytes into records, as a plain CSV reader would, one by one only where quotes are irregular.

A quote opens a field only as the field's first byte; within it, two quotes are one; after the closing quote the rest of
the field is literal, as is a quote inside an unquoted field. ``\n``, ``\r\n`` and a lone ``\r`` end a record. A record
that spans lines and is longer than the limit, or never closes its quote, or has text after a closing quote, is
quarantined: its first line is rejected and reading resumes at the next line, so a lost quote cannot swallow the file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

QUOTE, LF, CR, SPACE = 34, 10, 13, 32
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Records of a block: byte ``starts`` and ``ends`` (without the line's end).

    newlines: where the block's physical lines end. bad: reason by index, for records that are bad in themselves.
    consumed: bytes read; what follows is an unfinished record. line_count: physical lines in what was consumed.
    """

    starts: Ints
    ends: Ints
    newlines: Ints
    bad: dict[int, str]
    consumed: int
    line_count: int

    def raw(self, block: bytes, indices: Iterable[int]) -> list[bytes]:
        """The bytes of records of the block that was cut."""
        chosen = np.fromiter(indices, np.int64)
        return [block[a:b] for a, b in zip(self.starts[chosen].tolist(), self.ends[chosen].tolist(), strict=True)]

    def lines(self, indices: Iterable[int]) -> list[int]:
        """The physical lines on which records begin; 0 is the block's first."""
        found: list[int] = np.searchsorted(self.newlines, self.starts[np.fromiter(indices, np.int64)]).tolist()
        return found


def line_ends(block: bytes) -> Ints:
    """Positions of the last byte of each line's end."""
    data = np.frombuffer(block, np.uint8)
    ends = data == LF
    if b"\r" in block:
        lone = data == CR
        lone[:-1] &= data[1:] != LF
        ends |= lone
    return np.flatnonzero(ends)


def cut(block: bytes, delimiter: str, *, limit: int, final: bool, beyond: int = 0) -> Records:
    """Cut ``block``, which starts at a record's start and, unless ``final``, ends with a line's end.

    limit: the longest record, in bytes. beyond: bytes that are known to follow the block before the next line's end.
    """
    newlines = line_ends(block)
    regular = _regular(block, newlines, delimiter, limit)
    bad: dict[int, str] = {}
    record_ends = regular if regular is not None else newlines
    if regular is None:
        record_ends, bad = _one_by_one(block, newlines, delimiter, limit, final, beyond)
    consumed = int(record_ends[-1]) + 1 if len(record_ends) else 0
    if final and consumed < len(block):
        record_ends = np.append(record_ends, len(block))
        consumed = len(block)
    starts = np.empty_like(record_ends)
    if len(starts):
        starts[0] = 0
        starts[1:] = record_ends[:-1] + 1
    data = np.frombuffer(block, np.uint8)
    ends = record_ends.copy()
    if b"\r" in block:
        crlf = np.flatnonzero((ends > starts) & (ends < len(block)))
        crlf = crlf[(data[ends[crlf]] == LF) & (data[ends[crlf] - 1] == CR)]
        ends[crlf] -= 1
    for index in np.flatnonzero(ends - starts > limit):
        bad.setdefault(int(index), f"line longer than {limit:,} bytes")
    line_count = int(np.searchsorted(newlines, consumed))
    return Records(starts, ends, newlines, bad, consumed, line_count)


def blank(block: bytes, records: Records) -> npt.NDArray[np.bool_]:
    """Which records hold nothing but spaces."""
    result: npt.NDArray[np.bool_] = records.ends == records.starts
    data = np.frombuffer(block, np.uint8)
    filled = np.flatnonzero(~result)
    for index in filled[data[records.starts[filled]] == SPACE]:
        result[index] = not block[records.starts[index] : records.ends[index]].strip(b" ")
    return result


def _regular(block: bytes, newlines: Ints, delimiter: str, limit: int) -> Ints | None:
    """The records' last bytes where every quote opens or closes a whole field, else None."""
    if b'"' not in block:
        return newlines
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == QUOTE)
    if len(quotes) % 2:
        return None
    boundary = np.zeros(256, np.bool_)
    boundary[[QUOTE, LF, CR, ord(delimiter)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before = opening[opening > 0]
    after = closing[closing < len(block) - 1]
    if not (boundary[data[before - 1]].all() and boundary[data[after + 1]].all()):
        return None
    outside: Ints = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    if len(outside) < len(newlines) and (np.diff(outside, prepend=-1) > limit).any():
        return None
    return outside


@functools.cache
def _patterns(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A record as it is read, and one with nothing between a closing quote and the end of its field."""
    sep = re.escape(delimiter).encode()
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
    plain = rb'(?:[^"\r\n%b][^\r\n%b]*+)?+' % (sep, sep)
    end = rb"(?:\r\n|\n|\r|\Z)"
    lenient = rb"(?:%b[^\r\n%b]*+|%b)" % (quoted, sep, plain)
    strict = rb"(?:%b(?=[\r\n%b]|\Z)|%b)" % (quoted, sep, plain)
    return tuple(  # type: ignore[return-value]
        re.compile(rb"(%b(?:%b%b)*+)%b" % (field, sep, field, end)) for field in (lenient, strict)
    )


def _one_by_one(
    block: bytes, newlines: Ints, delimiter: str, limit: int, final: bool, beyond: int
) -> tuple[Ints, dict[int, str]]:
    lenient, strict = _patterns(delimiter)
    ends: list[int] = []
    bad: dict[int, str] = {}
    at, size = 0, len(block)
    while at < size:
        match = lenient.match(block, at)
        line_end = int(newlines[line]) + 1 if (line := int(np.searchsorted(newlines, at))) < len(newlines) else size
        short = match is not None and match.end(1) - at <= limit
        if match is not None and (match.end() <= line_end or (short and strict.match(block, at))):
            at = match.end()
        else:
            if match is None and size - at + beyond <= limit:
                if not final:
                    break
                bad[len(ends)] = "quote opened and not closed before the end of the file"
            elif short:
                bad[len(ends)] = "quote opened and not closed where its field ends"
            else:
                bad[len(ends)] = f"quote opened and not closed within {limit:,} bytes"
            at = line_end
        if at == size and (not len(newlines) or newlines[-1] != size - 1):
            break  # the last record has no line's end: the caller adds it
        ends.append(at - 1)
    return np.array(ends, np.int64), bad
