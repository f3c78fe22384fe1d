"""The thread of schedules: it wakes for what is put, when it is due, and ends."""

import threading
from datetime import UTC, datetime, timedelta

from localaws.glue.timetable import Timetable


def test_the_thread_does_what_is_due():
    now = [datetime(2024, 2, 27, 11, 59, 59, 990_000, tzinfo=UTC)]
    timetable = Timetable(lambda: now[0])
    done = threading.Event()
    timetable.start()
    timetable.put("noon", "cron(0 12 * * ? *)", done.set)
    now[0] += timedelta(seconds=1)
    assert done.wait(60)
    timetable.close()


def test_a_fault_does_not_end_the_others(caplog):
    now = [datetime(2024, 2, 27, 11, 59, tzinfo=UTC)]
    timetable = Timetable(lambda: now[0])
    done = []
    timetable.put("a", "cron(0 12 * * ? *)", lambda: 1 / 0)
    timetable.put("b", "cron(0 12 * * ? *)", lambda: done.append("b"))
    now[0] += timedelta(minutes=1)
    timetable.run_due()
    assert done == ["b"]
    assert "what was due by cron(0 12 * * ? *) failed" in caplog.text
    timetable.close()
