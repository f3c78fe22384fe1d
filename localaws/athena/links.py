"""Objects linked under paths that tell their partition's values: DuckDB takes the values from there, as constants.

A link is made once and serves all later queries. It is a hard link, so that a query reads the object as it was when the
query began, even if the object is replaced meanwhile; a sweep between queries drops links to objects that are gone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from localaws.athena.errors import QueryError
from localaws.athena.partitions import NULL

SWEEP_SECONDS = 5.0
LONGEST_NAME = 200


class Links:
    """The links of one engine, below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._made: dict[tuple[Path, tuple[str, ...]], str] = {}
        self._folders: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self._queries = 0
        self._swept = time.monotonic()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a query uses links: no sweep until the last one ends."""
        with self._lock:
            self._queries += 1
        try:
            yield
        finally:
            with self._lock:
                self._queries -= 1
                if not self._queries and time.monotonic() - self._swept > SWEEP_SECONDS:
                    self._sweep()

    def link(self, path: Path, values: tuple[str, ...]) -> str:
        """The path of a link to the object's file, ``…/__p0=<value>/…/<name>``."""
        with self._lock:
            made = self._made.get((path, values))
            if made is None:
                made = f"{self._folder_of(values)}/{path.name}"
                try:
                    os.link(path, made)
                except FileNotFoundError:
                    # The object was replaced since it was listed: the caller lists again.
                    raise
                except OSError:
                    # Another file system. A symbolic link reads the same, but does not hold an object that is replaced.
                    Path(made).symlink_to(path)
                self._made[path, values] = made
            return made

    def _folder_of(self, values: tuple[str, ...]) -> str:
        folder = self._folders.get(values)
        if folder is None:
            parts = [f"__p{position}={_folder_name(value)}" for position, value in enumerate(values)]
            folder = "/".join([self._folder, str(len(values)), *parts])
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders[values] = folder
        return folder

    def _sweep(self) -> None:
        for key, made in list(self._made.items()):
            link = Path(made)
            gone = not link.exists() if link.is_symlink() else link.stat().st_nlink == 1
            if gone:
                link.unlink()
                del self._made[key]
        self._swept = time.monotonic()


def _folder_name(value: str) -> str:
    """A partition value as a folder's name that DuckDB decodes to the value again."""
    if value == NULL:
        return NULL
    name = quote(value, safe=" -_.:,+@")
    if len(name) > LONGEST_NAME:
        raise QueryError(
            "NOT_SUPPORTED", f"a partition value of {len(value)} characters is too long here: {value[:60]}…"
        )
    return name


def key_columns(count: int) -> Sequence[str]:
    """The names under which DuckDB shows the partition's values."""
    return [f"__p{position}" for position in range(count)]
