"""Schedules as AWS writes them: ``cron(…)`` of six fields, ``rate(…)`` and, for EventBridge Scheduler, ``at(…)``.

AWS's cron is Quartz's without seconds: days of the week run from 1, Sunday, to 7, and either the day of the month or
the day of the week is ``?``. The finest step is a minute.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_RATE = re.compile(r"(\d+) (minute|hour|day)(s?)")
_TERM = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?")
_NAMES = re.findall("...", "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDECSUNMONTUEWEDTHUFRISAT")
_MONTHS = dict(zip(_NAMES[:12], range(1, 13), strict=True))
_WEEKDAYS = dict(zip(_NAMES[12:], range(1, 8), strict=True))
_YEARS = (1970, 2199)


class ScheduleError(ValueError):
    """The expression is not one of AWS's; the message says why."""


def next_time(expression: str, after: datetime, zone: tzinfo = UTC) -> datetime | None:
    """The first time later than ``after`` (aware) at which the schedule is due, in UTC; None if there is none.

    cron and at are read in ``zone``: a time that a change of the clocks leaves out is skipped, one that comes twice is
    due once. A rate is counted from ``after``. Raises ScheduleError.
    """
    kind, _, rest = expression.partition("(")
    inside = rest.removesuffix(")")
    if not rest.endswith(")") or kind not in ("cron", "rate", "at"):
        raise ScheduleError(f"{expression!r} is neither cron(…) nor rate(…) nor at(…).")
    if kind == "rate":
        return after.astimezone(UTC) + _rate(inside)
    if kind == "at":
        return next((due for due in _real([_moment(inside)], zone) if due > after), None)
    local = after.astimezone(zone).replace(tzinfo=None)
    return next((due for due in _real(_cron(inside).times(local), zone) if due > after), None)


def _real(times: Sequence[datetime] | Iterator[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Local times in UTC, without those that a change of the clocks leaves out."""
    for local in times:
        due = local.replace(tzinfo=zone).astimezone(UTC)
        if due.astimezone(zone).replace(tzinfo=None) == local:
            yield due


def _rate(text: str) -> timedelta:
    match = _RATE.fullmatch(text)
    value = int(match[1]) if match else 0
    if match is None or value < 1 or (match[3] == "s") != (value > 1):
        raise ScheduleError(
            f"rate({text}) is not valid: it is rate(1 hour) or rate(2 hours); minutes and days likewise."
        )
    return value * _UNITS[match[2]]


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ScheduleError(f"at({text}) is not valid: it is at(yyyy-mm-ddThh:mm:ss).") from None


@dataclass(frozen=True)
class _Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str  # of the month, or of the week where this is ?
    months: tuple[int, ...]
    weekdays: str
    years: tuple[int, ...]

    def times(self, start: datetime) -> Iterator[datetime]:
        """Every time of the schedule from the minute of ``start`` on, in order."""
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_of(year, month):
                    if date(year, month, day) < start.date():
                        continue
                    for hour in self.hours:
                        for minute in self.minutes:
                            yield datetime(year, month, day, hour, minute)

    def _days_of(self, year: int, month: int) -> list[int]:
        found = _by_month(self.days, year, month) if self.weekdays == "?" else _by_week(self.weekdays, year, month)
        return sorted(found)


@lru_cache(maxsize=1024)
def _cron(text: str) -> _Cron:
    fields = text.split()
    if len(fields) != 6:
        raise ScheduleError(
            f"cron({text}) has {len(fields)} fields; it needs six: minutes, hours, day of the month, month, day of the "
            "week, year."
        )
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ScheduleError(f"cron({text}): exactly one of day of the month and day of the week must be ?.")
    cron = _Cron(
        _values("minutes", minutes, 0, 59),
        _values("hours", hours, 0, 23),
        days,
        _values("month", months, 1, 12, _MONTHS),
        weekdays,
        _values("year", years, *_YEARS),
    )
    # Faults in the days show when the days of a month are asked for.
    cron._days_of(2024, 1)
    return cron


def _by_month(field: str, year: int, month: int) -> set[int]:
    """Days by a field for the day of the month: values, ``L`` the last, ``15W`` the weekday nearest to the 15th."""
    last = monthrange(year, month)[1]
    found: set[int] = set()
    for term in field.split(","):
        if term == "L":
            found.add(last)
        elif term == "LW":
            found.add(_nearest_weekday(year, month, last))
        elif match := re.fullmatch(r"L-(\d+)", term):
            found.update({last - int(match[1])} if int(match[1]) < last else ())
        elif match := re.fullmatch(r"(\d+)W", term):
            (day,) = _values("day of the month", match[1], 1, 31)
            found.update({_nearest_weekday(year, month, day)} if day <= last else ())
        else:
            found.update(day for day in _values("day of the month", term, 1, 31) if day <= last)
    return found


def _by_week(field: str, year: int, month: int) -> set[int]:
    """Days by a field for the day of the week: values, ``L`` Saturday, ``6L`` last Friday, ``3#2`` second Tuesday."""
    name = "day of the week"
    last = monthrange(year, month)[1]
    of_weekday: dict[int, list[int]] = {number: [] for number in range(1, 8)}
    for day in range(1, last + 1):
        of_weekday[date(year, month, day).isoweekday() % 7 + 1].append(day)
    if "#" in field:
        match = re.fullmatch(r"(\w+)#([1-5])", field)
        if match is None:
            raise ScheduleError(f"The {name} {field!r} is not valid: # is used once, as in 3#2, the second Tuesday.")
        (weekday,) = _values(name, match[1], 1, 7, _WEEKDAYS)
        nth = int(match[2])
        return set(of_weekday[weekday][nth - 1 : nth])
    found: set[int] = set()
    for term in field.split(","):
        if match := re.fullmatch(r"(\w+)L", term):
            (weekday,) = _values(name, match[1], 1, 7, _WEEKDAYS)
            found.add(of_weekday[weekday][-1])
        else:
            for weekday in (7,) if term == "L" else _values(name, term, 1, 7, _WEEKDAYS):
                found.update(of_weekday[weekday])
    return found


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The weekday nearest to a day, in the same month."""
    weekday = date(year, month, day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < monthrange(year, month)[1] else day - 2
    return day


def _values(
    name: str, field: str, lowest: int, highest: int, names: Mapping[str, int] | None = None
) -> tuple[int, ...]:
    """A field of values, ranges, steps and ``*``; a range may pass the end, as FRI-MON and 22-2 do."""
    found: set[int] = set()
    for term in field.split(","):
        match = _TERM.fullmatch(term)
        if match is None:
            raise ScheduleError(f"The {name} {term!r} is not valid.")
        step = int(match["step"] or 1)
        first = _number(name, match["first"], lowest, highest, names) if match["first"] else lowest
        if match["last"]:
            last = _number(name, match["last"], lowest, highest, names)
        else:
            last = first if match["first"] and not match["step"] else highest
        if step < 1:
            raise ScheduleError(f"The {name} {term!r} has a step of 0.")
        span = highest - lowest + 1
        found.update((value - lowest) % span + lowest for value in range(first, last + span * (last < first) + 1, step))
    return tuple(sorted(found))


def _number(name: str, text: str, lowest: int, highest: int, names: Mapping[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ScheduleError(f"The {name} {text!r} is not valid: it is from {lowest} to {highest}.")
    return int(text)
