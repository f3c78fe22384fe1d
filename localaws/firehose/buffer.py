"""A stream's buffer: every record that was acknowledged is in a SQLite file until its objects are in S3.

A delivery is written down before it begins (its name, its last record), and is forgotten in the transaction that
deletes its records. One that was interrupted is done again under the same name, so it writes the same objects.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.firehose.records import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, arrival INTEGER NOT NULL, data BLOB NOT NULL, origin TEXT);
CREATE TABLE IF NOT EXISTS delivery (last INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoints (shard TEXT PRIMARY KEY, sequence TEXT NOT NULL) WITHOUT ROWID;
"""
ROW_COST = 64  # bytes that a record costs beside its data


@dataclass(frozen=True)
class Delivery:
    """Records that are delivered together; ``name`` stays the same when the delivery is tried again."""

    name: str
    last: int
    records: list[Record]


class Buffer:
    """The records of a stream that wait, with their number, bytes and oldest arrival (milliseconds)."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        # A kill of the process loses nothing that was committed; only a crash of the machine may.
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")
        self.count = 0
        self.bytes = 0
        self.oldest: int | None = None
        self._measure()

    def close(self) -> None:
        """Close the file; it is not used after."""
        with self._lock:
            self._db.close()

    def append(
        self,
        rows: Sequence[tuple[int, bytes, Mapping[str, Any] | None]],
        checkpoints: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Keep (arrival, data, origin) rows, and with them how far the source was read; returns the records' ids."""
        with self._transaction() as db:
            (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'records'").fetchone()
            db.executemany(
                "INSERT INTO records (arrival, data, origin) VALUES (?, ?, ?)",
                [(arrival, data, json.dumps(origin) if origin else None) for arrival, data, origin in rows],
            )
            db.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", list((checkpoints or {}).items()))
        with self._lock:
            self.count += len(rows)
            self.bytes += sum(len(data) for _, data, _ in rows)
            if rows:
                first = min(arrival for arrival, _, _ in rows)
                self.oldest = first if self.oldest is None else min(self.oldest, first)
        return [record_id(last + place + 1) for place in range(len(rows))]

    def checkpoints(self) -> dict[str, str]:
        """The last sequence number that was read, by shard."""
        with self._lock:
            return dict(self._db.execute("SELECT shard, sequence FROM checkpoints").fetchall())

    def open_delivery(self) -> bool:
        """Whether a delivery was begun and has not ended."""
        with self._lock:
            return self._db.execute("SELECT 1 FROM delivery").fetchone() is not None

    def begin(self, most_bytes: int) -> Delivery | None:
        """The delivery that was interrupted, or else the oldest records up to most_bytes; None if nothing waits."""
        with self._transaction() as db:
            found = db.execute("SELECT last, name FROM delivery").fetchone()
            if found is None:
                last = self._last(db, most_bytes)
                if last is None:
                    return None
                found = (last, str(uuid.uuid4()))
                db.execute("INSERT INTO delivery VALUES (?, ?)", found)
            rows = db.execute("SELECT id, arrival, data, origin FROM records WHERE id <= ? ORDER BY id", found[:1])
            records = [
                Record(record_id(number), arrival, data, json.loads(origin) if origin else None)
                for number, arrival, data, origin in rows
            ]
        return Delivery(found[1], found[0], records)

    def end(self, delivery: Delivery) -> None:
        """Forget the records of a delivery, whose objects are in S3."""
        with self._transaction() as db:
            db.execute("DELETE FROM records WHERE id <= ?", (delivery.last,))
            db.execute("DELETE FROM delivery")
        self._measure()

    def _last(self, db: sqlite3.Connection, most_bytes: int) -> int | None:
        total, last = 0, None
        for number, size in db.execute("SELECT id, length(data) FROM records ORDER BY id"):
            if last is not None and total + size > most_bytes:
                break
            total += size
            last = number
        return last

    def _measure(self) -> None:
        with self._lock:
            query = "SELECT count(*), coalesce(sum(length(data)), 0), min(arrival) FROM records"
            self.count, self.bytes, self.oldest = self._db.execute(query).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def record_id(number: int) -> str:
    """A record's id, of Firehose's length."""
    return f"4966{number:052d}000000"
