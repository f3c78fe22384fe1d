"""What a derived table that goes by ``from`` takes on: the converted uploads that are not published in it yet.

Its partitions are upload dates. A key that comes again in a newer upload moves there, so an upload that is older than a
published one, or replaces one, may change any partition: then everything is taken on again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from millrace import loads
from millrace.contracts import Contract
from millrace.published import Published
from millrace.uploads import Upload

_THREADS = 8


@dataclass(frozen=True)
class Increment:
    """uploads: key and etag of each that is new. files: converted objects to read, those of `dates`; rows: in them.

    whole: whether these are all that there are, so that nothing of the table is kept.
    """

    uploads: list[dict[str, str]]
    files: list[str]
    dates: list[str]
    rows: int
    whole: bool


def pending(s3: Any, bucket_prefix: str, source: Contract, *, again: bool = False) -> Increment | None:
    """What is to be loaded; None if nothing is. What is uploaded but not converted yet is left for the next load.

    again: take on everything, as if nothing were published.
    Raises LoadError where an upload was refused, or rows of it are not accounted for: then nothing may be published.
    """
    processed = f"{bucket_prefix}-processed"
    published = {} if again else Published(s3, processed, source.pipeline).read()
    known = [replace(u, stored=source.stored) for u in loads.uploads_of(s3, f"{bucket_prefix}-raw", source)]
    new = [upload for upload in known if published.get(upload.key) != upload.etag]
    rows = _ledger(s3, processed, {upload: upload.etag for upload in new})
    if not rows:
        return None
    loads.check(source.pipeline, list(rows.values()))
    before = [upload for upload in known if upload.key in published]
    latest = max((upload.upload_date for upload in before), default="")
    whole = again or any(key in published for key in rows) or min(row["upload_date"] for row in rows.values()) < latest
    dates = {row["upload_date"] for row in rows.values()}
    beside = [u for u in before if u.key not in rows and (whole or u.upload_date in dates)]
    rows |= _ledger(s3, processed, {upload: published[upload.key] for upload in beside})
    return Increment(
        uploads=[{"key": u.key, "etag": u.etag} for u in new if u.key in rows],
        files=sorted(row["target"] for row in rows.values() if row["rows_out"]),
        dates=sorted({row["upload_date"] for row in rows.values()}),
        rows=sum(row["rows_out"] for row in rows.values()),
        whole=whole,
    )


def _ledger(s3: Any, bucket: str, wanted: Mapping[Upload, str]) -> dict[str, dict[str, Any]]:
    """The ledger rows, by key, of those uploads that are converted as of the wanted etag."""
    with ThreadPoolExecutor(_THREADS) as pool:
        rows = pool.map(lambda upload: _row(s3, bucket, upload.ledger_key), wanted)
        return {u.key: row for u, row in zip(wanted, rows, strict=True) if row and row["etag"] == wanted[u]}


def _row(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    row: dict[str, Any] = json.loads(body)
    return row
