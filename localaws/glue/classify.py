"""What one object holds: its format and its columns, read from its first bytes or, for Parquet, from its footer."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from localaws.core import AwsError
from localaws.glue import csv_files, json_files, parquet_files
from localaws.glue.types import Columns
from localaws.s3.objects import ObjectInfo

SAMPLE = 1 << 20  # bytes of an object that are read, as by AWS
LARGE_SAMPLE = 10 << 20  # where no record is whole in the first megabyte
REMEMBERED = 100_000

# The first bytes of formats that a crawler of AWS reads and this one does not.
_FOREIGN = {
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "ZIP",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
    b"<?xml": "XML",
}


@dataclass(frozen=True)
class Format:
    """How the objects of one table are written; objects of different formats never share a table."""

    classification: str  # parquet, csv or json
    compression: str = "none"
    delimiter: str = ""
    has_header: bool = False
    quoted: bool = False


@dataclass(frozen=True)
class Content:
    """An object's format and columns; records and record_bytes (uncompressed) may be estimates from a sample."""

    format: Format
    columns: Columns
    records: int
    record_bytes: int


class UnreadableObject(AwsError):
    """The object's format is none that this crawler reads."""

    def __init__(self, info: ObjectInfo, what: str) -> None:
        message = (
            f"s3://{info.bucket}/{info.key} is {what}, which this crawler cannot read: it reads Parquet, CSV and JSON, "
            "plain or gzip. Exclude the object by the target's Exclusions, or store it in one of these formats."
        )
        super().__init__("UnsupportedFormatException", message)


class Classifier:
    """Classifies objects and remembers the answer by ETag, so that an unchanged object is read once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], Content | None] = OrderedDict()
        self._lock = Lock()

    def classify(self, info: ObjectInfo) -> Content | None:
        """The content; None if it is no table. Raises UnreadableObject."""
        identity = (info.etag, info.size)
        with self._lock:
            if identity in self._known:
                return self._known[identity]
        try:
            content = _classify(info)
        except FileNotFoundError:
            return None  # deleted or replaced since it was listed
        with self._lock:
            self._known[identity] = content
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return content


def _classify(info: ObjectInfo) -> Content | None:
    with info.path.open("rb") as source:
        head = source.read(16)
    if head.startswith(b"PAR1"):
        try:
            return Content(Format("parquet"), *parquet_files.describe(info.path))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise UnreadableObject(info, f"a broken Parquet file ({error})") from error
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableObject(info, name)
    compression = "gzip" if head.startswith(b"\x1f\x8b") else "none"
    for limit in (SAMPLE, LARGE_SAMPLE):
        data, whole = _read(info.path, compression, limit)
        text = _decode(data, whole)
        if text is None:
            return None
        content = _classify_text(info, compression, text, len(data), whole)
        if content is not None or whole:
            return content
    return None


def _classify_text(info: ObjectInfo, compression: str, text: str, size: int, whole: bool) -> Content | None:
    found = json_files.describe(text, whole)
    if found is not None:
        columns, records, consumed = found
        return Content(Format("json", compression), columns, *_scale(info, compression, records, consumed, whole))
    # Text that begins as JSON and is none would make columns of its braces.
    dialect = None if text.lstrip().startswith(("{", "[")) else csv_files.describe(text, whole)
    if dialect is None:
        return None
    form = Format("csv", compression, dialect.delimiter, dialect.has_header, dialect.quoted)
    return Content(form, dialect.columns, *_scale(info, compression, dialect.records, dialect.consumed, whole))


def _scale(info: ObjectInfo, compression: str, records: int, consumed: int, whole: bool) -> tuple[int, int]:
    """Records of the whole object and the bytes of one, from those in the sample."""
    average = max(1, round(consumed / records)) if records else 1
    if whole or compression != "none":
        return records, average
    return max(records, info.size // average), average


def _read(path: Path, compression: str, limit: int) -> tuple[bytes, bool]:
    """The first bytes, decompressed, and whether they are all."""
    with path.open("rb") as source:
        if compression == "none":
            data = source.read(limit + 1)
            return data[:limit], len(data) <= limit
        decompressor = zlib.decompressobj(wbits=31)
        try:
            data = decompressor.decompress(source.read(limit), limit)
        except zlib.error:
            return b"", True
    # More may follow in the same member of the gzip file, or in a further one.
    return data, decompressor.eof and not decompressor.unused_data


def _decode(data: bytes, whole: bool) -> str | None:
    """The sample as text; None if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A sample may end within a character.
        if not whole and error.start >= len(data) - 4:
            return data[: error.start].decode("utf-8-sig")
        return None
