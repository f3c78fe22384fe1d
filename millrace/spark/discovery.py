"""What the schema of a raw file is, found from its beginning and held against the contract before anything is read."""

from __future__ import annotations

import csv
import gzip
import re
from typing import IO, Any, cast

from millrace.contracts import Column, Contract
from millrace.convert import header
from millrace.convert.header import Header, Refused
from millrace.spark.raw_text import RawFile, pattern
from millrace.uploads import Upload

_SAMPLE_BYTES = 64 << 10
_ENOUGH = 5  # values that are not as the contract has them, and none that is


def discover(s3: Any, bucket: str, upload: Upload, contract: Contract, number: int) -> RawFile:
    """The file, with the names of its columns; one that the contract does not know is named by its header.

    Raises Refused where a column is missing, or is of another type in all rows of the sample.
    """
    where = {"Bucket": bucket, "Key": upload.key, "IfMatch": f'"{upload.etag}"'}
    with s3.get_object(**where)["Body"] as body:
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=body)) if upload.key.lower().endswith(".gz") else body
        sample = stream.read(_SAMPLE_BYTES)
    lines = sample.split(b"\n")
    whole = lines if len(sample) < _SAMPLE_BYTES else lines[:-1]
    try:
        first = whole[0].rstrip(b"\r").decode("utf-8") if whole else ""
    except UnicodeDecodeError:
        raise Refused("the header is not UTF-8; store the file as UTF-8") from None
    if not first.strip("\ufeff \t"):
        raise Refused("the file has no header; is it empty?")
    found = header.match(first.removeprefix("\ufeff"), contract)
    texts = [line.decode("utf-8", "replace").rstrip("\r") for line in whole[1:]]
    rows = [row for row in csv.reader(texts, delimiter=found.delimiter) if len(row) == found.width]
    for name, index in found.fields.items():
        _same_type(contract.column(name), [row[index] for row in rows if row[index]])
    uri = f"s3://{bucket}/{upload.key}"
    return RawFile(number, uri, upload.etag, upload.upload_date, upload.size, first, found, _names(first, found))


def _same_type(column: Column, values: list[str]) -> None:
    written = pattern(column) or column.pattern
    if written is None or len(values) < _ENOUGH or any(re.fullmatch(written, value) for value in values):
        return
    shape = re.sub(r"[0-9]", "9", re.sub(r"[^\W\d_]", "x", values[0]))[:60]
    wanted = f"a {column.type}" if column.type != "string" else f"like {column.pattern}"
    raise Refused(
        f"column {column.name} has changed its type: none of its first {len(values)} values is {wanted}, they look "
        f"like {shape!r}; mend the file, or change the contract and load everything anew"
    )


def _names(line: str, found: Header) -> tuple[str, ...]:
    """The names of the file's columns in its order."""
    by_index = {index: name for name, index in found.fields.items()}
    headers = next(csv.reader([line.removeprefix("\ufeff")], delimiter=found.delimiter))
    names = tuple(by_index.get(index) or _name(text) for index, text in enumerate(headers))
    if len(set(names)) < len(names):
        raise Refused(f"two columns have the same name: {', '.join(names)}; rename or drop one of them")
    return names


def _name(text: str) -> str:
    """A header as the name of a column."""
    name = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    if not name:
        raise Refused(f"the header {text!r} gives a column no name; write one")
    return name if name[0].isalpha() else f"c_{name}"
