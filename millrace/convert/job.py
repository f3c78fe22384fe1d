"""Convert uploads from S3 to S3: rejects first, then the target, the ledger row last."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from millrace import contracts, uploads
from millrace.convert.engine import Outcome, convert
from millrace.convert.sinks import S3Sink, Sink

# Files from this size on are converted one at a time, so that memory does not grow with their number.
_LARGE_BYTES = 4 << 20
_THREADS = 2  # one works while the other waits for S3; more would only wait for each other

# So many files share the request that removes what their earlier versions left; their ledger rows follow it.
_BATCH = 50

Ledger = dict[str, Any]
Converted = tuple[uploads.Upload, Ledger]
_CONTENT_TYPES = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True)
class RawFile:
    """A raw object to convert; without ``upload_date`` its key or the date on which it was stored tells it."""

    bucket: str
    key: str
    upload_date: str | None = None


class ObjectGone(Exception):
    """A raw object that is no longer there."""


def files_in(event: Mapping[str, Any]) -> list[RawFile]:
    """The files of the function's own event (``bucket``, ``files``) or of an S3 notification (``Records``)."""
    if "Records" in event:
        found = [record["s3"] for record in event["Records"]]
        return [RawFile(s3["bucket"]["name"], unquote_plus(s3["object"]["key"])) for s3 in found]
    return [RawFile(event["bucket"], file["key"], file.get("upload_date")) for file in event["files"]]


class Job:
    """Converts raw objects of one account; safe to use from several threads."""

    def __init__(self, s3: Any, processed_bucket: str, rejects_bucket: str) -> None:
        self._s3 = s3
        self._processed = processed_bucket
        self._rejects = rejects_bucket
        self._large = threading.Lock()

    def run(self, files: Sequence[RawFile]) -> list[Ledger]:
        """Convert files, small ones side by side; their ledger rows in the same order.

        Raises ContractError, UnknownUpload, ObjectGone, RuntimeError or botocore's ClientError for the first that
        fails; others may be converted by then, and converting them again changes nothing.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            batches = (files[start : start + _BATCH] for start in range(0, len(files), _BATCH))
            return [ledger for batch in batches for ledger in self._run(pool, batch)]

    def _run(self, pool: ThreadPoolExecutor, files: Sequence[RawFile]) -> list[Ledger]:
        """Convert files, remove what their earlier versions left, then write their ledger rows."""
        done = list(pool.map(self._convert, files))
        self._remove(self._rejects, [upload.rejects_key for upload, ledger in done if not ledger["rejects"]])
        self._remove(self._processed, [upload.target_key for upload, ledger in done if not ledger["target"]])
        list(pool.map(self._write, done))
        return [ledger for _, ledger in done]

    def _convert(self, file: RawFile) -> Converted:
        answer = self._open(file)
        if answer["ContentLength"] < _LARGE_BYTES:
            return self._convert_body(file, answer)
        answer["Body"].close()
        with self._large:
            return self._convert_body(file, self._open(file))

    def _open(self, file: RawFile) -> Any:
        try:
            return self._s3.get_object(Bucket=file.bucket, Key=file.key)
        except self._s3.exceptions.NoSuchKey:
            raise ObjectGone(
                f"s3://{file.bucket}/{file.key} is gone; upload it again, or leave it out of the next run"
            ) from None

    def _convert_body(self, file: RawFile, answer: Any) -> Converted:
        started = time.monotonic()
        item = {"Key": file.key, "ETag": answer["ETag"], "Size": answer["ContentLength"]}
        upload = uploads.of_object({**item, "LastModified": answer["LastModified"]})
        if file.upload_date is not None:
            upload = dataclasses.replace(upload, upload_date=file.upload_date)
        contract = contracts.get(upload.pipeline, upload.table)
        upload = dataclasses.replace(upload, stored=contract.stored)
        with answer["Body"] as body:
            outcome = convert(
                body,
                contract,
                dt.date.fromisoformat(upload.upload_date),
                upload.key,
                self._sink(self._processed, upload.target_key, _CONTENT_TYPES[contract.stored]),
                self._sink(self._rejects, upload.rejects_key, _CONTENT_TYPES["csv"]),
            )
        return upload, self._ledger(file.bucket, upload, outcome, round(time.monotonic() - started, 3))

    def _remove(self, bucket: str, keys: Sequence[str]) -> None:
        """Remove objects, most of which are not there."""
        if not keys:
            return
        objects: Any = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        if errors := self._s3.delete_objects(Bucket=bucket, Delete=objects).get("Errors"):
            first = errors[0]
            raise RuntimeError(
                f"s3://{bucket}/{first['Key']}, which an earlier version of its file left, cannot be removed: "
                f"{first['Code']}: {first['Message']}; allow the function s3:DeleteObject, or try again"
            )

    def _write(self, done: Converted) -> None:
        upload, ledger = done
        self._s3.put_object(
            Bucket=self._processed,
            Key=upload.ledger_key,
            Body=json.dumps(ledger, ensure_ascii=False).encode(),
            ContentType="application/json",
        )

    def _sink(self, bucket: str, key: str, content_type: str) -> Callable[[], Sink]:
        return lambda: S3Sink(self._s3, bucket, key, content_type)

    def _ledger(self, bucket: str, upload: uploads.Upload, outcome: Outcome, seconds: float) -> Ledger:
        loaded = outcome.status == "loaded"
        rejected = bool(outcome.rows_rejected) or not loaded
        return {
            "pipeline": upload.pipeline,
            "table": upload.table,
            "bucket": bucket,
            "key": upload.key,
            "etag": upload.etag,
            "bytes": upload.size,
            "upload_date": upload.upload_date,
            **dataclasses.asdict(outcome),
            "target": f"s3://{self._processed}/{upload.target_key}" if loaded else None,
            "rejects": f"s3://{self._rejects}/{upload.rejects_key}" if rejected else None,
            "seconds": seconds,
        }
