"""How triggers start crawlers and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError
from localaws.glue.crawlers import Crawlers
from localaws.glue.jobs import Jobs


class CrawlerRunner:
    """Starts crawlers."""

    def __init__(self, crawlers: Crawlers) -> None:
        self._crawlers = crawlers

    def has(self, name: str) -> bool:
        """Whether there is a crawler of that name."""
        try:
            self._crawlers.get(name)
        except AwsError:
            return False
        return True

    def start(self, action: Mapping[str, Any], trigger: str) -> str:
        """Start the crawler of an Action; the crawl's id."""
        return self._crawlers.start(str(action["CrawlerName"]))


class JobRunner:
    """Starts jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def has(self, name: str) -> bool:
        """Whether there is a job of that name."""
        return self._jobs.has(name)

    def start(self, action: Mapping[str, Any], trigger: str) -> str:
        """Start the job of an Action; the run's id."""
        return self._jobs.start(action, trigger=trigger)
