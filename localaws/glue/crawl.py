"""One run of a crawler: list, classify, group, and bring the catalog up to date by the crawler's policies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from localaws.core import AwsError
from localaws.glue import partition_indexes
from localaws.glue.catalog import Catalog
from localaws.glue.classify import Classifier, Content, Custom
from localaws.glue.definition import Definition
from localaws.glue.event_queue import EventQueue
from localaws.glue.folders import Folder, Target, build, objects
from localaws.glue.grouping import Group, group
from localaws.glue.incremental import new_partitions
from localaws.glue.tables import DEPRECATED, UPDATED_BY, Json, Written, describe, table_name
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Store

PARTITION_INDEX = "crawler_partition_index"  # AWS's name for the index that a crawler makes


class Stopped(Exception):
    """StopCrawler was called."""


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


class Crawl:
    """One run; ``seen`` are the folders that earlier runs crawled, to which this run adds its own.

    What it changes it notes in ``summary``.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        classifier: Classifier,
        custom: Custom,
        definition: Definition,
        seen: set[str],
        say: Callable[[str], None],
        is_stopped: Callable[[], bool],
        summary: Summary,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._classifier = classifier
        self._custom = custom
        self._definition = definition
        self._seen = seen
        self._say = say
        self._is_stopped = is_stopped
        self._database = definition.database
        self._known_folders: set[str] | None = None
        self._found: dict[str, set[tuple[str, ...]]] = {}  # table: its partitions that were found
        self.summary = summary

    def run(self) -> None:
        """Crawl; raises AwsError with what failed, or Stopped."""
        self._make_database()
        if not self._definition.event_queue:
            self._crawl()
            return
        events = EventQueue(self._definition.event_queue)
        try:
            self._crawl_by(events.take())
        except BaseException:
            events.put_back()
            raise
        events.done()

    def _crawl_by(self, changed: set[str]) -> None:
        """Crawl by events: new folders that no event told of are not looked at."""
        if not self._seen:
            self._say("INFO : The crawl is not running in S3 event mode: it lists the whole target")
            self._crawl()
            return
        self._say(f"INFO : The crawl is running by consuming Amazon S3 events: {len(changed)} folders changed")
        if any(folder.startswith(self._definition.targets[0].uri) for folder in changed):
            self._known_folders = self._seen | changed
            self._crawl()

    def _crawl(self) -> None:
        known = {table["Name"]: table for table in self._catalog.tables(self._database)}
        incremental = self._definition.new_folders_only and bool(self._seen)
        folders: set[str] = set()
        groups: list[Group] = []
        for target in self._definition.targets:
            root = build(target, self._watched(target, folders, incremental), self._classify)
            if incremental:
                self._add_partitions(root, known)
            groups += group(root, self._definition.grouping)
        self._check_threshold(groups)
        for found in groups:
            self._write(found, known)
        if not self._definition.new_folders_only:
            self._remove(known)
        self._seen |= folders

    def _watched(self, target: Target, folders: set[str], incremental: bool) -> Iterator[ObjectInfo]:
        """The target's objects to look at, noting their folders."""
        for info in objects(self._store, target):
            if self._is_stopped():
                raise Stopped
            folder = f"s3://{info.bucket}/{info.key.rpartition('/')[0]}/"
            if incremental and folder in self._seen:
                continue
            if self._known_folders is not None and folder not in self._known_folders:
                continue
            folders.add(folder)
            yield info

    def _classify(self, info: ObjectInfo) -> Content | None:
        content = self._classifier.classify(info, self._custom)
        if content is None:
            self._say(f"WARN : s3://{info.bucket}/{info.key} holds no table that could be recognised; it is left out")
        return content

    def _make_database(self) -> None:
        try:
            self._catalog.get_database(self._database)
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            self._catalog.create_database({"Name": self._database})
            self._say(f"INFO : Created the database {self._database}")

    def _check_threshold(self, groups: list[Group]) -> None:
        limit = self._definition.table_threshold
        if limit is not None and len(groups) > limit:
            message = f"The crawler found {len(groups)} tables, more than its TableThreshold of {limit}."
            raise AwsError("InvalidInputException", message)

    def _add_partitions(self, root: Folder, known: dict[str, Json]) -> None:
        """Take the new folders that belong to tables of this crawler out of the tree, as partitions of those."""
        for name, table in known.items():
            if table.get("Parameters", {}).get(UPDATED_BY) != self._definition.name:
                continue
            added = new_partitions(root, table, self._definition.name)
            existing = {tuple(partition["Values"]) for partition in self._catalog.partitions(self._database, name)}
            inputs = [given for values, given in added.items() if values not in existing]
            self._catalog.create_partitions(self._database, name, inputs)
            self.summary.partitions["ADD"] += len(inputs)

    def _write(self, found: Group, known: dict[str, Json]) -> None:
        name = self._name(found, known)
        for key in found.keys:
            if any(column == key for column, _ in found.columns):
                self._say(f"WARN : {name}: the column {key} is a partition key too; the table leaves the column out")
        written = describe(found, name, self._definition.name, inherit=self._definition.inherit)
        if found.depth and len(written.partitions) < len(found.leaves):
            self._say(
                f"WARN : {name}: several folders have the same partition values; the last of them is the partition"
            )
        self._found[name] = set(written.partitions)
        existing = known.get(name)
        if existing is None:
            self._catalog.create_table(self._database, written.table)
            if self._definition.makes_indexes and found.keys:
                with self._catalog.backend() as glue:
                    index = {"IndexName": PARTITION_INDEX, "Keys": list(found.keys)}
                    partition_indexes.add(glue.get_table(self._database, name), [index])
            self.summary.tables_added.append(name)
            self._say(f"BENCHMARK : Created the table {name} in the database {self._database}: {found.location}")
        elif self._definition.updates:
            self._update_table(existing, written)
        elif len(existing.get("PartitionKeys") or ()) != len(found.keys):
            self._say(f"WARN : {name}: its partition keys have changed; by the policy LOG the table stays as it is")
            return
        self._write_partitions(name, written)

    def _name(self, found: Group, known: dict[str, Json]) -> str:
        """The table's name; a hash of the location is added if another location has that name already."""
        plain = table_name(self._definition.table_prefix, found.name)
        taken = known.get(plain)
        elsewhere = taken is not None and _location(taken) != found.location.rstrip("/")
        if elsewhere or plain in self._found:
            return f"{plain[:222]}_{hashlib.md5(found.location.encode(), usedforsecurity=False).hexdigest()}"
        return plain

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
            self.summary.tables_updated.append(table["Name"])
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
        self.summary.partitions["ADD"] += len(added)
        self.summary.partitions["UPDATE"] += updated
        self._say(f"INFO : {name}: {len(added)} partitions added, {updated} updated")

    def _remove(self, known: dict[str, Json]) -> None:
        """Delete or mark what this crawler once found under its targets and does not find any more."""
        behavior = self._definition.delete_behavior
        for name, table in known.items():
            if table.get("Parameters", {}).get(UPDATED_BY) != self._definition.name or not self._is_under(table):
                continue
            if name not in self._found:
                self._say(f"INFO : The data of the table {name} is gone; DeleteBehavior is {behavior}")
                self._remove_table(name, table, behavior)
                continue
            for partition in self._catalog.partitions(self._database, name):
                if tuple(partition["Values"]) not in self._found[name]:
                    self._remove_partition(name, partition, behavior)

    def _is_under(self, table: Json) -> bool:
        location = _location(table) + "/"
        return any(location.startswith(target.uri.rstrip("/") + "/") for target in self._definition.targets)

    def _remove_table(self, name: str, table: Json, behavior: str) -> None:
        if behavior == "DELETE_FROM_DATABASE":
            self._catalog.delete_table(self._database, name)
            self.summary.tables_deleted.append(name)
        elif behavior == "DEPRECATE_IN_DATABASE" and DEPRECATED not in table["Parameters"]:
            self._catalog.update_table(self._database, _deprecated(table))
            self.summary.tables_updated.append(name)

    def _remove_partition(self, name: str, partition: Json, behavior: str) -> None:
        values = partition["Values"]
        if behavior == "DELETE_FROM_DATABASE":
            self._catalog.delete_partition(self._database, name, values)
            self.summary.partitions["DELETE"] += 1
        elif behavior == "DEPRECATE_IN_DATABASE" and DEPRECATED not in partition.get("Parameters", {}):
            self._catalog.update_partition(self._database, name, values, _deprecated(partition))
            self.summary.partitions["UPDATE"] += 1


_READ_ONLY = frozenset(
    {"DatabaseName", "TableName", "CreateTime", "UpdateTime", "CreationTime", "VersionId", "CatalogId"}
)


def _deprecated(entry: Json) -> Json:
    """The input that marks a table or partition as deprecated now."""
    given: dict[str, Any] = {key: value for key, value in entry.items() if key not in _READ_ONLY}
    given["Parameters"] = {**given.get("Parameters", {}), DEPRECATED: str(int(time.time() * 1000))}
    return given


def _location(table: Json) -> str:
    return str(table.get("StorageDescriptor", {}).get("Location", "")).rstrip("/")
