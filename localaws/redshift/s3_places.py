"""Places in S3 as COPY and UNLOAD name them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

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


def objects(store: Store, text: str, *, manifest: bool) -> list[ObjectInfo]:
    """The objects that a COPY reads; raises SqlError when there are none, as Redshift does."""
    bucket, prefix = parse_place(text)
    try:
        if manifest:
            return list(_of_manifest(store, bucket, prefix))
        found = [info for info in store.list(bucket, prefix) if info.size]
    except AwsError as error:
        raise SqlError(f"S3ServiceException:{error.message},Status {error.status},Error {error.code}") from error
    if not found:
        raise SqlError(f"The specified S3 prefix '{prefix}' does not exist")
    return found


def _of_manifest(store: Store, bucket: str, key: str) -> Iterator[ObjectInfo]:
    with store.open(bucket, key) as body:
        raw = body.read()
    try:
        entries = json.loads(raw)["entries"]
        wanted = [(str(entry["url"]), bool(entry.get("mandatory", False))) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SqlError(f"The manifest s3://{bucket}/{key} is not valid: it needs entries, each with a url") from error
    if not wanted:
        raise SqlError(f"The manifest s3://{bucket}/{key} names no files")
    for url, mandatory in wanted:
        try:
            yield store.head(*parse_place(url))
        except AwsError as error:
            if mandatory:
                raise SqlError(f"Problem reading manifest file - {url} is mandatory and missing") from error
