"""The catalog on disk: one JSON file a database and a table, so that the catalog survives a restart.

Moto keeps the catalog in memory and its own API changes it, so what changed is found by looking, not by being told.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from localaws.glue import partition_indexes

Mark = tuple[Any, ...]
Changes = dict[Path, str | None]


class Snapshot:
    """The files under ``folder``; only what changed since the last save is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[Path, Mark] = {}

    def restore(self, backend: Any) -> None:
        """Put the databases and tables that were saved into moto's Glue backend, which must be empty."""
        for path in sorted(self._folder.glob("*/database.json")):
            saved = _load(path)
            database = backend.create_database(saved["name"], saved["input"])
            database.created_time = saved["created"]
            self._saved[path] = _database_mark(database)
            for table_path in sorted(path.parent.glob("table-*.json")):
                self._saved[table_path] = _table_mark(_restore_table(backend, database.name, _load(table_path)))

    def changes(self, backend: Any) -> tuple[Changes, dict[Path, Mark]]:
        """What ``write`` is to be given; the backend must be held alone."""
        marks: dict[Path, Mark] = {}
        writes: Changes = {}
        for path, item, mark in self._items(backend):
            marks[path] = mark
            if self._saved.get(path) != mark:
                writes[path] = json.dumps(_dump(item), default=_encode)
        removed: Changes = dict.fromkeys(self._saved.keys() - marks.keys())
        return writes | removed, marks

    def write(self, changes: Changes, marks: dict[Path, Mark]) -> None:
        """Write or, for None, remove files; each whole or not at all. What fails is written by the next save."""
        for path, text in changes.items():
            if text is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".tmp")
            with temporary.open("w", encoding="utf-8") as target:
                target.write(text)
                target.flush()
                os.fsync(target.fileno())
            temporary.replace(path)
        self._saved = marks

    def _items(self, backend: Any) -> Iterator[tuple[Path, Any, Mark]]:
        for database in backend.databases.values():
            folder = self._folder / _file_name(database.name)
            yield folder / "database.json", database, _database_mark(database)
            for table in database.tables.values():
                yield folder / f"table-{_file_name(table.name)}.json", table, _table_mark(table)


def _file_name(name: str) -> str:
    """A file name for any name: names of the catalog may hold any character."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _database_mark(database: Any) -> Mark:
    return database.created_time, json.dumps(database.input, default=_encode, sort_keys=True)


def _table_mark(table: Any) -> Mark:
    """Changes with each change of the table: moto makes a new object of each partition that is written."""
    partitions = hash(tuple((id(partition), partition.creation_time) for partition in table.partitions.values()))
    indexes = tuple(index["IndexName"] for index in partition_indexes.of(table))
    return table.created_time, table.updated_time, tuple(table.versions), indexes, len(table.partitions), partitions


def _dump(item: Any) -> dict[str, Any]:
    if hasattr(item, "tables"):
        return {"name": item.name, "input": item.input, "created": item.created_time}
    return {
        "name": item.name,
        "created": item.created_time,
        "updated": item.updated_time,
        "version": item._current_version,
        "versions": item.versions,
        "indexes": partition_indexes.of(item),
        "partitions": [[part.creation_time, part.partition_input] for part in item.partitions.values()],
    }


def _restore_table(backend: Any, database: str, saved: dict[str, Any]) -> Any:
    table = backend.create_table(database, saved["name"], {})
    table.created_time = saved["created"]
    table.updated_time = saved["updated"]
    table._current_version = saved["version"]
    table.versions = saved["versions"]
    partition_indexes.of(table).extend(saved["indexes"])
    for created, partition_input in saved["partitions"]:
        table.create_partition(partition_input)
        table.partitions[str(partition_input["Values"])].creation_time = created
    return table


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), object_hook=_decode)
    return loaded


def _encode(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be kept in the catalog")


def _decode(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$time"]) if value.keys() == {"$time"} else value
