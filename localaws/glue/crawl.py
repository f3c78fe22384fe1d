"""One run of a crawler: list, classify, group, and hand what was found to the catalog's writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from localaws.core import AwsError
from localaws.glue.catalog import Catalog
from localaws.glue.catalog_writer import CatalogWriter, Summary
from localaws.glue.classify import Classifier, Content, Custom
from localaws.glue.definition import Definition
from localaws.glue.event_queue import EventQueue
from localaws.glue.folders import Target, build, objects, parse_path
from localaws.glue.grouping import Group, Policy, group
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Store


class Stopped(Exception):
    """StopCrawler was called."""


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
        self._summary = summary
        self._known_folders: set[str] | None = None

    def run(self) -> None:
        """Crawl; raises AwsError with what failed, or Stopped."""
        for database, name in self._definition.catalog_tables:
            self._crawl_table(database, name)
        if not self._definition.targets:
            return
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
        writer = self._writer(self._definition.database)
        incremental = self._definition.new_folders_only and bool(self._seen)
        folders: set[str] = set()
        groups: list[Group] = []
        for target in self._definition.targets:
            root = build(target, self._watched(target, folders, incremental), self._classify)
            if incremental:
                writer.add_partitions(root)
            groups += group(root, self._definition.grouping)
        self._check_threshold(groups)
        for found in groups:
            writer.write(found)
        if not self._definition.new_folders_only:
            writer.remove_gone()
        self._seen |= folders

    def _crawl_table(self, database: str, name: str) -> None:
        """Crawl the location of a table of the catalog, as one table whatever the schemas of its folders."""
        writer = self._writer(database)
        table = writer.table(name)
        if table is None:
            raise AwsError("EntityNotFoundException", f"The table {database}.{name} does not exist.")
        location = str(table["StorageDescriptor"]["Location"])
        target = Target(*parse_path(location))
        groups = group(build(target, self._watched(target, set(), False), self._classify), Policy(combine=True))
        if len(groups) == 1 and groups[0].location.rstrip("/") == location.rstrip("/"):
            writer.fit(name, groups[0])
        else:
            self._say(f"WARN : {name}: {location} holds {len(groups)} tables, not one; the table stays as it is")

    def _writer(self, database: str) -> CatalogWriter:
        return CatalogWriter(self._catalog, database, self._definition, self._say, self._summary)

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
            self._catalog.create_database({"Name": self._definition.database})
        except AwsError as error:
            if error.code != "AlreadyExistsException":
                raise
        else:
            self._say(f"INFO : Created the database {self._definition.database}")

    def _check_threshold(self, groups: list[Group]) -> None:
        limit = self._definition.table_threshold
        if limit is not None and len(groups) > limit:
            message = f"The crawler found {len(groups)} tables, more than its TableThreshold of {limit}."
            raise AwsError("InvalidInputException", message)
