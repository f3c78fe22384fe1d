"""The locked DuckDB that runs the queries: no files but those in our scratch folder, no settings, no extensions.

One in-memory database serves all queries; each query has a connection of its own, which can be interrupted.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

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

    connections: how many queries may run at once. prepare is called with each connection before the database is locked.
    memory_limit is DuckDB's text (``2GB``); what does not fit spills into the scratch folder.
    """

    def __init__(
        self,
        scratch: Path,
        prepare: Callable[[duckdb.DuckDBPyConnection], None],
        *,
        connections: int,
        memory_limit: str = "2GB",
    ) -> None:
        self.scratch = scratch.absolute()
        shutil.rmtree(self.scratch, ignore_errors=True)
        (self.scratch / "spill").mkdir(parents=True)
        self._database = duckdb.connect(":memory:")
        self._set("memory_limit", memory_limit)
        self._set("temp_directory", str(self.scratch / "spill"))
        self._set("parquet_metadata_cache", "true")
        self._free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for _ in range(connections):
            connection = self._database.cursor()
            prepare(connection)
            self._free.put(connection)
        allowed = str(self.scratch).replace("'", "''")
        self._database.execute(f"SET allowed_directories = ['{allowed}/']")
        for name, value in LOCKED.items():
            self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        value = value.replace("'", "''")
        self._database.execute(f"SET GLOBAL {name} = '{value}'")

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one query; waits for one to be free."""
        connection = self._free.get()
        try:
            yield connection
        finally:
            self._free.put(connection)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A scratch folder for one query, removed at its end."""
        path = self.scratch / uuid.uuid4().hex
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Close the database and remove the scratch folder."""
        self._database.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
