"""The crawlers: their definitions, states and history, kept on disk, and the threads that crawl."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, World
from localaws.glue.classify import Classifier
from localaws.glue.crawl import Crawl, Stopped
from localaws.glue.definition import Definition
from localaws.glue.logs import LogStream

Json = dict[str, Any]

LOG_GROUP = "/aws-glue/crawlers"
HISTORY = 100  # crawls remembered of a crawler

log = logging.getLogger(__name__)


class Crawler:
    """One crawler; its fields change under the registry's lock alone."""

    def __init__(self, definition: Definition, created: float) -> None:
        self.definition = definition
        self.created = created
        self.updated = created
        self.version = 1
        self.state = "READY"
        self.last_crawl: Json | None = None
        self.history: list[Json] = []  # the newest first
        self.seen: set[str] = set()
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    def describe(self) -> Json:
        """The Glue API's Crawler."""
        running = self.state != "READY" and self.history
        described = {
            "Classifiers": [],
            **self.definition.given,
            "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
            "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
            "State": self.state,
            "CrawlElapsedTime": int((time.time() - self.history[0]["StartTime"]) * 1000) if running else 0,
            "CreationTime": moment(self.created),
            "LastUpdated": moment(self.updated),
            "Version": self.version,
        }
        if self.last_crawl is not None:
            described["LastCrawl"] = {**self.last_crawl, "StartTime": moment(self.last_crawl["StartTime"])}
        return described

    def end(self, record: Json, state: str, status: str, error: str) -> None:
        """Note in the history and as the last crawl how a crawl ended."""
        record |= {"State": state, "EndTime": time.time(), "DPUHour": 0.0}
        self.last_crawl = {key: record[key] for key in ("LogGroup", "LogStream", "MessagePrefix", "StartTime")}
        self.last_crawl["Status"] = status
        if error:
            record["ErrorMessage"] = self.last_crawl["ErrorMessage"] = error

    def table_counts(self) -> Json:
        """How many tables the last crawl that ended changed, in the shape of GetCrawlerMetrics."""
        ended = next((crawl for crawl in self.history if "EndTime" in crawl), {})
        changes = json.loads(ended.get("Summary", "{}")).get("TABLE", {})
        actions = {"TablesCreated": "ADD", "TablesUpdated": "UPDATE", "TablesDeleted": "DELETE"}
        return {metric: changes.get(action, {}).get("Count", 0) for metric, action in actions.items()}

    def to_json(self, tags: dict[str, str]) -> Json:
        """What is kept on disk."""
        return {
            "definition": self.definition.given,
            "created": self.created,
            "updated": self.updated,
            "version": self.version,
            "tags": tags,
            "last_crawl": self.last_crawl,
            "history": self.history,
            "seen": sorted(self.seen),
        }

    @classmethod
    def from_json(cls, kept: Json) -> Crawler:
        """A crawler as ``to_json`` kept it; a crawl that a crash cut off has failed."""
        crawler = cls(Definition(kept["definition"]), kept["created"])
        crawler.updated, crawler.version = kept["updated"], kept["version"]
        crawler.last_crawl, crawler.history, crawler.seen = kept["last_crawl"], kept["history"], set(kept["seen"])
        if crawler.history and crawler.history[0]["State"] == "RUNNING":
            crawler.end(crawler.history[0], "FAILED", "FAILED", "The embedded AWS ended during the crawl.")
        return crawler


class Crawlers:
    """All crawlers by name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._path = world.data / "glue" / "crawlers.json"
        self._classifier = Classifier()
        self._lock = threading.RLock()
        self._by_name: dict[str, Crawler] = {}
        if self._path.exists():
            for kept in json.loads(self._path.read_text(encoding="utf-8")):
                crawler = Crawler.from_json(kept)
                self._by_name[crawler.definition.name] = crawler
                self._tag(crawler, kept["tags"])

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
        definition = Definition(given)
        with self._lock:
            if definition.name in self._by_name:
                raise AwsError("AlreadyExistsException", f"Crawler {definition.name} already exists")
            crawler = Crawler(definition, time.time())
            self._tag(crawler, given.get("Tags") or {})
            self._by_name[definition.name] = crawler
            self._save()

    def update(self, given: Mapping[str, Any]) -> None:
        """Change what is given of a crawler that is not running."""
        with self._lock:
            crawler = self._idle(str(given["Name"]))
            crawler.definition = Definition({**crawler.definition.given, **given})
            crawler.version += 1
            crawler.updated = time.time()
            self._save()

    def delete(self, name: str) -> None:
        """Remove a crawler that is not running; its tables stay."""
        with self._lock:
            self._idle(name)
            crawler = self._by_name.pop(name)
            with self._world.catalog.backend() as glue:
                glue.tagger.delete_all_tags_for_resource(_arn(crawler))
            self._save()

    def start(self, name: str) -> None:
        """Begin a crawl in a thread of its own."""
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
        """A crawler's tags: moto keeps them, so that its GetTags and TagResource serve them."""
        with self._world.catalog.backend() as glue:
            return dict(glue.get_tags(_arn(crawler)))

    def _tag(self, crawler: Crawler, tags: Mapping[str, str]) -> None:
        with self._world.catalog.backend() as glue:
            glue.tag_resource(_arn(crawler), dict(tags))

    def _idle(self, name: str) -> Crawler:
        crawler = self.get(name)
        if crawler.state != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")
        return crawler

    def _crawl(self, crawler: Crawler, record: Json) -> None:
        name = crawler.definition.name
        stream = LogStream(LOG_GROUP, name, record["MessagePrefix"])
        say = stream.write
        say(f"BENCHMARK : Running Start Crawl for Crawler {name}")
        crawl = Crawl(
            self._world.store,
            self._world.catalog,
            self._classifier,
            crawler.definition,
            crawler.seen,
            say,
            crawler.stop.is_set,
        )
        status, state, error = "SUCCEEDED", "COMPLETED", ""
        try:
            crawl.run()
            say(f"BENCHMARK : Finished writing to Catalog; crawl summary: {json.dumps(crawl.summary.as_json())}")
        except Stopped:
            status, state, error = "CANCELLED", "STOPPED", "The crawl was stopped by StopCrawler."
        except AwsError as failure:
            status, state, error = "FAILED", "FAILED", f"{failure.code}: {failure.message}"
        except Exception as failure:
            log.exception("crawler %s failed inside", name)
            status, state, error = "FAILED", "FAILED", f"Internal Service Exception: {failure!r}"
        if error:
            say(f"ERROR : {error}")
        with self._lock:
            crawler.state = "STOPPING"
        say("BENCHMARK : Crawler has finished running and is in state READY")
        try:
            stream.close()
        except Exception:
            log.exception("the log of crawler %s could not be written", name)
        with self._lock:
            record["Summary"] = json.dumps(crawl.summary.as_json())
            crawler.end(record, state, status, error)
            try:
                self._save()
            finally:
                crawler.state = "READY"

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        kept = [crawler.to_json(self.tags(crawler)) for crawler in self._by_name.values()]
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(self._path)


def _arn(crawler: Crawler) -> str:
    return f"arn:aws:glue:{REGION}:{ACCOUNT_ID}:crawler/{crawler.definition.name}"


def moment(seconds: float) -> datetime:
    """An aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
