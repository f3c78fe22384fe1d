"""The object store: objects are plain files with names of our own, so no key can climb out of its bucket.

A put writes a temporary file, renames it into place and then switches the index in one transaction: a reader, and a
restart after a crash, sees the old object or the new one, whole. Files are never changed in place.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from localaws.core import REGION, AwsError
from localaws.s3.copying import second_name
from localaws.s3.index import Index
from localaws.s3.objects import (
    Bucket,
    IsDeleteMarker,
    NoSuchBucket,
    NoSuchKey,
    ObjectInfo,
    check_bucket_name,
    key_bytes,
)
from localaws.s3.versions import NULL, Version, Versions, new_id, no_such_version

BLOCK = 1 << 20
DEFAULT_TYPE = "binary/octet-stream"

T = TypeVar("T")

Subscriber = Callable[[str, ObjectInfo], None]
Condition = Callable[[ObjectInfo | None], None]
Level = tuple[list[ObjectInfo], list[str]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attributes:
    """What is stored with an object beside its bytes; ``etag`` None means the MD5 of the bytes."""

    content_type: str = DEFAULT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_encoding: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[int, ...] = ()
    etag: str | None = None


class Store:
    """Buckets and objects under the folder ``root``, which one process holds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"
        self._temporary = root / "tmp"
        self._objects.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self.index = Index(root / "index.sqlite", self._objects)
        self.versions = Versions(self.index)
        self._subscribers: list[Subscriber] = []
        if self.index.mark_open(True):
            self._sweep()

    def close(self) -> None:
        """Close the index; the store is not used after."""
        self.index.mark_open(False)
        self.index.close()

    def subscribe(self, callback: Subscriber) -> None:
        """Have ``callback(event name, object)`` called after each put and delete, such as ``ObjectCreated:Put``."""
        self._subscribers.append(callback)

    def temporary(self) -> Path:
        """A fresh path on the store's file system, to write to and then put; emptied when the store is next opened."""
        return self._temporary / uuid.uuid4().hex

    # Buckets

    def create_bucket(self, bucket: str, *, region: str = REGION) -> None:
        """Create a bucket; creating it again is an error everywhere but in us-east-1, as in S3."""
        check_bucket_name(bucket)
        with self.index.lock:
            if self._has(bucket):
                if region == REGION == self.index.bucket(bucket).region:
                    return
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise AwsError("BucketAlreadyOwnedByYou", message, 409, BucketName=bucket)
            (self._objects / bucket).mkdir(exist_ok=True)
            self.index.insert_bucket(Bucket(bucket, datetime.now(UTC).replace(microsecond=0), region))

    def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        with self.index.lock:
            self.index.bucket(bucket)
            if self.index.page(bucket, b"", None, 1) or not self.versions.is_empty(bucket):
                message = "The bucket you tried to delete is not empty"
                if not self.versions.is_empty(bucket):
                    message += ". You must delete all versions in the bucket."
                raise AwsError("BucketNotEmpty", message, 409, BucketName=bucket)
            self.index.delete_bucket(bucket)
            self.versions.forget(bucket)
            shutil.rmtree(self._objects / bucket, ignore_errors=True)

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        return self.index.buckets()

    # Objects

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes | BinaryIO | Path,
        *,
        content_type: str = DEFAULT_TYPE,
        metadata: Mapping[str, str] | None = None,
        content_encoding: str | None = None,
    ) -> ObjectInfo:
        """Store an object, replacing one under the same key; a Path is moved in."""
        self.index.bucket(bucket)
        key_bytes(key)
        attributes = Attributes(content_type, metadata or {}, content_encoding)
        if not isinstance(body, Path):
            path = self.temporary()
            etag = _write(io.BytesIO(body) if isinstance(body, bytes) else body, path)
            body, attributes = path, replace(attributes, etag=etag)
        return self.commit(bucket, key, body, attributes)

    def commit(
        self,
        bucket: str,
        key: str,
        path: Path,
        attributes: Attributes,
        *,
        event: str = "ObjectCreated:Put",
        condition: Condition | None = None,
    ) -> ObjectInfo:
        """Make the file at ``path`` the object, at once; ``condition`` sees the object to be replaced and may raise."""
        raw = key_bytes(key)
        etag = attributes.etag or file_md5(path)
        name = uuid.uuid4().hex
        folder = self._objects / bucket / name[:2]
        info = ObjectInfo(
            bucket,
            key,
            path.stat().st_size,
            etag,
            datetime.now(UTC).replace(microsecond=0),
            attributes.content_type,
            attributes.metadata,
            attributes.content_encoding,
            folder / name,
            attributes.headers,
            attributes.tags,
            attributes.checksums,
            attributes.parts,
        )
        if path.parent != self._temporary:
            path = self._bring_near(path)
        with self.index.transaction():
            self.index.bucket(bucket)
            old = self.index.get(bucket, raw)
            if condition is not None:
                condition(old)
            if state := self.versions.state(bucket):
                info = replace(info, version=new_id() if state == "Enabled" else NULL)
            folder.mkdir(parents=True, exist_ok=True)
            path.rename(info.path)
            gone = self.versions.displace(bucket, key, old)
            self.index.put(info)
        _unlink(gone)
        self._tell(event, info)
        return info

    def head(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """The description of the latest or another version; raises NoSuchBucket, NoSuchKey, NoSuchVersion."""
        info = self.index.get(bucket, key_bytes(key))
        if info is not None and version in (None, info.version or NULL):
            return info
        self.index.bucket(bucket)
        if version is not None:
            found = self.versions.find(bucket, key, version)
            if found is None:
                raise no_such_version(key, version)
            if found.marker:
                raise IsDeleteMarker(key, found.id, asked_for=True)
            return found.info
        if self.versions.state(bucket) and (top := self.versions.top(bucket, key)):
            raise IsDeleteMarker(key, top.id, asked_for=False)
        raise NoSuchKey(key)

    def open(self, bucket: str, key: str) -> BinaryIO:
        """The object's bytes, whole and unchanging even if it is replaced while being read."""
        return self.open_object(bucket, key)[1]

    def open_object(self, bucket: str, key: str, version: str | None = None) -> tuple[ObjectInfo, BinaryIO]:
        """The description and the bytes of one and the same object."""
        return self._with_file(bucket, key, version, lambda path: path.open("rb", buffering=0))

    def link_object(self, bucket: str, key: str, version: str | None = None) -> tuple[ObjectInfo, Path]:
        """The description of an object, and a temporary path with its bytes, to be put under another key."""
        path = self.temporary()
        return self._with_file(bucket, key, version, lambda stored: second_name(stored, path))

    def _with_file(self, bucket: str, key: str, version: str | None, use: Callable[[Path], T]) -> tuple[ObjectInfo, T]:
        while True:
            info = self.head(bucket, key, version)
            try:
                return info, use(info.path)
            except FileNotFoundError:
                # Replaced between look-up and use: look again. If not replaced, the file was taken from outside.
                if self.head(bucket, key, version).path == info.path:
                    raise

    def list(self, bucket: str, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose key begins with prefix and is greater than start_after, in UTF-8 order."""
        self.index.bucket(bucket)
        start = start_after.encode() + b"\0" if start_after else b""
        return (info for info in self.index.walk(bucket, prefix.encode(), b"", start) if isinstance(info, ObjectInfo))

    def list_level(self, bucket: str, prefix: str, delimiter: str = "/") -> Level:
        """The objects directly under prefix, and the common prefixes up to the next delimiter."""
        self.index.bucket(bucket)
        objects: list[ObjectInfo] = []
        prefixes: list[str] = []
        for entry in self.index.walk(bucket, prefix.encode(), delimiter.encode(), b""):
            if isinstance(entry, ObjectInfo):
                objects.append(entry)
            else:
                prefixes.append(entry.decode())
        return objects, prefixes

    def delete(self, bucket: str, key: str, *, condition: Condition | None = None) -> ObjectInfo | None:
        """Delete an object; deleting one that does not exist succeeds, as in S3.

        With versioning a delete marker is put in its place, which is returned.
        """
        raw = key_bytes(key)
        marker = None
        with self.index.transaction():
            self.index.bucket(bucket)
            old = self.index.get(bucket, raw)
            if condition is not None:
                condition(old)
            state = self.versions.state(bucket)
            gone = self.versions.displace(bucket, key, old)
            self.index.delete(bucket, raw)
            if state:
                marker = self.versions.mark_deleted(bucket, key, new_id() if state == "Enabled" else NULL)
        _unlink(gone)
        if marker:
            self._tell("ObjectRemoved:DeleteMarkerCreated", marker)
        elif old is not None:
            self._tell("ObjectRemoved:Delete", old)
        return marker

    def delete_version(
        self, bucket: str, key: str, version: str, *, condition: Condition | None = None
    ) -> Version | None:
        """Delete one version for good; what it was, or None where there was none."""
        raw = key_bytes(key)
        with self.index.transaction():
            self.index.bucket(bucket)
            current = self.index.get(bucket, raw)
            if condition is not None:
                condition(current)
            removed = self.versions.take(current, bucket, key, version)
        if removed:
            if not removed.marker:
                _unlink([removed.info])
            self._tell("ObjectRemoved:Delete", removed.info)
        return removed

    def set_tags(self, bucket: str, key: str, tags: dict[str, str], version: str | None = None) -> ObjectInfo:
        """Replace the tags of an object's latest or another version."""
        with self.index.transaction():
            info = self.head(bucket, key, version)
            current = self.index.get(bucket, key_bytes(key))
            if current and current.path == info.path:
                self.index.set_tags(info, tags)
            else:
                self.versions.replace_detail(replace(info, tags=tags))
        self._tell("ObjectTagging:Put" if tags else "ObjectTagging:Delete", info)
        return info

    def _has(self, bucket: str) -> bool:
        return any(known.name == bucket for known in self.index.buckets())

    def _bring_near(self, path: Path) -> Path:
        """Move a file into the temporary folder, over file systems if need be."""
        near = self.temporary()
        shutil.move(path, near)
        return near

    def _tell(self, event: str, info: ObjectInfo) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(event, info)
            except Exception:
                # The object is stored: a failing listener must not make its put look failed.
                log.exception("S3 event %s of s3://%s/%s was not delivered", event, info.bucket, info.key)

    def _sweep(self) -> None:
        """After a crash: delete the files that no object names."""
        known = self.index.files() | self.versions.files()
        for folder, _, names in os.walk(self._objects):
            for name in names:
                path = Path(folder) / name
                if str(path.relative_to(self._objects)) not in known:
                    with contextlib.suppress(OSError):
                        path.unlink()


def _unlink(gone: list[ObjectInfo]) -> None:
    """Remove files that no version names any more."""
    for info in gone:
        info.path.unlink(missing_ok=True)


def _write(source: BinaryIO, path: Path) -> str:
    """Copy a stream to a new file; returns the MD5 of its bytes, hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def file_md5(path: Path) -> str:
    """The MD5 of a file's bytes, hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


__all__ = ["Attributes", "Bucket", "NoSuchBucket", "NoSuchKey", "ObjectInfo", "Store", "file_md5"]
