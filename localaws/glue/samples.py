"""The first bytes of an object, decompressed: what a crawler judges a text file by."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 18

# By the bytes with which a compressed file begins: the name of the compression in the catalog.
COMPRESSIONS: Mapping[bytes, str] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
_OPEN: Mapping[str, Callable[[Path], Any]] = {
    "none": lambda path: path.open("rb"),
    "gzip": gzip.open,
    "bzip2": bz2.open,
}


def compression_of(head: bytes) -> str:
    """``none``, ``gzip`` or ``bzip2``, by a file's first bytes."""
    return next((name for magic, name in COMPRESSIONS.items() if head.startswith(magic)), "none")


def read_sample(path: Path, compression: str, limit: int) -> tuple[bytes, bool]:
    """At most ``limit`` bytes, and whether they are all; what follows a fault in the compression is cut off."""
    with _OPEN[compression](path) as source:
        parts: list[bytes] = []
        size = 0
        try:
            # read1 gives what there is before a fault, where read would give nothing.
            while part := source.read1(min(_CHUNK, limit + 1 - size)):
                parts.append(part)
                size += len(part)
        except (EOFError, OSError, zlib.error):
            return b"".join(parts)[:limit], not parts
    return b"".join(parts)[:limit], size <= limit


def decode(data: bytes, whole: bool) -> str | None:
    """The sample as text; None if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A sample may end within a character.
        if not whole and error.start >= len(data) - 4:
            return data[: error.start].decode("utf-8-sig")
        return None
