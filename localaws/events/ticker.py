"""The clock of schedules: one thread that calls when a schedule is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from localaws.schedule import next_time

_LONGEST = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """When something is due: an expression, the zone of its clock, and the times between which it holds."""

    expression: str
    zone: tzinfo = UTC
    start: datetime | None = None
    end: datetime | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than a moment."""
        if self.start and moment < self.start:
            if self.expression.startswith("rate("):
                return self.start
            moment = self.start
        due = next_time(self.expression, moment, self.zone)
        return None if due is None or (self.end and due > self.end) else due


class Ticker:
    """Calls ``fire(key, due)`` once each time a schedule is due; what was missed while stopped is not made up.

    clock: the time now, aware.
    """

    def __init__(self, fire: Callable[[str, datetime], None], clock: Callable[[], datetime] | None = None) -> None:
        self._fire = fire
        self._clock = clock or (lambda: datetime.now(UTC))
        self._held: dict[str, tuple[Schedule, datetime | None]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def set_all(self, schedules: dict[str, Schedule]) -> None:
        """Hold these schedules and no others; one that has not changed keeps its next time."""
        with self._changed:
            now = self._clock()
            before = self._held
            self._held = {}
            for key, schedule in schedules.items():
                known = before.get(key)
                self._held[key] = known if known and known[0] == schedule else (schedule, schedule.after(now))
            if self._held and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Call no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(2)

    def _run(self) -> None:
        while not self._closed:
            for key, due in self.take_due():
                try:
                    self._fire(key, due)
                except Exception:
                    log.exception("the schedule %s was due and failed", key)
            with self._changed:
                times = [due for _, due in self._held.values() if due is not None]
                wait = (min(times) - self._clock()).total_seconds() if times else _LONGEST
                if not self._closed and wait > 0:
                    # The machine may sleep or its clock be set: look again now and then.
                    self._changed.wait(min(wait, _LONGEST))

    def take_due(self) -> list[tuple[str, datetime]]:
        """What is due now, each with its time; their next times are set."""
        with self._changed:
            now = self._clock()
            ready = [(key, due) for key, (_, due) in self._held.items() if due is not None and due <= now]
            for key, due in ready:
                schedule = self._held[key][0]
                # From the time that was due, so that a rate does not drift; but never a backlog after a sleep.
                following = schedule.after(due)
                self._held[key] = (schedule, following if following is None or following > now else schedule.after(now))
        return sorted(ready, key=lambda each: each[1])
