"""What functions do with events: of S3, as EventBridge tells them, and of arrivals that a crawler shall see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any


class MaySeeTooLittle(RuntimeError):
    """A crawl was running already when the object arrived and may have passed its folder: try again when it is over."""


def as_notification(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An EventBridge event "Object Created" in the form that a function's own event has; another event as it is."""
    if event.get("source") != "aws.s3":
        return event
    detail = event["detail"]
    return {"bucket": detail["bucket"]["name"], "files": [{"key": detail["object"]["key"]}]}


def start_crawler(glue: Any, name: str, arrived: str) -> bool:
    """Start a crawler for what arrived at that time; False if a crawl that began later is running.

    Raises MaySeeTooLittle where a running crawl began before.
    """
    try:
        glue.start_crawler(Name=name)
    except glue.exceptions.CrawlerRunningException:
        crawler = glue.get_crawler(Name=name)["Crawler"]
        elapsed = dt.timedelta(milliseconds=crawler.get("CrawlElapsedTime", 0))
        began = dt.datetime.now(dt.UTC) - elapsed
        # Events give the time in whole seconds.
        if crawler["State"] != "RUNNING" or began <= dt.datetime.fromisoformat(arrived) + dt.timedelta(seconds=1):
            raise MaySeeTooLittle(f"crawler {name} is running since before {arrived}; this is to be repeated") from None
        return False
    return True
