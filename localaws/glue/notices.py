"""The events of crawlers, in the shapes in which AWS puts them on EventBridge's default bus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, World

Json = dict[str, Any]

_KIND = "Glue Crawler State Change"
_CONSOLE = f"https://console.aws.amazon.com/cloudwatch/home?region={REGION}#logEventViewer"


def crawl_started(world: World, crawler: str, crawl: Json) -> None:
    """Tell that a crawl has begun."""
    _put(world, crawler, "Started", {"startTime": _time(crawl["StartTime"])})


def crawl_succeeded(world: World, crawler: str, crawl: Json, changes: Json) -> None:
    """Tell that a crawl has ended well; changes is its summary, in the shape of ListCrawls."""
    counts = {
        f"{kind}{word}": str(changes[key].get(action, {}).get("Count", 0))
        for kind, key in (("tables", "TABLE"), ("partitions", "PARTITION"))
        for action, word in (("ADD", "Created"), ("UPDATE", "Updated"), ("DELETE", "Deleted"))
    }
    detail = {
        **counts,
        "warningMessage": "N/A",
        "runningTime (sec)": str(round(crawl["EndTime"] - crawl["StartTime"])),
        "completionDate": _time(crawl["EndTime"]),
        "cloudWatchLogLink": _log_link(crawl),
    }
    _put(world, crawler, "Succeeded", detail)


def crawl_failed(world: World, crawler: str, crawl: Json) -> None:
    """Tell that a crawl has failed."""
    _put(world, crawler, "Failed", {"errorMessage": crawl["ErrorMessage"], "cloudWatchLogLink": _log_link(crawl)})


def _put(world: World, crawler: str, state: str, detail: Json) -> None:
    events: Any = world.engines["events"]
    said = {"accountId": ACCOUNT_ID, "crawlerName": crawler, "state": state, "message": f"Crawler {state}"}
    events.put("aws.glue", _KIND, {**said, **detail})


def _log_link(crawl: Json) -> str:
    return f"{_CONSOLE}:group={crawl['LogGroup']};stream={crawl['LogStream']}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
