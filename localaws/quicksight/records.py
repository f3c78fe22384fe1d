"""Records that outlive a restart: one JSON file each, replaced in one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def now() -> datetime:
    """The time in UTC, to the millisecond, as AWS reports it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def hashed(name: str) -> str:
    """A file name for any resource id: ids may hold slashes and be longer than a file name may be."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class Records:
    """Records by id in a folder. Not locked: the engine's lock guards every use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._records: dict[str, Record] = {}
        root.mkdir(parents=True, exist_ok=True)
        for file in sorted(root.glob("*.json")):
            document = json.loads(file.read_text(), object_hook=_decode)
            self._records[document["id"]] = document["record"]

    def get(self, name: str) -> Record | None:
        """The record, or None."""
        return self._records.get(name)

    def put(self, name: str, record: Record) -> None:
        """Write the record whole; readers see the old one or the new one."""
        file = self._file(name)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"id": name, "record": record}, default=_encode))
        fresh.replace(file)
        self._records[name] = record

    def delete(self, name: str) -> None:
        """Forget the record."""
        self._file(name).unlink(missing_ok=True)
        self._records.pop(name, None)

    def items(self) -> Iterator[tuple[str, Record]]:
        """All records in the order of their ids."""
        yield from sorted(self._records.items())

    def _file(self, name: str) -> Path:
        return self._root / f"{hashed(name)}.json"


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be kept in a QuickSight record")


def _decode(value: dict[str, Any]) -> Any:
    if value.keys() == {"$datetime"}:
        return datetime.fromisoformat(value["$datetime"])
    return value
