"""The crawlers' API: Create, Start, ListCrawls and the rest, over the registry of crawlers."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.glue.crawler import Crawler, moment
from localaws.glue.crawlers import Crawlers
from localaws.glue.paging import page

Json = dict[str, Any]

_COMPARISONS: Mapping[str, Any] = {
    "EQ": lambda left, right: left == right,
    "NE": lambda left, right: left != right,
    "GT": lambda left, right: left > right,
    "GE": lambda left, right: left >= right,
    "LT": lambda left, right: left < right,
    "LE": lambda left, right: left <= right,
}
_CRAWL_FIELDS = {
    "CRAWL_ID": "CrawlId",
    "STATE": "State",
    "START_TIME": "StartTime",
    "END_TIME": "EndTime",
    "DPU_HOUR": "DPUHour",
}


class CrawlerApi:
    """The operations on crawlers and their crawls."""

    def __init__(self, crawlers: Crawlers) -> None:
        self._crawlers = crawlers
        self.operations: Mapping[str, Handler] = {
            "CreateCrawler": self._create,
            "UpdateCrawler": self._update,
            "DeleteCrawler": self._delete,
            "GetCrawler": self._get,
            "GetCrawlers": self._get_all,
            "ListCrawlers": self._list,
            "BatchGetCrawlers": self._batch_get,
            "StartCrawler": self._start,
            "StopCrawler": self._stop,
            "GetCrawlerMetrics": self._metrics,
            "ListCrawls": self._crawls,
            "StartCrawlerSchedule": self._start_schedule,
            "StopCrawlerSchedule": self._stop_schedule,
            "UpdateCrawlerSchedule": self._update_schedule,
        }

    def _create(self, call: Call) -> Json:
        self._crawlers.create(call.params)
        return {}

    def _update(self, call: Call) -> Json:
        self._crawlers.update(call.params)
        return {}

    def _delete(self, call: Call) -> Json:
        self._crawlers.delete(call.params["Name"])
        return {}

    def _get(self, call: Call) -> Json:
        return {"Crawler": self._crawlers.describe(call.params["Name"])}

    def _get_all(self, call: Call) -> Json:
        crawlers, more = page(self._crawlers.all(), call.params)
        return {"Crawlers": [crawler.describe() for crawler in crawlers], **more}

    def _list(self, call: Call) -> Json:
        wanted = (call.params.get("Tags") or {}).items()
        names = [
            crawler.definition.name
            for crawler in self._crawlers.all()
            if wanted <= self._crawlers.tags(crawler).items()
        ]
        names, more = page(names, call.params)
        return {"CrawlerNames": names, **more}

    def _batch_get(self, call: Call) -> Json:
        known = {crawler.definition.name: crawler for crawler in self._crawlers.all()}
        names = call.params["CrawlerNames"]
        return {
            "Crawlers": [known[name].describe() for name in names if name in known],
            "CrawlersNotFound": [name for name in names if name not in known],
        }

    def _start(self, call: Call) -> Json:
        self._crawlers.start(call.params["Name"])
        return {}

    def _stop(self, call: Call) -> Json:
        self._crawlers.stop(call.params["Name"])
        return {}

    def _start_schedule(self, call: Call) -> Json:
        self._crawlers.reschedule(call.params["CrawlerName"], Crawler.start_schedule)
        return {}

    def _stop_schedule(self, call: Call) -> Json:
        self._crawlers.reschedule(call.params["CrawlerName"], Crawler.stop_schedule)
        return {}

    def _update_schedule(self, call: Call) -> Json:
        expression = call.params.get("Schedule") or ""
        self._crawlers.reschedule(call.params["CrawlerName"], lambda crawler: crawler.set_schedule(expression))
        return {}

    def _metrics(self, call: Call) -> Json:
        names = call.params.get("CrawlerNameList")
        crawlers = [self._crawlers.get(name) for name in names] if names else self._crawlers.all()
        crawlers, more = page(crawlers, call.params)
        return {"CrawlerMetricsList": [_metrics_of(crawler) for crawler in crawlers], **more}

    def _crawls(self, call: Call) -> Json:
        history = list(self._crawlers.get(call.params["CrawlerName"]).history)
        for condition in call.params.get("Filters") or ():
            history = [crawl for crawl in history if _matches(crawl, condition)]
        crawls, more = page(history, call.params, default=20)
        return {"Crawls": [_crawl_times(crawl) for crawl in crawls], **more}


def _metrics_of(crawler: Crawler) -> Json:
    times = [crawl["EndTime"] - crawl["StartTime"] for crawl in crawler.history if "EndTime" in crawl]
    return {
        "CrawlerName": crawler.definition.name,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": crawler.state == "RUNNING",
        "LastRuntimeSeconds": times[0] if times else 0.0,
        "MedianRuntimeSeconds": median(times) if times else 0.0,
        **crawler.table_counts(),
    }


def _crawl_times(crawl: Json) -> Json:
    return {key: moment(value) if key in ("StartTime", "EndTime") else value for key, value in crawl.items()}


def _matches(crawl: Json, condition: Mapping[str, str]) -> bool:
    try:
        name = _CRAWL_FIELDS[condition["FieldName"]]
        compare = _COMPARISONS[condition["FilterOperator"]]
        wanted: Any = condition["FieldValue"]
        # Times are given in milliseconds since 1970.
        if name in ("StartTime", "EndTime"):
            wanted = float(wanted) / 1000
        elif name == "DPUHour":
            wanted = float(wanted)
    except (KeyError, ValueError) as error:
        raise AwsError("InvalidInputException", f"The filter {dict(condition)} is not valid: {error}.") from error
    return name in crawl and bool(compare(crawl[name], wanted))
