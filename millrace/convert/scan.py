"""Quick answers about a whole block of bytes, which tell whether it needs a closer look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

LF, CR = 10, 13


# Scratch memory that stays in the processor's cache, and never in fresh pages, which would cost more than the scan.
_STEP = 1 << 17


class Scanner:
    """Scans of a block, slice by slice, with scratch memory of its own."""

    def __init__(self) -> None:
        self._flags = np.empty(_STEP, np.bool_)

    def line_count(self, block: bytes) -> int:
        """How many lines a non-empty block has, ended or not."""
        count = self._count(block, LF)
        if b"\r" in block:
            count += self._count(block, CR) - block.count(b"\r\n")
        return count + (block[-1] not in (LF, CR))

    def hold_hex(self, block: bytes) -> bool:
        """Whether ``0x`` or ``0X`` occurs, which Arrow would read as a hexadecimal number."""
        for letter in (b"x", b"X"):
            if letter in block:
                word = np.frombuffer(b"0" + letter, "<u2")
                for offset in (0, 1):
                    pairs = np.frombuffer(block, "<u2", (len(block) - offset) // 2, offset)
                    if any(self._equal(part, word).any() for part in _slices(pairs)):
                        return True
        return False

    def _count(self, block: bytes, byte: int) -> int:
        data = np.frombuffer(block, np.uint8)
        return sum(int(np.count_nonzero(self._equal(part, byte))) for part in _slices(data))

    def _equal(self, part: Any, value: Any) -> Any:
        return np.equal(part, value, out=self._flags[: len(part)])


def _slices(data: Any) -> Iterator[Any]:
    for start in range(0, len(data), _STEP):
        yield data[start : start + _STEP]


def is_utf8(block: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    if block.isascii():
        return True
    offsets: Any = np.array([0, len(block)], np.int64)
    whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(block)])
    try:
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def may_exceed(block: bytes, limit: int) -> bool:
    """Whether a line may be longer than the limit: some window of that size holds no line feed."""
    start = 0
    while len(block) - start > limit:
        end = block.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            return True
        start = end + 1
    return False
