"""Glue: crawlers, jobs and triggers that really run, and the parts of the catalog's API that moto lacks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from localaws.core import Handler, World
from localaws.glue.catalog_api import CatalogApi
from localaws.glue.classifiers import Classifiers
from localaws.glue.connections import Connections
from localaws.glue.crawler_api import CrawlerApi
from localaws.glue.crawlers import Crawlers
from localaws.glue.job_api import JobApi
from localaws.glue.jobs import Jobs
from localaws.glue.runners import CrawlerRunner, JobRunner
from localaws.glue.timetable import Timetable
from localaws.glue.trigger_api import TriggerApi
from localaws.glue.triggers import Runner, Triggers
from localaws.glue_quality.api import DataQuality


class GlueEngine:
    """Glue's catalog, crawlers, jobs, triggers and data quality; workflows are refused."""

    service = "glue"

    def __init__(self, world: World) -> None:
        self._timetable = Timetable()
        classifiers = Classifiers(world.data / "glue" / "classifiers")
        self._crawlers = Crawlers(world, self._timetable, classifiers)
        self._connections = Connections(world.data / "glue" / "connections", world.catalog)
        self.jobs = Jobs(world, self._connections)
        runners: Mapping[str, Runner] = {"crawler": CrawlerRunner(self._crawlers), "job": JobRunner(self.jobs)}
        self._triggers = Triggers(world, self._timetable, runners)
        self._crawlers.ended.append(partial(self._triggers.ended, "crawler"))
        self.jobs.ended.append(partial(self._triggers.ended, "job"))
        self._quality = DataQuality(world)
        self.operations: Mapping[str, Handler] = {
            **CatalogApi(world.catalog).operations,
            **classifiers.operations,
            **CrawlerApi(self._crawlers).operations,
            **JobApi(self.jobs).operations,
            **self._connections.operations,
            **TriggerApi(self._triggers).operations,
            **self._quality.operations,
        }
        self._timetable.start()

    def close(self) -> None:
        """Stop what runs and what would run by a schedule."""
        self._timetable.close()
        self._triggers.close()
        self._crawlers.close()
        self.jobs.close()
        self._quality.close()
        self._connections.close()
