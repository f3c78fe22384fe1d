"""When a source is stale or its volume unusual: exact findings, and none where there is nothing to say."""

import datetime as dt

import pytest

from millrace.watch import findings

TODAY = dt.date(2026, 11, 21)


def days(*sizes, until=1):
    """Sizes by day, the last one so many days ago."""
    return {TODAY - dt.timedelta(days=until + n): size for n, size in enumerate(reversed(sizes))}


def kinds(sizes, **settings):
    return [
        each["kind"] for each in findings("sales.orders", sizes, TODAY, **{"fresh_days": 2, "factor": 3, **settings})
    ]


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        (days(100, 90, 110, 100, 100, 100), []),
        (days(100, 90, 110, 100, 100, 301), ["Volume is unusual"]),
        (days(100, 90, 110, 100, 100, 300), []),
        (days(100, 90, 110, 100, 100, 33), ["Volume is unusual"]),
        (days(100, 1), []),  # too few days to know what is usual
        (days(100, 100, 100, 100, 100, 100, until=2), []),
        (days(100, 100, 100, 100, 100, 100, until=3), ["Data is stale"]),
        ({}, ["Data is stale"]),
        ({**days(100, 100, 100, 100, 100, 100), TODAY: 1}, []),  # today is not over
    ],
)
def test_findings(sizes, found):
    assert kinds(sizes) == found


def test_a_finding_says_what_where_since_when_and_what_next():
    (found,) = findings("sales.orders", days(10, 10, 10, 10, 10, 1000), TODAY, fresh_days=1, factor=3)
    assert found == {
        "kind": "Volume is unusual",
        "where": "sales.orders",
        "what": "1,000 bytes were uploaded on 2026-11-20; the median of 5 days before is 10.",
        "since": "2026-11-20",
        "next": "Look whether files are missing or came twice. Nothing is held back: "
        "rows are counted and checked as ever.",
    }
    (stale,) = findings("sales.orders", days(10, until=9), TODAY, fresh_days=1, factor=3)
    assert stale["what"] == "The latest upload is of 2026-11-12; one is expected within a day."
    assert stale["since"] == "2026-11-12"
