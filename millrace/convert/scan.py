"""Quick answers about a whole block of bytes, which tell whether it needs a closer look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

LF, CR = 10, 13


class Scanner:
    """Scans that use the same scratch memory again and again: fresh pages would cost more than the scans."""

    def __init__(self) -> None:
        self._flags = np.empty(0, np.bool_)

    def line_count(self, block: bytes) -> int:
        """How many lines a non-empty block has, ended or not."""
        data = np.frombuffer(block, np.uint8)
        flags = self._flags_of(len(data))
        count = int(np.count_nonzero(np.equal(data, LF, out=flags)))
        if b"\r" in block:
            returns = np.equal(data, CR, out=flags)
            count += int(np.count_nonzero(returns)) - int(np.count_nonzero(returns[:-1] & (data[1:] == LF)))
        return count + (block[-1] not in (LF, CR))

    def hold_hex(self, block: bytes) -> bool:
        """Whether ``0x`` or ``0X`` occurs, which Arrow would read as a hexadecimal number."""
        flags = self._flags_of(len(block))
        for letter in (b"x", b"X"):
            if letter in block:
                word = np.frombuffer(b"0" + letter, "<u2")
                for offset in (0, 1):
                    pairs = np.frombuffer(block, "<u2", (len(block) - offset) // 2, offset)
                    if np.equal(pairs, word, out=flags[: len(pairs)]).any():
                        return True
        return False

    def _flags_of(self, size: int) -> Any:
        if len(self._flags) < size:
            self._flags = np.empty(size, np.bool_)
        return self._flags[:size]


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
