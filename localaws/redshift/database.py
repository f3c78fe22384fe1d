"""A namespace's database: a DuckDB file that reaches nothing but itself, and the sessions on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from localaws.redshift.catalog import DATABASE, prepare_database, prepare_session

MEMORY_LIMIT = "2GB"
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY_LIMIT,
}
_MACROS = (Path(__file__).parent / "macros.sql").read_text(encoding="utf-8")


class Database:
    """The database of a namespace. Statements that change something wait for each other, as locks would have them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {**_CONFIG, "temp_directory": str(folder / "spill")}
        self._connection = duckdb.connect(str(folder / f"{DATABASE}.duckdb"), config=config)
        prepare_database(self._connection, _MACROS)
        self._connection.execute("SET GLOBAL lock_configuration = true")
        self._writing = threading.Lock()

    def session(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, with temporary tables of its own."""
        connection = self._connection.cursor()
        prepare_session(connection)
        return connection

    @contextmanager
    def transaction(self, connection: duckdb.DuckDBPyConnection, *, writes: bool) -> Iterator[None]:
        """All of it, or nothing."""
        if writes:
            self._writing.acquire()
        try:
            connection.execute("BEGIN TRANSACTION")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        finally:
            if writes:
                self._writing.release()

    def close(self) -> None:
        """Write all to the file and close it."""
        self._connection.close()


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # The transaction had ended by itself, as it does when its COMMIT fails.
        return
