"""The locked DuckDBs that run the queries: no files but those in our scratch folder, no settings, no extensions.

Each query has a database in memory to itself while it runs. Databases are made when first needed, and used again:
making one takes longer than most queries.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_LIMIT = "2GB"
LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


class Session:
    """The engine's databases, at most ``most`` at once, and its scratch folder, emptied at the start.

    prepare is called with each new database before it is locked. What does not fit into MEMORY_LIMIT, which each
    database has to itself, spills into the scratch folder.
    """

    def __init__(self, scratch: Path, prepare: Callable[[duckdb.DuckDBPyConnection], None], *, most: int) -> None:
        self.scratch = scratch.absolute()
        if any(mark in str(self.scratch) for mark in "*?["):
            raise ValueError(f"{self.scratch}: DuckDB reads *, ? and [ as patterns: take a data folder without them")
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        self._prepare = prepare
        self._places = threading.BoundedSemaphore(most)
        self._free: list[duckdb.DuckDBPyConnection] = []
        self._all: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database for one query; waits for one to be free."""
        with self._places:
            try:
                connection = self._free.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._free.append(connection)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        self._all.append(connection)
        self._prepare(connection)
        spill = self.scratch / f"spill-{uuid.uuid4().hex}"
        settings = {"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill), "parquet_metadata_cache": "true"}
        allowed = str(self.scratch).replace("'", "''")
        connection.execute(f"SET GLOBAL allowed_directories = ['{allowed}/']")
        for name, value in (settings | LOCKED).items():
            text = value.replace("'", "''")
            connection.execute(f"SET GLOBAL {name} = '{text}'")
        return connection

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
        """Close the databases and remove the scratch folder."""
        for connection in self._all:
            connection.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
