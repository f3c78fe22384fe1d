"""JSON documents by name, one file each in a folder, held in memory too: a restart finds what was saved."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote


class Documents:
    """The documents of one folder. What was got is not changed in place, but copied, changed and saved.

    private: nobody but this user may read the folder and its files.
    """

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self._root = root
        self._mode = 0o600 if private else 0o666
        root.mkdir(0o700 if private else 0o777, parents=True, exist_ok=True)
        if private:
            root.chmod(0o700)
        self._held: dict[str, dict[str, Any]] = {
            unquote(path.stem): json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*.json"))
        }

    def get(self, name: str) -> dict[str, Any] | None:
        """The document of a name, or None."""
        return self._held.get(name)

    def all(self) -> list[dict[str, Any]]:
        """All documents, by name."""
        return [document for _, document in sorted(self._held.items())]

    def save(self, name: str, document: dict[str, Any]) -> None:
        """Keep a document: after a crash the file is the old or the new one, whole."""
        path = self._path(name)
        temporary = path.with_suffix(".part")
        with open(temporary, "w", encoding="utf-8", opener=self._open) as target:
            json.dump(document, target, indent=1)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
        self._held[name] = document

    def delete(self, name: str) -> None:
        """Forget a document, if there is one."""
        self._path(name).unlink(missing_ok=True)
        self._held.pop(name, None)

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags, self._mode)

    def _path(self, name: str) -> Path:
        return self._root / f"{quote(name, safe='')}.json"
