"""Noncurrent versions and delete markers: a table beside the index, touched only in buckets that have versioning.

The index's ``objects`` holds what an unversioned read sees: the latest version of a key, unless that is a delete
marker. All else is here, ordered by ``seq`` within a key, the greatest being the most recent.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from localaws.core import AwsError
from localaws.s3.index import COLUMNS, PAGE, Index, after_prefix
from localaws.s3.objects import ObjectInfo

NULL = "null"
SETTING = "versioning"
SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    bucket TEXT NOT NULL, key BLOB NOT NULL, seq INTEGER NOT NULL, version TEXT NOT NULL, marker INTEGER NOT NULL,
    file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL,
    content_type TEXT NOT NULL, content_encoding TEXT, detail TEXT NOT NULL,
    PRIMARY KEY (bucket, key, seq)) WITHOUT ROWID;
"""
_EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # the MD5 of nothing
_LETTERS = string.ascii_letters + string.digits + "._"


@dataclass(frozen=True)
class Version:
    """One version in a listing; a delete marker has no bytes."""

    info: ObjectInfo
    marker: bool
    latest: bool

    @property
    def id(self) -> str:
        """The version's id."""
        return self.info.version or NULL


def new_id() -> str:
    """An id for a version: 32 letters, as S3's."""
    return "".join(secrets.choice(_LETTERS) for _ in range(32))


def no_such_version(key: str, version: str) -> AwsError:
    """S3's answer for a version that does not exist."""
    return AwsError("NoSuchVersion", "The specified version does not exist.", 404, Key=key, VersionId=version)


