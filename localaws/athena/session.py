"""The locked DuckDB that runs the queries: no files but those in our scratch folder, no settings, no extensions.

One in-memory database serves all queries; each query has a cursor of its own, which can be interrupted.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import duckdb

LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


class Session:
    """The engine's database and its scratch folder, emptied at the start.

    memory_limit is DuckDB's text (``2GB``); what does not fit spills into the scratch folder.
    """

    def __init__(
        self, scratch: Path, prepare: Callable[[duckdb.DuckDBPyConnection], None], *, memory_limit: str = "2GB"
    ) -> None:
        self.scratch = scratch.absolute()
        shutil.rmtree(self.scratch, ignore_errors=True)
        (self.scratch / "spill").mkdir(parents=True)
        self._database = duckdb.connect(":memory:")
        self._set("memory_limit", memory_limit)
        self._set("temp_directory", str(self.scratch / "spill"))
        self._set("TimeZone", "UTC")
        self._set("enable_progress_bar", "false")
        prepare(self._database)
        allowed = str(self.scratch).replace("'", "''")
        self._database.execute(f"SET allowed_directories = ['{allowed}/']")
        for name, value in LOCKED.items():
            self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        value = value.replace("'", "''")
        self._database.execute(f"SET {name} = '{value}'")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one query's own."""
        return self._database.cursor()

    def folder(self) -> Path:
        """A fresh scratch folder for one query, which the query removes."""
        path = self.scratch / uuid.uuid4().hex
        path.mkdir()
        return path

    def close(self) -> None:
        """Close the database and remove the scratch folder."""
        self._database.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
