"""Sync a server's folder into the raw bucket: only what is new or has changed, like ``aws s3 sync``. Deletes nothing.

Where a file belongs follows from its path: ``<table>*.csv`` or ``<table>/**/*.csv`` (also ``.gz``), without the prefix
``raw_`` of the raw table's name. An object remembers the size and time of the file that it was made from. A big file
goes up in parts; those that an interrupted sync left are kept if they are still what the file says.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace import contracts

PART_BYTES = 16 << 20
_MOST_PARTS = 10_000
_WORKERS = 4
_TRIES = 3
_MTIME = "mtime-ns"  # in the object's metadata
_SUFFIXES = (".csv", ".csv.gz")

# Told the bytes that are done; a file that is sent again takes its bytes back.
Advance = Callable[[int], object]


class SyncError(RuntimeError):
    """Files that could not be synced; the others were. The message names them and says why."""


@dataclass(frozen=True)
class Stamp:
    """What tells that a file has changed."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class LocalFile:
    """A file of the folder and the key that it has in the raw bucket."""

    path: Path
    key: str


@dataclass(frozen=True)
class Found:
    """What there is in a folder. other: files that belong to no table, which are left alone."""

    files: tuple[LocalFile, ...]
    other: tuple[Path, ...]


@dataclass(frozen=True)
class Outcome:
    """What a sync did: keys that were sent, keys that were there already, and bytes sent."""

    sent: tuple[str, ...]
    unchanged: tuple[str, ...]
    size: int


class _Changed(Exception):
    """The file was written to while it was read."""


