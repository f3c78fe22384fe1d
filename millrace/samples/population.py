"""The people of the sample: companies that come, pause and leave, their users, and when these accept and log in.

Days are counted from the first day of the sample, times are whole seconds from its first midnight (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DAY = 86_400
NEVER = -1

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Logins that name no company, of users of one company and of several: about 15 % of all.
_NO_COMPANY_SHARE = 0.175
_NO_COMPANY_SHARE_OF_SEVERAL = 0.02
_FOREIGN_COMPANY_SHARE = 0.004
_UNKNOWN_USER_SHARE = 0.005
_TRAVEL_SHARE = 0.08
_LATE_SHARE = 0.01
_VERY_LATE_SHARE = 0.001
_UNKNOWN_USERS = 150
_WEEK = np.array([1.0, 1.05, 1.05, 1.0, 0.9, 0.35, 0.25])  # Monday first
# How likely a login is in each hour of the day.
_HOURS = np.array([2, 1, 1, 1, 2, 4, 9, 18, 30, 32, 28, 24, 20, 25, 28, 26, 23, 18, 14, 13, 13, 11, 7, 4], dtype=float)


@dataclass(frozen=True)
class Memberships:
    """One entry per user and company: all arrays have the same length.

    since: the day of joining. accepted: the time of acceptance, or NEVER. weight: how often the user logs in there.
    """

    user: Ints
    company: Ints
    since: Ints
    accepted: Ints
    weight: Floats


@dataclass(frozen=True)
class Logins:
    """One entry per login. ``company`` is the number of companies where none is named; ``late`` is in days."""

    time: Ints
    user: Ints
    company: Ints
    place: Ints
    late: Ints

    def where(self, chosen: npt.NDArray[np.bool_]) -> Logins:
        """Those for which ``chosen`` is true."""
        return Logins(self.time[chosen], self.user[chosen], self.company[chosen], self.place[chosen], self.late[chosen])

    @staticmethod
    def together(parts: list[Logins]) -> Logins:
        """All in one."""
        columns = ("time", "user", "company", "place", "late")
        return Logins(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


class Population:
    """Companies, users and memberships of ``days`` days, of which the first falls on ``weekday`` (Monday is 0)."""

    def __init__(
        self, *, seed: int, days: int, first_day_of_year: int, weekday: int, companies: int, users: int, places: int
    ) -> None:
        rng = np.random.default_rng([seed, 0])
        self.days, self.companies, self.users, self.places = days, companies, users, places
        self._seed = seed
        self._open = _opening_days(rng, companies, days, first_day_of_year)
        self._home = rng.integers(0, places, users + _UNKNOWN_USERS)
        self.memberships = _memberships(rng, self._open, users)
        self._has_several = np.bincount(self.memberships.user, minlength=self.all_users) > 1
        day = np.arange(days)
        season = 1 - 0.22 * np.exp(-((((day + first_day_of_year) % 365 - 212) / 22.0) ** 2))  # people are away in July
        self._day_weight = _WEEK[(day + weekday) % 7] * season
        self._second = np.repeat(np.arange(24), _HOURS.astype(int))

    @property
    def all_users(self) -> int:
        """Known users and those that no upload of user_companies names."""
        return self.users + _UNKNOWN_USERS

    def logins_per_day(self, logins: int) -> Ints:
        """How many of the logins fall on each day; they add up to ``logins``."""
        busy = np.array([self._weights(day).sum() for day in range(self.days)]) * self._day_weight
        ends = np.rint(np.cumsum(busy) / busy.sum() * logins).astype(np.int64)
        counts: Ints = np.diff(ends, prepend=0)
        return counts

    def logins(self, day: int, count: int) -> Logins:
        """The logins of a day in order of time."""
        rng = np.random.default_rng([self._seed, 1, day])
        cumulated = np.cumsum(self._weights(day))
        chosen = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
        user, company = self.memberships.user[chosen], self.memberships.company[chosen]
        chance = rng.random(count)
        none_share = np.where(self._has_several[user], _NO_COMPANY_SHARE_OF_SEVERAL, _NO_COMPANY_SHARE)
        company = np.where(chance < none_share, self.companies, company)
        foreign = chance > 1 - _FOREIGN_COMPANY_SHARE
        company[foreign] = rng.integers(0, self.companies, int(foreign.sum()))
        unknown = rng.random(count) < _UNKNOWN_USER_SHARE
        user[unknown] = rng.integers(self.users, self.all_users, int(unknown.sum()))
        travels = rng.random(count) < _TRAVEL_SHARE
        place = np.where(travels, rng.integers(0, self.places, count), self._home[user])
        hour = self._second[rng.integers(0, len(self._second), count)]
        time = np.sort(hour * 3600 + rng.integers(0, 3600, count)) + day * DAY
        chance = rng.random(count)
        late = np.where(chance < _LATE_SHARE, rng.integers(1, 4, count), 0)
        late[chance > 1 - _VERY_LATE_SHARE] = 31
        return Logins(time, user, company, place, late)

    def _weights(self, day: int) -> Floats:
        m = self.memberships
        weights: Floats = m.weight * self._open[m.company, day] * (m.since <= day)
        return weights if weights.any() else m.weight


def _opening_days(rng: np.random.Generator, companies: int, days: int, first_day_of_year: int) -> npt.NDArray[np.bool_]:
    """Whether a company's users log in, by company and day: companies start, pause, return, and some leave."""
    is_open = np.zeros((companies, days), dtype=bool)
    day_of_year = (np.arange(days) + first_day_of_year) % 365
    starts = np.where(rng.random(companies) < 0.35, 0, rng.integers(0, max(1, int(days * 0.8)), companies))
    for company in range(companies):
        is_open[company, starts[company] :] = True
        for _ in range(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])):
            pause = rng.integers(starts[company], days)
            is_open[company, pause : pause + rng.integers(30, 240)] = False
        if rng.random() < 0.15:
            is_open[company, (day_of_year > 180) & (day_of_year < 245)] = False  # closed in summer
        if rng.random() < 0.15:
            is_open[company, rng.integers(starts[company] + (days - starts[company]) // 2, days) :] = False
    return is_open


def _memberships(rng: np.random.Generator, is_open: npt.NDArray[np.bool_], users: int) -> Memberships:
    companies, days = is_open.shape
    size: Floats = rng.lognormal(0.0, 1.3, (companies,))
    count = 1 + (rng.random(users) < 0.16).astype(int) + (rng.random(users) < 0.04)
    user = np.repeat(np.arange(users), count)
    company = rng.choice(companies, len(user), p=size / size.sum())
    user, company = np.unique(np.stack([user, company]), axis=1)
    first = is_open.argmax(axis=1)[company]
    since = np.minimum(first + rng.exponential(days / 5, len(user)).astype(np.int64), days - 1)
    delay = rng.choice(3, len(user), p=[0.62, 0.28, 0.10])
    wait = np.choose(delay, [rng.exponential(900, len(user)), rng.exponential(3 * DAY, len(user)),
                             rng.exponential(45 * DAY, len(user))])  # fmt: skip
    accepted = since * DAY + rng.integers(6 * 3600, 22 * 3600, len(user)) + wait.astype(np.int64)
    accepted[(rng.random(len(user)) < 0.08) | (accepted >= days * DAY)] = NEVER
    return Memberships(user, company, since, accepted, rng.gamma(0.7, 1.0, len(user)) + 0.02)


def acceptance_rows(population: Population) -> tuple[Ints, Ints, Ints]:
    """The rows of user_companies, as three arrays: membership, accepted time (or NEVER) and the day it is known.

    A membership is told of when it begins, again when it is accepted if that is in a later week, sometimes once more
    with an earlier time than was said at first, and sometimes twice.
    """
    m = population.memberships
    rng = np.random.default_rng([population._seed, 2])
    every = np.arange(len(m.user))
    accepted_day = m.accepted // DAY
    waiting = (m.accepted == NEVER) | (accepted_day // 7 > m.since // 7)
    is_accepted = m.accepted != NEVER
    corrected = is_accepted & (rng.random(len(every)) < 0.01)
    repeated = is_accepted & (rng.random(len(every)) < 0.01)
    earlier = np.maximum(m.accepted - rng.integers(DAY // 24, 20 * DAY, len(every)), 0)
    parts: list[tuple[Any, Any, Any]] = [
        (every[waiting], np.full(int(np.count_nonzero(waiting)), NEVER), m.since[waiting]),
        (every[is_accepted], m.accepted[is_accepted], accepted_day[is_accepted]),
        (every[corrected], earlier[corrected], accepted_day[corrected] + rng.integers(14, 60, int(corrected.sum()))),
        (every[repeated], m.accepted[repeated], accepted_day[repeated] + 7),
    ]
    member, accepted, known = (np.concatenate(column) for column in zip(*parts, strict=True))
    return member, accepted, np.minimum(known, population.days - 1)
