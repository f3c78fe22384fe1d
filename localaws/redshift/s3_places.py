"""Places in S3 as COPY and UNLOAD name them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localaws.core import AwsError
from localaws.redshift.errors import SqlError
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Store

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", re.DOTALL)


def parse_place(text: str) -> tuple[str, str]:
    """Bucket and key prefix; raises SqlError."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise SqlError(f"The S3 path {text!r} is not valid: it must be s3://bucket/prefix")
    return match.group(1), match.group(2)


def objects(store: Store, text: str, *, manifest: bool, sized: bool = False) -> list[ObjectInfo]:
    """The objects that a COPY reads; raises SqlError when there are none, as Redshift does.

    sized: entries of a manifest must say how long the files are, as for columnar ones.
    """
    bucket, prefix = parse_place(text)
    try:
        if manifest:
            return list(_of_manifest(store, bucket, prefix, sized))
        found = [info for info in store.list(bucket, prefix) if info.size]
    except AwsError as error:
        raise SqlError(f"S3ServiceException:{error.message},Status {error.status},Error {error.code}") from error
    if not found:
        raise SqlError(f"The specified S3 prefix '{prefix}' does not exist")
    return found


def _of_manifest(store: Store, bucket: str, key: str, sized: bool) -> Iterator[ObjectInfo]:
    with store.open(bucket, key) as body:
        raw = body.read()
    try:
        entries = json.loads(raw)["entries"]
        wanted = [(str(entry["url"]), bool(entry.get("mandatory", False))) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SqlError(f"The manifest s3://{bucket}/{key} is not valid: it needs entries, each with a url") from error
    if sized and (unsized := [entry["url"] for entry in entries if not _length(entry)]):
        raise SqlError(
            f"The manifest s3://{bucket}/{key} needs meta with a content_length for each columnar file, "
            f"and has none for {unsized[0]}"
        )
    if not wanted:
        raise SqlError(f"The manifest s3://{bucket}/{key} names no files")
    for url, mandatory in wanted:
        try:
            yield store.head(*parse_place(url))
        except AwsError as error:
            if mandatory:
                raise SqlError(f"Problem reading manifest file - {url} is mandatory and missing") from error


def _length(entry: Any) -> bool:
    """Whether an entry of a manifest says how long its file is."""
    meta = entry.get("meta")
    return isinstance(meta, dict) and isinstance(meta.get("content_length"), int)