def find(slug: str, folder: Path) -> Found:
    """The files of a folder and where they belong. Raises ValueError: there is no folder, or a name is no UTF-8."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give the one in which the server leaves its files")
    raw = [contract.table for contract in contracts.of_pipeline(slug).values() if contract.kind == "raw"]
    tables = sorted(((table.removeprefix("raw_"), table) for table in raw), key=lambda pair: -len(pair[0]))
    files, other = [], []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        parts = path.relative_to(folder).parts
        table = next((pair for pair in tables if _belongs(parts[0], pair[0])), None)
        if table is None or not path.name.lower().endswith(_SUFFIXES) or path.name.startswith("."):
            other.append(path)
            continue
        name = "/".join(parts[1:] if len(parts) > 1 and parts[0] == table[0] else parts)
        files.append(LocalFile(path, f"{slug}/{table[1]}/{_utf8(name, folder)}"))
    return Found(tuple(files), tuple(other))


def sync(s3: Any, bucket: str, files: Sequence[LocalFile], advance: Advance = lambda size: None) -> Outcome:
    """Bring the files into the bucket. advance: told the bytes as they are done, those of unchanged files too.

    Small files go side by side, big ones part by part. Raises SyncError, after all others are done, for files that
    keep changing or cannot be read.
    """
    there = _listing(s3, bucket, files)
    big = [file for file in files if file.path.stat().st_size > PART_BYTES]
    small = [file for file in files if file.path.stat().st_size <= PART_BYTES]
    problems: list[str] = []
    lock = threading.Lock()

    def tell(size: int) -> None:
        with lock:
            advance(size)

    def bring(file: LocalFile, pool: ThreadPoolExecutor | None = None) -> int | None:
        """The bytes that were sent; None if there was nothing to send."""
        sender = _Sender(s3, bucket, file, tell, pool)
        try:
            return sender.send(there.get(file.key))
        except (OSError, _Changed) as error:
            problems.append(f"{file.path}: {error}")
            return None

    with ThreadPoolExecutor(_WORKERS) as pool:
        sizes = dict(zip(small, pool.map(bring, small), strict=True))
        sizes |= {file: bring(file, pool) for file in big}
    if problems:
        raise SyncError(f"{len(problems)} files were not synced; sync again later: {'; '.join(problems)}")
    sent = tuple(file.key for file in files if sizes[file] is not None)
    unchanged = tuple(file.key for file in files if sizes[file] is None)
    return Outcome(sent, unchanged, sum(size or 0 for size in sizes.values()))


class _Sender:
    """Sends one file."""

    def __init__(
        self, s3: Any, bucket: str, file: LocalFile, advance: Advance, pool: ThreadPoolExecutor | None
    ) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": file.key}
        self._path = file.path
        self._advance = advance
        self._pool = pool

    def send(self, there: tuple[int, str] | None) -> int | None:
        """Send the file unless the object is it. there: the object's size and etag."""
        for _ in range(_TRIES):
            stamp = _stamp(self._path)
            if there is not None and there[0] == stamp.size and self._same(stamp, there[1]):
                self._advance(stamp.size)
                return None
            try:
                self._send(stamp)
            except _Changed:
                continue
            return stamp.size
        raise _Changed("it is being written to; it was read three times and changed each time")

    def _same(self, stamp: Stamp, etag: str) -> bool:
        """Whether the object, of the same size, was made from this file as it is, or has its content all the same."""
        metadata = self._s3.head_object(**self._where)["Metadata"]
        if metadata.get(_MTIME) == str(stamp.mtime_ns):
            return True
        with self._path.open("rb") as file:
            return etag == _etag([hashlib.md5(part, usedforsecurity=False) for part in _parts(file, stamp.size)])

    def _send(self, stamp: Stamp) -> None:
        if stamp.size > PART_BYTES:
            self._send_parts(stamp)
            return
        body = self._path.read_bytes()
        self._unchanged(stamp)
        self._s3.put_object(**self._where, Body=body, Metadata={_MTIME: str(stamp.mtime_ns)})
        self._advance(stamp.size)

    def _send_parts(self, stamp: Stamp) -> None:
        upload, kept = self._resume(stamp)
        size = part_size(stamp.size)

        def put(number: int) -> tuple[dict[str, Any], int]:
            with self._path.open("rb") as file:
                file.seek((number - 1) * size)
                body = file.read(size)
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if kept.get(number) != (len(body), etag):
                self._s3.upload_part(**self._where, UploadId=upload, PartNumber=number, Body=body)
            self._advance(len(body))
            return {"PartNumber": number, "ETag": f'"{etag}"'}, len(body)

        assert self._pool is not None
        done = list(self._pool.map(put, range(1, -(-stamp.size // size) + 1)))
        try:
            self._unchanged(stamp)
        except _Changed:
            self._advance(-sum(length for _, length in done))
            raise
        parts = [part for part, _ in done]
        self._s3.complete_multipart_upload(**self._where, UploadId=upload, MultipartUpload={"Parts": parts})

    def _resume(self, stamp: Stamp) -> tuple[str, dict[int, tuple[int, str]]]:
        """An upload that was begun for this state of the file, and its parts (size and etag); else a new one.

        Uploads for other states are given up.
        """
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._where["Bucket"], Prefix=self._where["Key"]
        )
        begun = [u for page in pages for u in page.get("Uploads", []) if u["Key"] == self._where["Key"]]
        # S3 tells the time in whole seconds.
        fresh = [u for u in begun if u["Initiated"].timestamp() + 1 >= stamp.mtime_ns / 1e9]
        for old in begun:
            if old not in fresh[-1:]:
                self._s3.abort_multipart_upload(**self._where, UploadId=old["UploadId"])
        if fresh:
            upload = fresh[-1]["UploadId"]
            pages = self._s3.get_paginator("list_parts").paginate(**self._where, UploadId=upload)
            parts = [part for page in pages for part in page.get("Parts", [])]
            return upload, {part["PartNumber"]: (part["Size"], part["ETag"].strip('"')) for part in parts}
        metadata = {_MTIME: str(stamp.mtime_ns)}
        return self._s3.create_multipart_upload(**self._where, Metadata=metadata)["UploadId"], {}

    def _unchanged(self, stamp: Stamp) -> None:
        if _stamp(self._path) != stamp:
            raise _Changed("it changed while it was read")


def part_size(size: int) -> int:
    """How big the parts of a file are: the usual size, but not more parts than S3 takes."""
    return max(PART_BYTES, -(-size // _MOST_PARTS))


def _parts(file: Any, size: int) -> Iterator[bytes]:
    length = part_size(size)
    return iter(lambda: file.read(length), b"")


def _etag(parts: Sequence[Any]) -> str:
    """The etag of an object that was sent as these parts."""
    if len(parts) <= 1:
        return str(parts[0].hexdigest() if parts else hashlib.md5(b"", usedforsecurity=False).hexdigest())
    together = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return f"{together.hexdigest()}-{len(parts)}"


def _listing(s3: Any, bucket: str, files: Sequence[LocalFile]) -> dict[str, tuple[int, str]]:
    """Size and etag of the objects that may be these files'."""
    prefixes = {file.key.split("/", 2)[0] + "/" + file.key.split("/", 2)[1] + "/" for file in files}
    pages = (
        page
        for prefix in sorted(prefixes)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    )
    try:
        return {
            item["Key"]: (item["Size"], item["ETag"].strip('"')) for page in pages for item in page.get("Contents", [])
        }
    except ClientError as error:
        raise SyncError(f"s3://{bucket} cannot be read ({error}); is it there, and may you read it?") from None


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def _belongs(first: str, name: str) -> bool:
    """Whether the first part of a path is of the table of that name."""
    return first.lower().startswith(name) and not first[len(name) : len(name) + 1].isalnum()


def _utf8(name: str, folder: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{folder}: the file name {name!r} is not UTF-8, as keys in S3 must be; rename it") from None
    return name
