"""Arrow string arrays as numpy sees them: offsets and bytes, for checks that are quicker there than in any kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def offsets_and_bytes(strings: Any) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Offsets (length + 1) into the bytes, and the bytes, of a string array."""
    _, offsets, data = strings.buffers()
    ends = np.frombuffer(offsets, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    if data is None:
        return ends, np.empty(0, np.uint8)
    return ends, np.frombuffer(data, np.uint8)


def trimmed(strings: Any) -> Any:
    """The strings without ASCII whitespace around them; what is then empty is null."""
    if len(strings) == 0:
        return strings
    ends, data = offsets_and_bytes(strings)
    starts, stops = ends[:-1], ends[1:]
    if strings.null_count or not (stops > starts).all():
        filled = np.flatnonzero(stops > starts)
        starts, stops = starts[filled], stops[filled]
    # Whitespace sorts before every visible byte, so two minima tell that there is none.
    if not len(starts) or min(data.take(starts).min(), data.take(stops - 1).min()) > ord(" "):
        return strings
    result = pc.ascii_trim_whitespace(strings)
    empty = pc.binary_length(result).to_numpy(zero_copy_only=False) == 0
    return pc.if_else(pa.array(empty), pa.scalar(None, pa.string()), result)


def longest(strings: Any) -> int:
    """The most bytes that one of the strings has."""
    return int(np.diff(offsets_and_bytes(strings)[0]).max(initial=0))


def with_bytes_outside(strings: Any, allowed: Bools) -> Ints:
    """Indices of the strings that hold a byte outside the 256-entry table ``allowed``."""
    ends, data = offsets_and_bytes(strings)
    start = int(ends[0])
    positions = np.flatnonzero(~allowed.take(data[start : int(ends[-1])])) + start
    if not len(positions):
        return positions
    return np.unique(np.searchsorted(ends, positions, side="right") - 1)


def leading(strings: Any, width: int) -> npt.NDArray[np.uint8]:
    """The first ``width`` bytes of each string, one row per position; what lies beyond a string's end is 0."""
    ends, data = offsets_and_bytes(strings)
    padded = np.concatenate((data[: int(ends[-1])], np.zeros(width, np.uint8)))
    # Items of that width at every byte: taking them copies each string's head at once.
    heads = np.ndarray((len(padded) - width + 1,), f"V{width}", padded, strides=(1,))
    result = heads[ends[:-1]].view(np.uint8).reshape(-1, width).T.copy()
    short = np.flatnonzero(np.diff(ends) < width)
    result[:, short] *= np.arange(width)[:, None] < np.diff(ends)[short]
    return result
