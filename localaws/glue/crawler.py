"""One crawler: its definition, its schedule, its state, and what its crawls came to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError
from localaws.glue.definition import Definition
from localaws.glue.timetable import check_schedule

Json = dict[str, Any]


class Crawler:
    """One crawler; its fields change under the registry's lock alone."""

    def __init__(self, definition: Definition, created: float) -> None:
        self.definition = definition
        self.created = created
        self.updated = created
        self.version = 1
        self.state = "READY"
        self.schedule: dict[str, str] | None = None  # the Glue API's Schedule
        self.last_crawl: Json | None = None
        self.history: list[Json] = []  # the newest first
        self.seen: set[str] = set()
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The crawler's name."""
        return self.definition.name

    def describe(self) -> Json:
        """The Glue API's Crawler."""
        running = self.state != "READY" and self.history
        described = {
            **self.definition.given,
            "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
            "State": self.state,
            "CrawlElapsedTime": int((time.time() - self.history[0]["StartTime"]) * 1000) if running else 0,
            "CreationTime": moment(self.created),
            "LastUpdated": moment(self.updated),
            "Version": self.version,
        }
        if self.schedule is not None:
            described["Schedule"] = dict(self.schedule)
        if self.last_crawl is not None:
            described["LastCrawl"] = {**self.last_crawl, "StartTime": moment(self.last_crawl["StartTime"])}
        return described

    def change(self, given: Mapping[str, Any]) -> None:
        """Take over what UpdateCrawler gives; a crawler in event mode then lists its target once more, as on AWS."""
        if self.definition.event_queue:
            self.seen = set()
        self.definition = Definition({**self.definition.given, **given})
        if given.get("Schedule") is not None:
            self.set_schedule(given["Schedule"])
        self.version += 1
        self.updated = time.time()

    def set_schedule(self, expression: str) -> None:
        """Run by a schedule; an empty one takes the schedule away."""
        if expression:
            check_schedule(expression)
        self.schedule = {"ScheduleExpression": expression, "State": "SCHEDULED"} if expression else None

    def is_scheduled(self) -> bool:
        """Whether the schedule is in force."""
        return self.schedule is not None and self.schedule["State"] == "SCHEDULED"

    def start_schedule(self) -> None:
        """Put the schedule in force."""
        if self.schedule is None:
            raise AwsError("NoScheduleException", f"Crawler {self.name} has no schedule")
        if self.is_scheduled():
            raise AwsError("SchedulerRunningException", f"The schedule of crawler {self.name} is running already")
        self.schedule["State"] = "SCHEDULED"

    def stop_schedule(self) -> None:
        """Keep the schedule, but do not run by it."""
        if self.schedule is None or not self.is_scheduled():
            raise AwsError("SchedulerNotRunningException", f"The schedule of crawler {self.name} is not running")
        self.schedule["State"] = "NOT_SCHEDULED"

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
            "schedule": self.schedule,
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
        crawler.updated, crawler.version, crawler.schedule = kept["updated"], kept["version"], kept.get("schedule")
        crawler.last_crawl, crawler.history, crawler.seen = kept["last_crawl"], kept["history"], set(kept["seen"])
        if crawler.history and crawler.history[0]["State"] == "RUNNING":
            crawler.end(crawler.history[0], "FAILED", "FAILED", "The embedded AWS ended during the crawl.")
        return crawler


def moment(seconds: float) -> datetime:
    """An aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