class Versions:
    """The versions of an index's objects; who changes them holds the index's transaction."""

    def __init__(self, index: Index) -> None:
        self._index = index
        index.execute_script(SCHEMA)
        self._states = dict(index.settings(SETTING))

    def state(self, bucket: str) -> str | None:
        """Enabled, Suspended, or None for a bucket that never had versioning."""
        return self._states.get(bucket)

    def set_state(self, bucket: str, state: str) -> None:
        """Switch versioning on or suspend it."""
        self._index.set_setting(bucket, SETTING, state)
        self._states[bucket] = state

    def forget(self, bucket: str) -> None:
        """The bucket was deleted."""
        self._states.pop(bucket, None)

    def is_empty(self, bucket: str) -> bool:
        """Whether a bucket holds no versions but current ones."""
        return bucket not in self._states or not self._index.query(
            "SELECT 1 FROM versions WHERE bucket=? LIMIT 1", bucket
        )

    def retire(self, info: ObjectInfo) -> None:
        """Keep an object that is current no more."""
        self._insert(info, marker=False)

    def mark_deleted(self, bucket: str, key: str, version: str) -> ObjectInfo:
        """Put a delete marker on top of a key's versions."""
        now = datetime.now(UTC).replace(microsecond=0)
        marker = ObjectInfo(bucket, key, 0, _EMPTY, now, "", {}, None, self._index.files_root, version=version)
        self._insert(marker, marker=True)
        return marker

    def find(self, bucket: str, key: str, version: str) -> Version | None:
        """A version that is not the current object."""
        rows = self._index.query(
            f"SELECT marker, {COLUMNS} FROM versions WHERE bucket=? AND key=? AND version=?",
            bucket,
            key.encode(),
            version,
        )
        return Version(self._index.info(bucket, rows[0][1:]), bool(rows[0][0]), False) if rows else None

    def top(self, bucket: str, key: str) -> Version | None:
        """The most recent of a key's versions here: the latest of all where the key has no current object."""
        rows = self._index.query(
            f"SELECT marker, {COLUMNS} FROM versions WHERE bucket=? AND key=? ORDER BY seq DESC LIMIT 1",
            bucket,
            key.encode(),
        )
        return Version(self._index.info(bucket, rows[0][1:]), bool(rows[0][0]), True) if rows else None

    def remove(self, bucket: str, key: str, version: str) -> Version | None:
        """Take a version away; what it was, or None."""
        found = self.find(bucket, key, version)
        if found:
            self._index.query(
                "DELETE FROM versions WHERE bucket=? AND key=? AND version=?", bucket, key.encode(), version
            )
        return found

    def promote(self, bucket: str, key: str) -> None:
        """After a key's latest version was removed: make the next one current, unless it is a delete marker."""
        top = self.top(bucket, key)
        if top and not top.marker:
            self.remove(bucket, key, top.id)
            self._index.put(top.info)

    def displace(self, bucket: str, key: str, old: ObjectInfo | None) -> list[ObjectInfo]:
        """Make room for a new latest version; the objects whose files are needed no more."""
        state = self.state(bucket)
        if state is None:
            return [old] if old else []
        gone = []
        if old and (state == "Enabled" or old.version not in (None, NULL)):
            self.retire(old)
        elif old:
            gone.append(old)
        if state == "Suspended" and (removed := self.remove(bucket, key, NULL)) and not removed.marker:
            gone.append(removed.info)
        return gone

    def take(self, current: ObjectInfo | None, bucket: str, key: str, version: str) -> Version | None:
        """Take a version away for good, the current object too; the next takes its place. What it was, or None."""
        if current and (current.version or NULL) == version:
            removed: Version | None = Version(current, False, True)
            self._index.delete(bucket, key.encode())
            latest = True
        else:
            top = self.top(bucket, key)
            latest = current is None and top is not None and top.id == version
            removed = self.remove(bucket, key, version)
        if latest and bucket in self._states:
            self.promote(bucket, key)
        return removed

    def replace_detail(self, info: ObjectInfo) -> None:
        """Rewrite what is stored beside a noncurrent version's bytes."""
        row = self._index.row(info)
        self._index.query(
            "UPDATE versions SET detail=? WHERE bucket=? AND key=? AND version=?",
            row[-1],
            info.bucket,
            info.key.encode(),
            info.version or NULL,
        )

    def files(self) -> set[str]:
        """The relative paths of all versions' files."""
        return {row[0] for row in self._index.query("SELECT file FROM versions WHERE marker=0")}

    def walk(self, bucket: str, prefix: bytes, delimiter: bytes, start: bytes) -> Iterator[Version | bytes]:
        """All versions by key, the latest first, from the key start on; and each common prefix once."""
        start = max(start, prefix)
        while True:
            jump: bytes | None = None
            for found in self._merged(bucket, prefix, start):
                key = found.info.key.encode()
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    common = key[: cut + len(delimiter)]
                    yield common
                    jump = after_prefix(common)
                    break
                yield found
            if jump is None:
                return
            start = jump

    def _merged(self, bucket: str, prefix: bytes, start: bytes) -> Iterator[Version]:
        """Current objects and the others, in one order."""
        currents = (each for each in self._index.walk(bucket, prefix, b"", start) if isinstance(each, ObjectInfo))
        current = next(currents, None)
        before = b""
        for key, found in self._others(bucket, prefix, start):
            while current is not None and current.key.encode() <= key:
                before = current.key.encode()
                yield Version(current, False, True)
                current = next(currents, None)
            yield found if key == before else replace(found, latest=True)
            before = key
        while current is not None:
            yield Version(current, False, True)
            current = next(currents, None)

    def _others(self, bucket: str, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, Version]]:
        if bucket not in self._states:
            return
        end = after_prefix(prefix) if prefix else None
        seq = 1 << 62
        where = "bucket=? AND (key>? OR (key=? AND seq<?))" + (" AND key<?" if end is not None else "")
        while True:
            arguments = [bucket, start, start, seq, *([end] if end is not None else [])]
            query = f"SELECT seq, marker, {COLUMNS} FROM versions WHERE {where} ORDER BY key, seq DESC LIMIT {PAGE}"
            rows = self._index.query(query, *arguments)
            for row in rows:
                yield row[2], Version(self._index.info(bucket, row[2:]), bool(row[1]), False)
            if len(rows) < PAGE:
                return
            start, seq = rows[-1][2], rows[-1][0]

    def _insert(self, info: ObjectInfo, *, marker: bool) -> None:
        key, file, size, etag, modified, content_type, encoding, detail = self._index.row(info)[1:]
        rows = self._index.query("SELECT MAX(seq) FROM versions WHERE bucket=? AND key=?", info.bucket, key)
        seq = (rows[0][0] or 0) + 1
        self._index.query(
            "INSERT INTO versions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            *(info.bucket, key, seq, info.version or NULL, int(marker), file, size, etag, modified),
            *(content_type, encoding, detail),
        )
