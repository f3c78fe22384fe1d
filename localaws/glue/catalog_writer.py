"""What a crawl writes to the catalog: tables and partitions, by the crawler's policies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from localaws.glue import partition_indexes
from localaws.glue.catalog import Catalog
from localaws.glue.definition import Definition
from localaws.glue.folders import Folder
from localaws.glue.grouping import Group
from localaws.glue.incremental import new_partitions
from localaws.glue.tables import DEPRECATED, UPDATED_BY, Json, Written, describe, table_name

PARTITION_INDEX = "crawler_partition_index"  # AWS's name for the index that a crawler makes


@dataclass
class Summary:
    """What a run changed: names of tables, and numbers of partitions."""

    tables_added: list[str] = field(default_factory=list)
    tables_updated: list[str] = field(default_factory=list)
    tables_deleted: list[str] = field(default_factory=list)
    partitions: dict[str, int] = field(default_factory=lambda: {"ADD": 0, "UPDATE": 0, "DELETE": 0})

    def as_json(self) -> Json:
        """The shape in which ListCrawls tells it."""
        tables = {"ADD": self.tables_added, "UPDATE": self.tables_updated, "DELETE": self.tables_deleted}
        details: Json = {
            "TABLE": {action: {"Count": len(names), "Details": {"names": names}} for action, names in tables.items()},
            "PARTITION": {action: {"Count": count} for action, count in self.partitions.items()},
        }
        return {kind: {action: d for action, d in of.items() if d["Count"]} for kind, of in details.items()}


class CatalogWriter:
    """Brings the tables of one database up to date with what a crawl found; what it changes it notes in ``summary``."""

    def __init__(
        self,
        catalog: Catalog,
        database: str,
        definition: Definition,
        say: Callable[[str], None],
        summary: Summary,
    ) -> None:
        self._catalog = catalog
        self._database = database
        self._definition = definition
        self._say = say
        self._summary = summary
        self._known = {table["Name"]: table for table in catalog.tables(database)}
        self._found: dict[str, set[tuple[str, ...]]] = {}  # table: its partitions that were found

    def table(self, name: str) -> Json | None:
        """A table as it was before the crawl."""
        return self._known.get(name)

    def add_partitions(self, root: Folder) -> None:
        """Take the new folders that belong to tables of this crawler out of the tree, as partitions of those."""
        for name, table in self._known.items():
            if table.get("Parameters", {}).get(UPDATED_BY) != self._definition.name:
                continue
            added = new_partitions(root, table, self._definition.name)
            existing = {tuple(partition["Values"]) for partition in self._catalog.partitions(self._database, name)}
            inputs = [given for values, given in added.items() if values not in existing]
            self._catalog.create_partitions(self._database, name, inputs)
            self._summary.partitions["ADD"] += len(inputs)

    def write(self, found: Group) -> None:
        """Make the table of a group, or bring the one that is there up to date."""
        name = self._name(found)
        written = self._describe(found, name)
        existing = self._known.get(name)
        if existing is None:
            self._create(found, written)
        elif self._definition.updates:
            self._update_table(existing, written)
        elif len(existing.get("PartitionKeys") or ()) != len(found.keys):
            self._say(f"WARN : {name}: its partition keys have changed; by the policy LOG the table stays as it is")
            return
        self._write_partitions(name, written)

    def fit(self, name: str, found: Group) -> None:
        """Bring a table that somebody made up to date: its columns and partitions, not its keys and formats."""
        table = self._known[name]
        keys = [key["Name"] for key in table.get("PartitionKeys") or ()]
        if len(keys) != len(found.keys):
            self._say(
                f"WARN : {name}: it has {len(keys)} partition keys and its location {len(found.keys)} levels of "
                "folders; the table stays as it is"
            )
            return
        written = self._describe(replace(found, keys=tuple(keys)), name)
        storage = table["StorageDescriptor"]
        columns = written.table["StorageDescriptor"]["Columns"]
        updated = {**_input(table), "StorageDescriptor": {**storage, "Columns": columns}}
        for given in written.partitions.values():
            own = {part: given["StorageDescriptor"][part] for part in ("Columns", "Location", "Parameters")}
            given["StorageDescriptor"] = {**storage, **own}
        if self._definition.updates:
            self._update_table(table, Written(updated, written.partitions))
        self._write_partitions(name, written)

    def remove_gone(self) -> None:
        """Delete or mark what this crawler once found under its targets and does not find any more."""
        behavior = self._definition.delete_behavior
        for name, table in self._known.items():
            if table.get("Parameters", {}).get(UPDATED_BY) != self._definition.name or not self._is_under(table):
                continue
            if name not in self._found:
                self._say(f"INFO : The data of the table {name} is gone; DeleteBehavior is {behavior}")
                self._remove_table(name, table, behavior)
                continue
            for partition in self._catalog.partitions(self._database, name):
                if tuple(partition["Values"]) not in self._found[name]:
                    self._remove_partition(name, partition, behavior)

    def _describe(self, found: Group, name: str) -> Written:
        for key in found.keys:
            if any(column == key for column, _ in found.columns):
                self._say(f"WARN : {name}: the column {key} is a partition key too; the table leaves the column out")
        written = describe(found, name, self._definition.name, inherit=self._definition.inherit)
        if found.depth and len(written.partitions) < len(found.leaves):
            self._say(
                f"WARN : {name}: several folders have the same partition values; the last of them is the partition"
            )
        self._found[name] = set(written.partitions)
        return written

    def _name(self, found: Group) -> str:
        """The table's name; a hash of the location is added if another location has that name already."""
        plain = table_name(self._definition.table_prefix, found.name)
        taken = self._known.get(plain)
        elsewhere = taken is not None and _location(taken) != found.location.rstrip("/")
        if elsewhere or plain in self._found:
            return f"{plain[:222]}_{hashlib.md5(found.location.encode(), usedforsecurity=False).hexdigest()}"
        return plain

    def _create(self, found: Group, written: Written) -> None:
        name = written.table["Name"]
        self._catalog.create_table(self._database, written.table)
        if self._definition.makes_indexes and found.keys:
            with self._catalog.backend() as glue:
                index = {"IndexName": PARTITION_INDEX, "Keys": list(found.keys)}
                partition_indexes.add(glue.get_table(self._database, name), [index])
        self._summary.tables_added.append(name)
        self._say(f"BENCHMARK : Created the table {name} in the database {self._database}: {found.location}")

    def _update_table(self, existing: Json, written: Written) -> None:
        table = written.table
        if self._definition.merge_new_columns:
            storage = dict(table["StorageDescriptor"])
            old = existing["StorageDescriptor"]["Columns"]
            names = {column["Name"] for column in old}
            storage["Columns"] = old + [column for column in storage["Columns"] if column["Name"] not in names]
            table = {**table, "StorageDescriptor": storage}
            if self._definition.inherit:
                for given in written.partitions.values():
                    given["StorageDescriptor"]["Columns"] = storage["Columns"]
        if any(existing.get(part) != value for part, value in table.items()):
            self._catalog.update_table(self._database, table)
            self._summary.tables_updated.append(table["Name"])
            self._say(f"INFO : Updated the table {table['Name']}")

    def _write_partitions(self, name: str, written: Written) -> None:
        if not written.partitions:
            return
        existing = {
            tuple(partition["Values"]): partition for partition in self._catalog.partitions(self._database, name)
        }
        added = []
        updated = 0
        for values, given in written.partitions.items():
            old = existing.get(values)
            if old is None:
                added.append(given)
            elif self._definition.updates and any(old.get(part) != value for part, value in given.items()):
                self._catalog.update_partition(self._database, name, values, given)
                updated += 1
        self._catalog.create_partitions(self._database, name, added)
        self._summary.partitions["ADD"] += len(added)
        self._summary.partitions["UPDATE"] += updated
        self._say(f"INFO : {name}: {len(added)} partitions added, {updated} updated")

    def _is_under(self, table: Json) -> bool:
        location = _location(table) + "/"
        return any(location.startswith(target.uri.rstrip("/") + "/") for target in self._definition.targets)

    def _remove_table(self, name: str, table: Json, behavior: str) -> None:
        if behavior == "DELETE_FROM_DATABASE":
            self._catalog.delete_table(self._database, name)
            self._summary.tables_deleted.append(name)
        elif behavior == "DEPRECATE_IN_DATABASE" and DEPRECATED not in table["Parameters"]:
            self._catalog.update_table(self._database, _deprecated(table))
            self._summary.tables_updated.append(name)

    def _remove_partition(self, name: str, partition: Json, behavior: str) -> None:
        values = partition["Values"]
        if behavior == "DELETE_FROM_DATABASE":
            self._catalog.delete_partition(self._database, name, values)
            self._summary.partitions["DELETE"] += 1
        elif behavior == "DEPRECATE_IN_DATABASE" and DEPRECATED not in partition.get("Parameters", {}):
            self._catalog.update_partition(self._database, name, values, _deprecated(partition))
            self._summary.partitions["UPDATE"] += 1


_READ_ONLY = frozenset(
    {"DatabaseName", "TableName", "CreateTime", "UpdateTime", "CreationTime", "VersionId", "CatalogId"}
)


def _input(entry: Json) -> Json:
    """What may be given to change a table or partition, of what the catalog shows."""
    given: dict[str, Any] = {key: value for key, value in entry.items() if key not in _READ_ONLY}
    return given


def _deprecated(entry: Json) -> Json:
    """The input that marks a table or partition as deprecated now."""
    given = _input(entry)
    given["Parameters"] = {**given.get("Parameters", {}), DEPRECATED: str(int(time.time() * 1000))}
    return given


def _location(table: Json) -> str:
    return str(table.get("StorageDescriptor", {}).get("Location", "")).rstrip("/")
