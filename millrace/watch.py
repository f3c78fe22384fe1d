"""Whether a source still sends, and as much as it used to: judged by the sizes of its uploads, a day at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

_DAYS = 28  # what a day is compared with: this many days with uploads before it
_ENOUGH = 5  # with fewer days to compare with nothing is called unusual


def findings(
    where: str, sizes: Mapping[dt.date, int], today: dt.date, *, fresh_days: int, factor: float
) -> Iterator[dict[str, Any]]:
    """What is wrong with a table's uploads, as details of our event ``Alert``.

    sizes: bytes by the day of upload. fresh_days: how many days may pass without an upload. factor: how many times
    more or less than usual, which is the median, yesterday's bytes may be. Today is not over, so its size says nothing.
    """
    if not sizes:
        yield _finding("Data is stale", where, "Nothing was ever uploaded.", today, "Ask whoever sends the files.")
        return
    latest = max(sizes)
    if (today - latest).days > fresh_days:
        yield _finding(
            "Data is stale",
            where,
            f"The latest upload is of {latest}; one is expected within {_days(fresh_days)}.",
            latest,
            "Ask whoever sends the files; what comes late is loaded by the next run.",
        )
    yesterday = today - dt.timedelta(days=1)
    before = [sizes[day] for day in sorted(sizes) if day < yesterday][-_DAYS:]
    if yesterday not in sizes or len(before) < _ENOUGH:
        return
    size, usual = sizes[yesterday], median(before)
    if not usual / factor <= size <= usual * factor:
        yield _finding(
            "Volume is unusual",
            where,
            f"{size:,} bytes were uploaded on {yesterday}; the median of {len(before)} days before is {usual:,.0f}.",
            yesterday,
            "Look whether files are missing or came twice. Nothing is held back: rows are counted and checked as ever.",
        )


def _days(count: int) -> str:
    return "a day" if count == 1 else f"{count} days"


def _finding(kind: str, where: str, what: str, since: dt.date, next_step: str) -> dict[str, Any]:
    return {"kind": kind, "where": where, "what": what, "since": since.isoformat(), "next": next_step}
