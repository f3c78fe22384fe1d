"""Glue: crawlers that really crawl, and the parts of the catalog's API that moto lacks."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.core import Handler, World
from localaws.glue.catalog_api import CatalogApi
from localaws.glue.crawler_api import CrawlerApi
from localaws.glue.crawlers import Crawlers
from localaws.glue.timetable import Timetable


class GlueEngine:
    """Glue's catalog and crawlers; workflows are refused."""

    service = "glue"

    def __init__(self, world: World) -> None:
        self._timetable = Timetable()
        self._crawlers = Crawlers(world, self._timetable)
        self.operations: Mapping[str, Handler] = {
            **CatalogApi(world.catalog).operations,
            **CrawlerApi(self._crawlers).operations,
        }

    def close(self) -> None:
        """Stop what runs and what would run by a schedule."""
        self._timetable.close()
        self._crawlers.close()
