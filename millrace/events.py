"""What functions do with events: of S3, as EventBridge tells them, and of what a crawler or a job shall see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

_SECOND = dt.timedelta(seconds=1)  # events give the time in whole ones


class MaySeeTooLittle(RuntimeError):
    """A crawl or a job was running already when that which it shall see arrived: try again when it is over."""


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
        if crawler["State"] != "RUNNING" or began <= dt.datetime.fromisoformat(arrived) + _SECOND:
            raise MaySeeTooLittle(f"crawler {name} is running since before {arrived}; this is to be repeated") from None
        return False
    return True


def start_job(glue: Any, name: str, arguments: Mapping[str, str], arrived: str) -> str:
    """Start a Glue job for what was there at that time; the run's id, or that of a run that began later.

    Raises MaySeeTooLittle where the run that takes the job's room began before.
    """
    try:
        run: str = glue.start_job_run(JobName=name, Arguments=arguments)["JobRunId"]
    except glue.exceptions.ConcurrentRunsExceededException:
        newest = glue.get_job_runs(JobName=name, MaxResults=1)["JobRuns"][0]
        if newest["StartedOn"] <= dt.datetime.fromisoformat(arrived) + _SECOND:
            raise MaySeeTooLittle(f"job {name} is running since before {arrived}; this is to be repeated") from None
        run = newest["Id"]
    return run
