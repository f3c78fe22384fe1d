"""What is to be done at which times: crawlers and triggers by their schedules, in one thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localaws.core import AwsError
from localaws.schedule import ScheduleError, next_time

Clock = Callable[[], datetime]

_LONGEST_WAIT = 30.0  # seconds: the clock may be set, the machine may sleep
_FINEST = timedelta(minutes=5)
_A_DAY = 24 * 60 // 5
_FORM = "cron(minutes hours day-of-month month day-of-week year), in UTC"

log = logging.getLogger(__name__)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def check_schedule(expression: str) -> None:
    """Raise InvalidInputException unless it is a cron expression that Glue takes: five minutes apart or more."""
    if not expression.startswith("cron("):
        raise AwsError("InvalidInputException", f"The schedule {expression!r} is not of the form {_FORM}.")
    last: datetime | None = None
    try:
        for _ in range(_A_DAY):
            due = next_time(expression, last or now())
            if due is None:
                break
            if last is not None and due - last < _FINEST:
                message = f"The schedule {expression} is due more often than every 5 minutes, which Glue refuses."
                raise AwsError("InvalidInputException", message)
            last = due
    except ScheduleError as error:
        raise AwsError("InvalidInputException", f"The schedule is not valid: {error}") from error


@dataclass
class _Entry:
    expression: str
    action: Callable[[], None]
    due: datetime | None


class Timetable:
    """Actions by name. What fell due while the machine slept is done once; what fell due before the start is not."""

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to do what is due."""
        self._thread = threading.Thread(target=self._run, name="glue-timetable", daemon=True)
        self._thread.start()

    def put(self, name: str, expression: str, action: Callable[[], None]) -> None:
        """Do the action at the schedule's times from now on; replaces what that name had."""
        with self._changed:
            self._entries[name] = _Entry(expression, action, next_time(expression, self._clock()))
            self._changed.notify()

    def remove(self, name: str) -> None:
        """Do it no more."""
        with self._changed:
            self._entries.pop(name, None)

    def close(self) -> None:
        """Do nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(10)

    def run_due(self) -> None:
        """Do what is due by the clock, each once."""
        moment = self._clock()
        with self._changed:
            due = [entry for entry in self._entries.values() if entry.due is not None and entry.due <= moment]
            for entry in due:
                entry.due = next_time(entry.expression, moment)
        for entry in due:
            try:
                entry.action()
            except Exception:
                log.exception("what was due by %s failed", entry.expression)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(self._seconds())
                if self._closed:
                    return
            self.run_due()

    def _seconds(self) -> float:
        """How long nothing is due."""
        moment = self._clock()
        waits = [(entry.due - moment).total_seconds() for entry in self._entries.values() if entry.due is not None]
        return max(0.0, min([_LONGEST_WAIT, *waits]))
