"""How many rows Parquet files say they have: the end of each is read, by a few requests at once, and no reader started.

A footer is Thrift's compact protocol; of FileMetaData only the fields up to ``num_rows`` are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_TAIL_BYTES = 16 << 10
_THREADS = 8
_MAGIC = b"PAR1"
_NUM_ROWS = 3  # the field's id
# Types of the compact protocol.
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)


class NotParquet(ValueError):
    """A file that does not end as Parquet files do."""


def rows(s3: Any, bucket: str, keys: Iterable[str]) -> int:
    """The sum of the rows of these objects. Raises NotParquet."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return sum(pool.map(lambda key: _rows(s3, bucket, key), keys))


def _rows(s3: Any, bucket: str, key: str) -> int:
    tail = _tail(s3, bucket, key, _TAIL_BYTES)
    if tail[-4:] != _MAGIC:
        raise NotParquet(f"s3://{bucket}/{key} is no Parquet file")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > len(tail):
        tail = _tail(s3, bucket, key, length)
    return num_rows(tail[-length:-8])


def _tail(s3: Any, bucket: str, key: str, size: int) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=-{size}")["Body"].read()
    return body


def num_rows(footer: bytes) -> int:
    """The number of rows in a serialised FileMetaData."""
    reader = _Reader(footer)
    field = 0
    while (head := reader.byte()) != _STOP:
        kind = head & 0x0F
        field = field + (head >> 4) if head >> 4 else reader.zigzag()
        if field == _NUM_ROWS:
            return reader.zigzag()
        reader.skip(kind)
    raise NotParquet("the footer does not say how many rows there are")


class _Reader:
    """Reads values one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def byte(self) -> int:
        value = self._content[self._at]
        self._at += 1
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int) -> None:
        """Pass over a value."""
        if kind == _BYTE:
            self._at += 1
        elif kind in (_I16, _I32, _I64):
            self.varint()
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BINARY:
            size = self.varint()
            self._at += size
        elif kind in (_LIST, _SET):
            self._skip_list()
        elif kind == _STRUCT:
            self._skip_struct()
        elif kind not in (_TRUE, _FALSE):  # which have no bytes of their own in a struct
            raise NotParquet(f"the footer has a value of type {kind}")

    def _skip_list(self) -> None:
        head = self.byte()
        size = head >> 4 if head >> 4 < 15 else self.varint()
        for _ in range(size):
            self.skip(_BYTE if head & 0x0F in (_TRUE, _FALSE) else head & 0x0F)

    def _skip_struct(self) -> None:
        while (head := self.byte()) != _STOP:
            if not head >> 4:
                self.zigzag()
            self.skip(head & 0x0F)
