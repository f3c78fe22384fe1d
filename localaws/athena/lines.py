"""Text objects as lines: decompressed by the key's extension, cut at newlines, staged as Parquet for DuckDB."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.errors import QueryError
from localaws.s3.store import ObjectInfo

BLOCK = 4 << 20
SCHEMA: Any = pa.schema({"line": pa.string(), "file": pa.int32()})  # type: ignore[arg-type]
UNREADABLE = (".snappy", ".lzo", ".lz4", ".xz", ".zip", ".7z")


def stage(objects: Sequence[ObjectInfo], target: Path, skip: int) -> None:
    """Write the objects' lines, but the first ``skip`` of each, to a Parquet file: ``line``, and the object's number.

    Bytes that are not UTF-8 become U+FFFD, as in Hive. Raises QueryError for a compression that is not supported
    or a compressed object that is damaged.
    """
    with pq.ParquetWriter(target, SCHEMA, compression="none", use_dictionary=False) as writer:
        for number, info in enumerate(objects):
            left = skip
            try:
                for block in _blocks(info):
                    lines, left = block[left:], max(0, left - len(block))
                    if lines:
                        files = pa.repeat(pa.scalar(number, pa.int32()), len(lines))
                        writer.write_batch(pa.record_batch([_strings(lines), files], SCHEMA))
            except (EOFError, OSError, zlib.error) as error:
                message = f"Error reading s3://{info.bucket}/{info.key}: {error}"
                raise QueryError("HIVE_CURSOR_ERROR", message) from error


def _open(info: ObjectInfo) -> IO[bytes] | Any:
    name = info.key.lower()
    if name.endswith(UNREADABLE):
        raise QueryError("NOT_SUPPORTED", f"s3://{info.bucket}/{info.key}: this compression is not supported here")
    if name.endswith(".gz"):
        return gzip.open(info.path, "rb")
    if name.endswith(".bz2"):
        return bz2.open(info.path, "rb")
    if name.endswith((".zst", ".zstd")):
        return pa.input_stream(str(info.path), compression="zstd")
    return info.path.open("rb")


def _blocks(info: ObjectInfo) -> Iterator[list[bytes]]:
    """The lines in lists; a line ends with LF, CR LF or the end of the object."""
    carry = b""
    with _open(info) as source:
        while block := source.read(BLOCK):
            lines = (carry + block).split(b"\n")
            carry = lines.pop()
            yield [line.removesuffix(b"\r") for line in lines]
    if carry:
        yield [carry.removesuffix(b"\r")]


def _strings(lines: list[bytes]) -> Any:
    array = pa.array(lines, pa.binary())
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line.decode("utf-8", "replace") for line in lines], pa.string())
