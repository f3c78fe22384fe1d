"""AWS's schedules: the examples of its documentation, and the edges of months, years and clocks.

Where no source is named, the expectation is the calendar's.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from localaws.schedule import ScheduleError, next_time

START = datetime(2024, 2, 27, 17, 3, 20, tzinfo=UTC)  # a Tuesday


def following(expression, count, after=START, zone=UTC):
    found = []
    for _ in range(count):
        after = next_time(expression, after, zone)
        if after is None:
            return [*found, None]
        assert after.tzinfo is UTC
        found.append(f"{after:%Y-%m-%d %H:%M}")
    return found


# "Creating a rule that runs on a schedule" (EventBridge), "Schedule types" (Scheduler), "Time-based schedules" (Glue).
DOCUMENTED = [
    ("cron(0 10 * * ? *)", ["2024-02-28 10:00", "2024-02-29 10:00"]),
    ("cron(15 12 * * ? *)", ["2024-02-28 12:15", "2024-02-29 12:15"]),
    ("cron(0 18 ? * MON-FRI *)", ["2024-02-27 18:00", "2024-02-28 18:00", "2024-02-29 18:00", "2024-03-01 18:00"]),
    ("cron(0 8 1 * ? *)", ["2024-03-01 08:00", "2024-04-01 08:00"]),
    ("cron(0/15 * * * ? *)", ["2024-02-27 17:15", "2024-02-27 17:30", "2024-02-27 17:45", "2024-02-27 18:00"]),
    ("cron(0/10 * ? * MON-FRI *)", ["2024-02-27 17:10", "2024-02-27 17:20"]),
    ("cron(0/5 8-17 ? * MON-FRI *)", ["2024-02-27 17:05", "2024-02-27 17:10"]),
    ("cron(0/30 20-2 ? * MON-FRI *)", ["2024-02-27 20:00", "2024-02-27 20:30"]),
    ("cron(15 10 ? * 6L 2022-2025)", ["2024-03-29 10:15", "2024-04-26 10:15"]),
    ("cron(0 0 ? * 3#2 *)", ["2024-03-12 00:00", "2024-04-09 00:00"]),
    ("cron(0 0 3W * ? *)", ["2024-03-04 00:00", "2024-04-03 00:00", "2024-05-03 00:00", "2024-06-03 00:00"]),
    ("cron(0 0 L * ? *)", ["2024-02-29 00:00", "2024-03-31 00:00"]),
    ("rate(5 minutes)", ["2024-02-27 17:08", "2024-02-27 17:13"]),
    ("rate(1 hour)", ["2024-02-27 18:03"]),
    ("rate(7 days)", ["2024-03-05 17:03"]),
    ("at(2024-03-01T06:30:00)", ["2024-03-01 06:30", None]),
]


@pytest.mark.parametrize(("expression", "times"), DOCUMENTED, ids=[case[0] for case in DOCUMENTED])
def test_documented_examples(expression, times):
    assert following(expression, len(times)) == times


EDGES = [
    ("cron(3 17 * * ? *)", ["2024-02-28 17:03"]),  # this minute has begun
    ("cron(4 17 * * ? *)", ["2024-02-27 17:04"]),
    ("cron(0 0 31 * ? *)", ["2024-03-31 00:00", "2024-05-31 00:00"]),
    ("cron(0 0 29 2 ? *)", ["2024-02-29 00:00", "2028-02-29 00:00"]),
    ("cron(0 0 30 2 ? *)", [None]),
    ("cron(0 0 1 1 ? 2020-2023)", [None]),
    ("cron(0 0 1 JAN ? *)", ["2025-01-01 00:00"]),
    ("cron(0 0 1 1/6 ? *)", ["2024-07-01 00:00", "2025-01-01 00:00"]),
    ("cron(0 0 LW * ? *)", ["2024-02-29 00:00", "2024-03-29 00:00"]),
    ("cron(0 0 L-2 * ? *)", ["2024-03-29 00:00", "2024-04-28 00:00"]),
    ("cron(0 0 1W * ? 2024)", ["2024-03-01 00:00", "2024-04-01 00:00", "2024-05-01 00:00", "2024-06-03 00:00"]),
    ("cron(0 0 31W 3 ? *)", ["2024-03-29 00:00"]),
    ("cron(0 0 ? * L *)", ["2024-03-02 00:00", "2024-03-09 00:00"]),
    ("cron(0 0 ? * FRIL *)", ["2024-03-29 00:00"]),
    ("cron(0 0 ? * FRI-MON *)", ["2024-03-01 00:00", "2024-03-02 00:00", "2024-03-03 00:00", "2024-03-04 00:00"]),
    ("cron(0 0 ? * SUN,2 *)", ["2024-03-03 00:00", "2024-03-04 00:00"]),
    ("cron(0 0 ? * 5#5 *)", ["2024-02-29 00:00", "2024-05-30 00:00"]),
    ("cron(10-30/10,55 23 * * ? *)", ["2024-02-27 23:10", "2024-02-27 23:20", "2024-02-27 23:30", "2024-02-27 23:55"]),
    ("cron(*/20 0 * 3 ? *)", ["2024-03-01 00:00", "2024-03-01 00:20"]),
    ("cron(0 12 * * ? 2199)", ["2199-01-01 12:00"]),
    ("at(2024-01-01T00:00:00)", [None]),
]


@pytest.mark.parametrize(("expression", "times"), EDGES, ids=[case[0] for case in EDGES])
def test_edges(expression, times):
    assert following(expression, len(times)) == times


# "Daylight savings time on EventBridge Scheduler": what does not exist is skipped, what comes twice runs once.
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("expression", "after", "times"),
    [
        ("cron(30 9 * * ? *)", datetime(2024, 3, 9, tzinfo=UTC), ["2024-03-09 14:30", "2024-03-10 13:30"]),
        ("cron(30 2 * * ? *)", datetime(2024, 3, 9, tzinfo=UTC), ["2024-03-09 07:30", "2024-03-11 06:30"]),
        ("cron(30 1 * * ? *)", datetime(2024, 11, 3, tzinfo=UTC), ["2024-11-03 05:30", "2024-11-04 06:30"]),
        ("cron(30 1 * * ? *)", datetime(2024, 11, 3, 6, 10, tzinfo=UTC), ["2024-11-04 06:30"]),
        ("at(2024-07-01T08:00:00)", datetime(2024, 3, 9, tzinfo=UTC), ["2024-07-01 12:00"]),
    ],
)
def test_a_zone_of_its_own(expression, after, times):
    assert following(expression, len(times), after, NEW_YORK) == times


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 10 * * ? *", "neither cron"),
        ("cron(0 10 * * ? *", "neither cron"),
        ("cron(0 10 * * ?)", "has 5 fields"),
        ("cron(0 10 * * * *)", "exactly one of day"),
        ("cron(0 10 ? * ? *)", "exactly one of day"),
        ("cron(0 10 1 * MON *)", "exactly one of day"),
        ("cron(60 10 * * ? *)", "minutes '60' is not valid: it is from 0 to 59"),
        ("cron(0 24 * * ? *)", "hours '24'"),
        ("cron(0 0 0 * ? *)", "day of the month '0'"),
        ("cron(0 0 32W * ? *)", "day of the month '32'"),
        ("cron(0 0 1 13 ? *)", "month '13'"),
        ("cron(0 0 ? * 0 *)", "day of the week '0'"),
        ("cron(0 0 ? * MOON *)", "day of the week 'MOON'"),
        ("cron(0 0 ? * 3#1,6#3 *)", "# is used once"),
        ("cron(0 0 1 1 ? 1969)", "year '1969'"),
        ("cron(0/0 * * * ? *)", "a step of 0"),
        ("cron(a 0 * * ? *)", "minutes 'A'"),
        ("cron(1, 0 * * ? *)", "minutes '' is not valid"),
        ("rate(0 minutes)", r"rate\(0 minutes\) is not valid"),
        ("rate(1 hours)", "is not valid"),
        ("rate(5 hour)", "is not valid"),
        ("rate(5 weeks)", "is not valid"),
        ("at(2024-13-01T00:00:00)", "is not valid: it is at"),
    ],
)
def test_what_is_no_schedule(expression, message):
    with pytest.raises(ScheduleError, match=message):
        next_time(expression, START)
