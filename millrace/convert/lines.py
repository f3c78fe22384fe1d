"""Blocks of whole lines from a stream of chunks, with memory bounded whatever the lines' length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_KEPT_BYTES = 65_536


def kept(raw: bytes, limit: int) -> bytes:
    """A record as rejects quote it: of one that is longer than the limit the beginning; the raw object has it all."""
    return raw if len(raw) <= limit else raw[: min(limit, _KEPT_BYTES)]


@dataclass(frozen=True)
class LongLine:
    """A line that is longer than the limit: its first bytes; the rest is passed over."""

    head: bytes


class Lines:
    """Cuts a stream after its last line's end that is at hand.

    final: the block is the last. beyond: bytes that are known to follow it.
    """

    def __init__(self, chunks: Iterator[bytes], limit: int) -> None:
        self._chunks = chunks
        self._limit = limit
        self._tail = b""
        self.final = False

    @property
    def beyond(self) -> int:
        """How many bytes of the next line are at hand already, its end apart."""
        end = first_line_end(self._tail)
        if not end:
            return _length(self._tail)
        return end - (2 if self._tail.endswith(b"\r\n", 0, end) else 1)

    def next(self, carry: bytes) -> bytes | LongLine:
        """The next block, which begins with ``carry``, what the reader left of the one before."""
        while not self.final:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.final = True
                data, self._tail = carry + self._tail, b""
                return (
                    LongLine(kept(data, self._limit))
                    if not carry and _length(data) > self._limit and _one_line(data)
                    else data
                )
            end = _last_line_end(chunk)
            if end:
                data = b"".join((carry, self._tail, memoryview(chunk)[:end]))
                self._tail = chunk[end:]
                return data
            self._tail += chunk
            if len(carry) + _length(self._tail) > self._limit:
                end = _last_line_end(self._tail)
                if end:
                    data, self._tail = carry + self._tail[:end], self._tail[end:]
                    return data
                return carry or self._skip_line()
        return b""

    def _skip_line(self) -> LongLine:
        head, self._tail = kept(self._tail, self._limit), self._tail[-1:]
        for chunk in self._chunks:
            data = self._tail + chunk
            end = first_line_end(data)
            if end:
                self._tail = data[end:]
                return LongLine(head)
            self._tail = data[-1:]
        self._tail, self.final = b"", True
        return LongLine(head)


def _last_line_end(chunk: bytes) -> int:
    """Where the last line that ends in the chunk ends, or 0.

    A carriage return counts only where no line feed is to be seen and something other than one follows it.
    """
    end = chunk.rfind(b"\n") + 1
    if end:
        return end
    return chunk.rfind(b"\r", 0, len(chunk) - 1) + 1


def first_line_end(data: bytes) -> int:
    """Where the first line that ends in the data ends, or 0; whether a last carriage return ends one is not known."""
    feed, carriage = data.find(b"\n"), data.find(b"\r", 0, len(data) - 1)
    if carriage >= 0 and (feed < 0 or carriage < feed):
        return carriage + (2 if feed == carriage + 1 else 1)
    return feed + 1


def _length(data: bytes) -> int:
    """Bytes without a last carriage return, which ends the line or begins its end."""
    return len(data) - data.endswith(b"\r")


def _one_line(data: bytes) -> bool:
    return not first_line_end(data)
