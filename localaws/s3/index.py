"""The index of the object store: which file holds which key, in one SQLite database.

Keys are stored as UTF-8 bytes, so that SQLite orders them as S3 does. One connection serves all threads behind a lock:
a look-up takes some microseconds, and no query reads more than a page.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.s3.objects import Bucket, NoSuchBucket, ObjectInfo

PAGE = 1000
SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL, region TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified INTEGER NOT NULL, content_type TEXT NOT NULL, content_encoding TEXT, detail TEXT NOT NULL,
    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (
    bucket TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, name)) WITHOUT ROWID;
"""
COLUMNS = "key, file, size, etag, modified, content_type, content_encoding, detail"


def after_prefix(prefix: bytes) -> bytes | None:
    """The least byte string greater than every one that begins with prefix; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


class Index:
    """Buckets, objects and bucket settings, kept in the file ``path``; ``files`` is the folder of the objects."""

    def __init__(self, path: Path, files: Path) -> None:
        self.files_root = files
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA cache_size=-65536")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the index alone; what is written in it happens wholly or not at all."""
        with self.lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def mark_open(self, is_open: bool) -> bool:
        """Note that the store is open or cleanly closed; returns what was noted before."""
        with self.lock:
            before = bool(self._db.execute("PRAGMA user_version").fetchone()[0])
            self._db.execute(f"PRAGMA user_version={int(is_open)}")
        return before

    def execute_script(self, script: str) -> None:
        """Run statements that make tables."""
        with self.lock:
            self._db.executescript(script)

    def query(self, query: str, *arguments: object) -> list[Any]:
        """All rows of a query."""
        with self.lock:
            return self._db.execute(query, arguments).fetchall()

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._db.close()

    # Buckets and their settings

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        with self.lock:
            rows = self._db.execute("SELECT name, created, region FROM buckets ORDER BY name").fetchall()
        return [Bucket(name, datetime.fromtimestamp(created, UTC), region) for name, created, region in rows]

    def bucket(self, name: str) -> Bucket:
        """One bucket; raises NoSuchBucket."""
        with self.lock:
            row = self._db.execute("SELECT created, region FROM buckets WHERE name=?", (name,)).fetchone()
        if row is None:
            raise NoSuchBucket(name)
        return Bucket(name, datetime.fromtimestamp(row[0], UTC), row[1])

    def insert_bucket(self, bucket: Bucket) -> None:
        """Add a bucket."""
        with self.lock:
            row = (bucket.name, int(bucket.created.timestamp()), bucket.region)
            self._db.execute("INSERT INTO buckets VALUES (?,?,?)", row)

    def delete_bucket(self, name: str) -> None:
        """Remove a bucket and its settings."""
        with self.transaction() as db:
            db.execute("DELETE FROM settings WHERE bucket=?", (name,))
            db.execute("DELETE FROM buckets WHERE name=?", (name,))

    def setting(self, bucket: str, name: str) -> str | None:
        """A document kept with a bucket."""
        with self.lock:
            row = self._db.execute("SELECT value FROM settings WHERE bucket=? AND name=?", (bucket, name)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, bucket: str, name: str, value: str | None) -> None:
        """Keep a document with a bucket; None forgets it."""
        with self.lock:
            if value is None:
                self._db.execute("DELETE FROM settings WHERE bucket=? AND name=?", (bucket, name))
            else:
                self._db.execute("INSERT OR REPLACE INTO settings VALUES (?,?,?)", (bucket, name, value))

    def settings(self, name: str) -> list[tuple[str, str]]:
        """(bucket, document) of every bucket that has the named document."""
        with self.lock:
            return self._db.execute("SELECT bucket, value FROM settings WHERE name=?", (name,)).fetchall()

    # Objects

    def get(self, bucket: str, key: bytes) -> ObjectInfo | None:
        """One object, or None."""
        with self.lock:
            query = f"SELECT {COLUMNS} FROM objects WHERE bucket=? AND key=?"
            row = self._db.execute(query, (bucket, key)).fetchone()
        return None if row is None else self.info(bucket, row)

    def put(self, info: ObjectInfo) -> None:
        """Add or replace one object."""
        with self.lock:
            self._db.execute("INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?,?,?,?,?)", self.row(info))

    def row(self, info: ObjectInfo) -> tuple[Any, ...]:
        """An object as the table of objects holds it."""
        detail = {
            "metadata": dict(info.metadata),
            "headers": dict(info.headers),
            "tags": dict(info.tags),
            "checksums": dict(info.checksums),
            "parts": info.parts,
            "version": info.version,
        }
        return (
            info.bucket,
            info.key.encode(),
            str(info.path.relative_to(self.files_root)),
            info.size,
            info.etag,
            int(info.last_modified.timestamp()),
            info.content_type,
            info.content_encoding,
            json.dumps({name: value for name, value in detail.items() if value}),
        )

    def set_tags(self, info: ObjectInfo, tags: dict[str, str]) -> None:
        """Replace an object's tags."""
        self.put(replace(info, tags=tags))

    def delete(self, bucket: str, key: bytes) -> None:
        """Remove one object."""
        with self.lock:
            self._db.execute("DELETE FROM objects WHERE bucket=? AND key=?", (bucket, key))

    def page(self, bucket: str, start: bytes, end: bytes | None, limit: int) -> list[ObjectInfo]:
        """At most limit objects whose key is at least start and less than end."""
        query = f"SELECT {COLUMNS} FROM objects WHERE bucket=? AND key>=?"
        arguments: list[object] = [bucket, start]
        if end is not None:
            query += " AND key<?"
            arguments.append(end)
        with self.lock:
            rows = self._db.execute(f"{query} ORDER BY key LIMIT ?", (*arguments, limit)).fetchall()
        return [self.info(bucket, row) for row in rows]

    def walk(
        self, bucket: str, prefix: bytes, delimiter: bytes, start: bytes, page_size: int = PAGE
    ) -> Iterator[ObjectInfo | bytes]:
        """Objects, and each common prefix once, from start on; a common prefix costs one look-up, however many keys."""
        end = after_prefix(prefix) if prefix else None
        start = max(start, prefix)
        size = 1 if delimiter else page_size
        while True:
            page = self.page(bucket, start, end, size)
            jumped = False
            for info in page:
                key = info.key.encode()
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    common = key[: cut + len(delimiter)]
                    yield common
                    following = after_prefix(common)
                    if following is None:
                        return
                    start, jumped, size = following, True, 1
                    break
                yield info
                start = key + b"\0"
            if not jumped:
                if len(page) < size:
                    return
                size = min(page_size, size * 4)

    def files(self) -> set[str]:
        """The relative paths of all objects' files."""
        with self.lock:
            return {row[0] for row in self._db.execute("SELECT file FROM objects")}

    def info(self, bucket: str, row: tuple[bytes, str, int, str, int, str, str | None, str]) -> ObjectInfo:
        """The object of a row of COLUMNS."""
        key, file, size, etag, modified, content_type, content_encoding, detail = row
        more = json.loads(detail) if detail != "{}" else {}
        return ObjectInfo(
            bucket,
            key.decode(),
            size,
            etag,
            datetime.fromtimestamp(modified, UTC),
            content_type,
            more.get("metadata", {}),
            content_encoding,
            self.files_root / file,
            more.get("headers", {}),
            more.get("tags", {}),
            more.get("checksums", {}),
            tuple(more.get("parts", ())),
            more.get("version"),
        )
