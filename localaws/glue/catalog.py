"""The Glue Data Catalog in process: a typed front of moto's Glue backend, so that moto's API serves the same tables.

Names are folded to lower case as Glue does. Errors are Glue's own: EntityNotFoundException, AlreadyExistsException.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError
from localaws.glue.snapshot import Snapshot
from localaws.moto_side import LOCKS

Json = dict[str, Any]

SAVE_INTERVAL = 1.0  # seconds

log = logging.getLogger(__name__)


class Catalog:
    """Databases, tables and partitions in the shapes of the Glue API.

    What is returned is a copy, except for partitions: there may be many, so they must not be changed.

    With a folder the catalog is kept in it: what is there is loaded when the catalog is first used, and what changed is
    saved each second and at the close. A process that is killed loses at most what changed in its last second.
    """

    def __init__(self, account: str = ACCOUNT_ID, region: str = REGION, folder: Path | None = None) -> None:
        self._account = account
        self._region = region
        self._snapshot = Snapshot(folder) if folder else None
        self._databases: dict[str, Any] = {}
        self._opened = False
        self._ended = threading.Event()
        self._saving = threading.Lock()

    def close(self) -> None:
        """Save what changed; the catalog is not used after."""
        self._ended.set()
        if self._opened:
            self.save()

    def save(self) -> None:
        """Write what changed since the last save to the folder."""
        if self._snapshot is not None:
            with self._saving:
                with self.backend() as backend:
                    changes = self._snapshot.changes(backend)
                self._snapshot.write(*changes)

    # Databases

    def databases(self) -> list[Json]:
        """All databases."""
        with self.backend() as backend:
            return [copy.deepcopy(database.as_dict()) for database in backend.get_databases()]

    def get_database(self, name: str) -> Json:
        """One database."""
        with self.backend() as backend:
            return dict(copy.deepcopy(backend.get_database(name.lower()).as_dict()))

    def create_database(self, database_input: Mapping[str, Any]) -> None:
        """Create a database from a DatabaseInput."""
        with self.backend() as backend:
            given = _lower_name(database_input)
            backend.create_database(given["Name"], given)

    def delete_database(self, name: str) -> None:
        """Delete a database and its tables."""
        with self.backend() as backend:
            backend.delete_database(name.lower())

    # Tables

    def tables(self, database: str) -> list[Json]:
        """All tables of a database."""
        with self.backend() as backend:
            return [copy.deepcopy(table.as_dict()) for table in backend.get_tables(database.lower(), None)]

    def get_table(self, database: str, name: str) -> Json:
        """One table."""
        with self.backend() as backend:
            return dict(copy.deepcopy(backend.get_table(database.lower(), name.lower()).as_dict()))

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        """Create a table from a TableInput."""
        with self.backend() as backend:
            given = _lower_name(table_input)
            backend.create_table(database.lower(), given["Name"], given)

    def update_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        """Replace a table's definition by a TableInput: a new version of the table."""
        with self.backend() as backend:
            given = _lower_name(table_input)
            backend.update_table(database.lower(), given["Name"], given)

    def delete_table(self, database: str, name: str) -> None:
        """Delete a table and its partitions."""
        with self.backend() as backend:
            backend.delete_table(database.lower(), name.lower())

    # Partitions

    def partitions(self, database: str, table: str) -> list[Json]:
        """All partitions of a table; read only."""
        with self.backend() as backend:
            found = backend.get_table(database.lower(), table.lower()).partitions.values()
            return [partition.as_dict() for partition in found]

    def create_partitions(self, database: str, table: str, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Add partitions from PartitionInputs: all of them or, if one exists already, none."""
        with self.backend() as backend:
            target = backend.get_table(database.lower(), table.lower())
            taken = set(target.partitions)
            for given in inputs:
                values = str(list(given["Values"]))
                if values in taken:
                    message = f"Partition {values} of {database}.{table} already exists."
                    raise AwsError("AlreadyExistsException", message)
                taken.add(values)
            for given in inputs:
                target.create_partition(_partition_input(given))

    def update_partition(
        self, database: str, table: str, values: Sequence[str], partition_input: Mapping[str, Any]
    ) -> None:
        """Replace one partition."""
        with self.backend() as backend:
            given = _partition_input(partition_input)
            backend.update_partition(database.lower(), table.lower(), given, list(values))

    def delete_partition(self, database: str, table: str, values: Sequence[str]) -> None:
        """Remove one partition; its files stay."""
        with self.backend() as backend:
            backend.delete_partition(database.lower(), table.lower(), list(values))

    @contextmanager
    def backend(self) -> Iterator[Any]:
        """Moto's backend, held alone; its errors leave as AwsError."""
        from moto.core.exceptions import JsonRESTError
        from moto.glue.models import glue_backends

        with LOCKS["glue"]:
            found = glue_backends[self._account][self._region]
            # Moto has one backend a process; each server in it has its own databases.
            found.databases = self._databases
            if not self._opened:
                self._load(found)
            try:
                yield found
            except JsonRESTError as error:
                raise AwsError(error.error_type, error.message, error.code or 400) from error

    def _load(self, backend: Any) -> None:
        self._opened = True
        if self._snapshot is not None:
            self._snapshot.restore(backend)
            threading.Thread(target=self._save_regularly, name="glue-catalog", daemon=True).start()

    def _save_regularly(self) -> None:
        while not self._ended.wait(SAVE_INTERVAL):
            try:
                self.save()
            except OSError:
                log.exception("The catalog could not be saved; it is tried again")


def _lower_name(given: Mapping[str, Any]) -> Json:
    """A copy of a DatabaseInput or TableInput with its name folded."""
    return {**copy.deepcopy(dict(given)), "Name": str(given["Name"]).lower()}


def _partition_input(given: Mapping[str, Any]) -> Json:
    return {**copy.deepcopy(dict(given)), "Values": list(given["Values"])}
