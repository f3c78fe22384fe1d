"""What one object holds: its format and its columns, read from its first bytes or, for Parquet, from its footer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from localaws.core import AwsError
from localaws.glue import csv_files, json_files, parquet_files
from localaws.glue.json_paths import parse
from localaws.glue.samples import compression_of, decode, read_sample
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
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
    b"<?xml": "XML",
}

# Custom classifiers in their order: rules of CSV, or a path in JSON.
Custom = tuple[csv_files.Rules | str, ...]


@dataclass(frozen=True)
class Format:
    """How the objects of one table are written; objects of different formats never share a table."""

    classification: str  # parquet, csv or json
    compression: str = "none"
    delimiter: str = ""
    has_header: bool = False
    quoted: bool = False
    quote: str = '"'
    serde: str = ""  # of CSV, where a custom classifier names it
    json_path: str = ""  # of a custom classifier


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
            "plain, gzip or bzip2. Exclude the object by the target's Exclusions, or store it in one of these formats."
        )
        super().__init__("UnsupportedFormatException", message)


class Classifier:
    """Classifies objects and remembers the answer by ETag, so that an unchanged object is read once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, Custom], Content | None] = OrderedDict()
        self._lock = Lock()

    def classify(self, info: ObjectInfo, custom: Custom = ()) -> Content | None:
        """The content, by the first custom classifier that fits or else the built-in ones; None if it is no table.

        Raises UnreadableObject.
        """
        identity = (info.etag, info.size, custom)
        with self._lock:
            if identity in self._known:
                return self._known[identity]
        try:
            content = _classify(info, custom)
        except FileNotFoundError:
            return None  # deleted or replaced since it was listed
        with self._lock:
            self._known[identity] = content
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return content


def _classify(info: ObjectInfo, custom: Custom) -> Content | None:
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
    compression = compression_of(head)
    for limit in (SAMPLE, LARGE_SAMPLE):
        data, whole = read_sample(info.path, compression, limit)
        text = decode(data, whole)
        if text is None:
            return None
        content = _classify_text(info, compression, text, whole, custom)
        if content is not None or whole:
            return content
    return None


def _classify_text(info: ObjectInfo, compression: str, text: str, whole: bool, custom: Custom) -> Content | None:
    for rules in custom:
        content = (
            _csv(info, compression, text, whole, rules)
            if isinstance(rules, csv_files.Rules)
            else _json(info, compression, json_files.describe_records(text, whole, parse(rules)), rules)
        )
        if content is not None:
            return content
    content = _json(info, compression, json_files.describe(text, whole))
    # Text that begins as JSON and is none would make columns of its braces.
    if content is not None or text.lstrip().startswith(("{", "[")):
        return content
    return _csv(info, compression, text, whole, csv_files.BUILT_IN)


def _json(info: ObjectInfo, compression: str, found: tuple[Columns, int, int] | None, path: str = "") -> Content | None:
    if found is None:
        return None
    columns, records, consumed = found
    return Content(Format("json", compression, json_path=path), columns, *_scale(info, compression, records, consumed))


def _csv(info: ObjectInfo, compression: str, text: str, whole: bool, rules: csv_files.Rules) -> Content | None:
    found = csv_files.describe(text, whole, rules)
    if found is None:
        return None
    form = Format("csv", compression, found.delimiter, found.has_header, found.quoted, rules.quote, rules.serde)
    return Content(form, found.columns, *_scale(info, compression, found.records, found.consumed))


def _scale(info: ObjectInfo, compression: str, records: int, consumed: int) -> tuple[int, int]:
    """Records of the whole object and the bytes of one, from those that were read."""
    average = max(1, round(consumed / records)) if records else 1
    # How much a compressed object would be is not known without reading it all.
    if consumed >= info.size or compression != "none":
        return records, average
    return max(records, info.size // average), average
