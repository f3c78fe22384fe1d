"""What a job has read so far, by transformation_ctx: kept by ``job.commit()``, used by its next run.

Of files on S3 a source remembers the newest time of change that it has read, and each file of the last quarter of an
hour before it: so a file that became visible late is read, and one that was read is not. Of a table over JDBC it
remembers the greatest values of its keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

State = dict[str, Any]
_WINDOW = 900.0  # seconds
_ENABLED, _PAUSED = "job-bookmark-enable", "job-bookmark-pause"


class Bookmark:
    """The bookmark of the job that runs in this process."""

    def __init__(self) -> None:
        self._option = "job-bookmark-disable"
        self._run_id = ""
        self._kept: State = {}
        self._state: dict[str, State] = {}
        self._pending: dict[str, State] = {}

    def open(self, option: str, run_id: str) -> None:
        """Read what the last commit left, unless bookmarks are off."""
        self._option = option
        self._run_id = run_id
        self._pending = {}
        path = _path()
        if self.used and path is not None and path.exists():
            self._kept = json.loads(path.read_text(encoding="utf-8"))
        self._state = dict(self._kept.get("state", {}))

    @property
    def used(self) -> bool:
        """Whether sources leave out what was read before."""
        return self._option in (_ENABLED, _PAUSED)

    def new_files(self, context: str, files: Iterable[tuple[str, float]]) -> list[str]:
        """Of files with their times of change those not read yet by this source; they are once the job commits."""
        found = list(files)
        if not (self.used and context):
            return [name for name, _ in found]
        before = self._state.get(context, {"newest": 0.0, "read": {}})
        oldest = before["newest"] - _WINDOW
        new = [(name, at) for name, at in found if at >= oldest and before["read"].get(name) != at]
        newest = max([before["newest"], *(at for _, at in new)])
        read = {**before["read"], **dict(new)}
        recent = {name: at for name, at in read.items() if at >= newest - _WINDOW}
        self._pending[context] = {"newest": newest, "read": recent}
        return [name for name, _ in new]

    def last_keys(self, context: str) -> State:
        """The greatest keys that were read by this source, by column; empty at first."""
        return dict(self._state.get(context, {}).get("keys", {})) if self.used and context else {}

    def keep_keys(self, context: str, keys: State) -> None:
        """Remember the greatest keys that this run reads."""
        if context:
            self._pending[context] = {"keys": keys}

    def commit(self) -> None:
        """Make what this run read the state that the next one begins with; a paused bookmark stays as it is."""
        path = _path()
        if self._option != _ENABLED or path is None:
            return
        self._state |= self._pending
        self._kept = {
            "run": self._kept.get("run", 0) + 1,
            "run_id": self._run_id,
            "previous": self._kept.get("run_id", ""),
            "state": self._state,
        }
        temporary = path.with_name(f"{path.name}.{self._run_id or os.getpid()}")
        temporary.write_text(json.dumps(self._kept), encoding="utf-8")
        temporary.replace(path)


def _path() -> Path | None:
    given = os.environ.get("LOCALAWS_GLUE_BOOKMARK")
    return Path(given) if given else None


BOOKMARK = Bookmark()
