"""The crawlers: all of them by name, kept on disk, and the threads that crawl."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError, World
from localaws.glue import notices
from localaws.glue.catalog_writer import Summary
from localaws.glue.classifiers import Classifiers
from localaws.glue.classify import Classifier
from localaws.glue.crawl import Crawl, Stopped
from localaws.glue.crawler import Crawler
from localaws.glue.definition import Definition
from localaws.glue.logs import LogStream
from localaws.glue.tags import add_tags, arn, remove_tags, tags_of
from localaws.glue.timetable import Timetable

Json = dict[str, Any]

LOG_GROUP = "/aws-glue/crawlers"
HISTORY = 100  # crawls remembered of a crawler

log = logging.getLogger(__name__)


class Crawlers:
    """All crawlers by name.

    ``ended`` are called with a crawler's name, the crawl's id and how it ended: SUCCEEDED, FAILED or CANCELLED.
    """

    def __init__(self, world: World, timetable: Timetable, classifiers: Classifiers) -> None:
        self._world = world
        self._timetable = timetable
        self._custom = classifiers
        self._path = world.data / "glue" / "crawlers.json"
        self._classifier = Classifier()
        self._lock = threading.RLock()
        self._by_name: dict[str, Crawler] = {}
        self.ended: list[Callable[[str, str, str], None]] = []
        if self._path.exists():
            for kept in json.loads(self._path.read_text(encoding="utf-8")):
                crawler = Crawler.from_json(kept)
                self._by_name[crawler.name] = crawler
                add_tags(world.catalog, _arn(crawler), kept["tags"])
                self._schedule(crawler)

    def close(self) -> None:
        """Stop the crawls that run."""
        with self._lock:
            running = [crawler for crawler in self._by_name.values() if crawler.thread is not None]
            for crawler in running:
                crawler.stop.set()
        for crawler in running:
            if crawler.thread is not None:
                crawler.thread.join(10)
        with self._lock:
            self._save()

    def all(self) -> list[Crawler]:
        """Every crawler, by name."""
        with self._lock:
            return [self._by_name[name] for name in sorted(self._by_name)]

    def get(self, name: str) -> Crawler:
        """One crawler; raises EntityNotFoundException."""
        with self._lock:
            if name not in self._by_name:
                raise AwsError("EntityNotFoundException", f"Crawler entry with name {name} does not exist")
            return self._by_name[name]

    def describe(self, name: str) -> Json:
        """One crawler in the Glue API's shape."""
        with self._lock:
            return self.get(name).describe()

    def create(self, given: Mapping[str, Any]) -> None:
        """Add a crawler from the parameters of CreateCrawler."""
        crawler = Crawler(Definition(given), time.time())
        crawler.set_schedule(given.get("Schedule") or "")
        self._custom.check(crawler.definition.classifiers)
        with self._lock:
            if crawler.name in self._by_name:
                raise AwsError("AlreadyExistsException", f"Crawler {crawler.name} already exists")
            add_tags(self._world.catalog, _arn(crawler), given.get("Tags"))
            self._by_name[crawler.name] = crawler
            self._schedule(crawler)
            self._save()

    def update(self, given: Mapping[str, Any]) -> None:
        """Change what is given of a crawler that is not running."""
        with self._lock:
            crawler = self._idle(str(given["Name"]))
            self._custom.check(given.get("Classifiers") or ())
            crawler.change(given)
            self._schedule(crawler)
            self._save()

    def reschedule(self, name: str, change: Callable[[Crawler], None]) -> None:
        """Change a crawler's schedule, which may be done while it runs."""
        with self._lock:
            crawler = self.get(name)
            change(crawler)
            self._schedule(crawler)
            self._save()

    def delete(self, name: str) -> None:
        """Remove a crawler that is not running; its tables stay."""
        with self._lock:
            self._idle(name)
            crawler = self._by_name.pop(name)
            self._timetable.remove(_arn(crawler))
            remove_tags(self._world.catalog, _arn(crawler))
            self._save()

    def start(self, name: str) -> str:
        """Begin a crawl in a thread of its own; the crawl's id."""
        with self._lock:
            crawler = self._idle(name)
            crawler.state = "RUNNING"
            crawler.stop.clear()
            crawl_id = str(uuid.uuid4())
            record = {
                "CrawlId": crawl_id,
                "State": "RUNNING",
                "StartTime": time.time(),
                "LogGroup": LOG_GROUP,
                "LogStream": name,
                "MessagePrefix": crawl_id,
            }
            crawler.history = [record, *crawler.history[: HISTORY - 1]]
            self._save()
            crawler.thread = threading.Thread(target=self._crawl, args=(crawler, record), name=f"crawler-{name}")
            crawler.thread.daemon = True
            crawler.thread.start()
            return crawl_id

    def stop(self, name: str) -> None:
        """Ask a crawl to end."""
        with self._lock:
            crawler = self.get(name)
            if crawler.state == "READY":
                raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
            if crawler.state == "STOPPING":
                raise AwsError("CrawlerStoppingException", f"Crawler with name {name} is already stopping")
            crawler.state = "STOPPING"
            crawler.stop.set()

    def tags(self, crawler: Crawler) -> dict[str, str]:
        """A crawler's tags."""
        return tags_of(self._world.catalog, _arn(crawler))

    def _idle(self, name: str) -> Crawler:
        crawler = self.get(name)
        if crawler.state != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")
        return crawler

    def _schedule(self, crawler: Crawler) -> None:
        if crawler.schedule is not None and crawler.is_scheduled():
            name = crawler.name
            expression = crawler.schedule["ScheduleExpression"]
            self._timetable.put(_arn(crawler), expression, lambda: self._start_scheduled(name))
        else:
            self._timetable.remove(_arn(crawler))

    def _start_scheduled(self, name: str) -> None:
        try:
            self.start(name)
        except AwsError as error:
            log.warning("crawler %s is not started by its schedule: %s", name, error.message)

    def _crawl(self, crawler: Crawler, record: Json) -> None:
        stream = LogStream(LOG_GROUP, crawler.name, record["MessagePrefix"])
        say = stream.write
        say(f"BENCHMARK : Running Start Crawl for Crawler {crawler.name}")
        self._tell(notices.crawl_started, crawler.name, record)
        summary = Summary()
        status, state, error = "SUCCEEDED", "COMPLETED", ""
        try:
            self._crawl_for(crawler, say, summary).run()
            say(f"BENCHMARK : Finished writing to Catalog; crawl summary: {json.dumps(summary.as_json())}")
        except Stopped:
            status, state, error = "CANCELLED", "STOPPED", "The crawl was stopped by StopCrawler."
        except AwsError as failure:
            status, state, error = "FAILED", "FAILED", f"{failure.code}: {failure.message}"
        except Exception as failure:
            log.exception("crawler %s failed inside", crawler.name)
            status, state, error = "FAILED", "FAILED", f"Internal Service Exception: {failure!r}"
        if error:
            say(f"ERROR : {error}")
        with self._lock:
            crawler.state = "STOPPING"
        say("BENCHMARK : Crawler has finished running and is in state READY")
        try:
            stream.close()
        except Exception:
            log.exception("the log of crawler %s could not be written", crawler.name)
        with self._lock:
            record["Summary"] = json.dumps(summary.as_json())
            crawler.end(record, state, status, error)
            try:
                self._save()
            finally:
                crawler.state = "READY"
        self._after(crawler.name, record, status, summary.as_json())

    def _crawl_for(self, crawler: Crawler, say: Callable[[str], None], summary: Summary) -> Crawl:
        return Crawl(
            self._world.store,
            self._world.catalog,
            self._classifier,
            self._custom.rules(crawler.definition.classifiers),
            crawler.definition,
            crawler.seen,
            say,
            crawler.stop.is_set,
            summary,
        )

    def _after(self, name: str, record: Json, status: str, changes: Json) -> None:
        """What follows the end of a crawl; AWS has no event for one that was stopped."""
        if status == "SUCCEEDED":
            self._tell(notices.crawl_succeeded, name, record, changes)
        elif status == "FAILED":
            self._tell(notices.crawl_failed, name, record)
        for ended in self.ended:
            try:
                ended(name, record["CrawlId"], status)
            except Exception:
                log.exception("what follows crawler %s failed", name)

    def _tell(self, tell: Callable[..., None], *about: Any) -> None:
        try:
            tell(self._world, *about)
        except Exception:
            log.exception("an event of a crawl could not be put")

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        kept = [crawler.to_json(self.tags(crawler)) for crawler in self._by_name.values()]
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(self._path)


def _arn(crawler: Crawler) -> str:
    return arn("crawler", crawler.name)
