"""Forecasts of one series of daily demand, made at some day with what was known on it. Pure Python, without Spark.

Days are numbers, counted from 1970-01-01. A series lives from its first day with demand; within its life a day without
is a zero. Models are statsforecast's; equal series give equal forecasts.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HORIZON = 28  # days
WEEK = 7
LEVELS = (80, 95)  # per cent
BASELINE = "seasonal_naive"  # each day as a week before, which a forecast must beat to be of use
CANDIDATES = ("ets", "recent")  # exponential smoothing; the mean of the last four weeks
WHOLE = "ets"  # what every candidate forecasts sums of many series with, in which week and trend are plain
SHORT = "recent"  # what stands for a candidate where a series is too short for it
BANDS = ("mean", "lo_80", "hi_80", "lo_95", "hi_95")

_MIN_DAYS = 14  # a shorter life is not forecast
_SHORT_DAYS = 28  # a shorter one is forecast by SHORT
_RECENT_DAYS = 28
_ENDED_DAYS = 56  # without demand for so long a series has ended
_SEASONAL_FROM = 5.0  # a day; of less, the days of the week cannot be told from chance
_DECIMALS = 3


@dataclass(frozen=True)
class Forecast:
    """One model's forecast. candidate: for which it stands; bands: BANDS × HORIZON, from the day after the origin."""

    origin: int
    candidate: str
    model: str
    bands: Floats


class TooShort(ValueError):
    """The history is too short for its forecasts to be measured."""


def origins(first: dt.date, last: dt.date, cutoffs: int) -> list[dt.date]:
    """The days at which a backtest's forecasts are made, each a horizon after the one before; the last day ends one.

    As many as `cutoffs`, or fewer where less than four weeks would lie before. Raises TooShort where there is none.
    """
    wanted = [last - dt.timedelta(days=HORIZON * number) for number in range(cutoffs, 0, -1)]
    found = [origin for origin in wanted if (origin - first).days + 1 >= _SHORT_DAYS]
    if not found:
        raise TooShort(
            f"the history has {(last - first).days + 1} days; a forecast needs {_SHORT_DAYS} to learn from "
            f"and {HORIZON} more to be measured by. Run again when there are more"
        )
    return found


def demand(days: Ints, counts: Floats, until: int) -> tuple[int, Floats]:
    """A series from its first day to `until`: that day, and the demand of each day, 0 where there was none."""
    first = int(days.min())
    found = np.zeros(until - first + 1)
    known = days <= until
    np.add.at(found, days[known] - first, counts[known])
    return first, found


def forecasts(first: int, history: Floats, at: Sequence[int], *, whole: bool = False) -> Iterator[Forecast]:
    """The baseline's and each candidate's forecasts, made at some days; none where the series is too young or ended.

    whole: the series is a sum of many.
    """
    for origin in at:
        known = history[: max(0, origin - first + 1)]
        if len(known) < _MIN_DAYS or not known[-_ENDED_DAYS:].any():
            continue
        yield Forecast(origin, BASELINE, BASELINE, _naive(known))
        for candidate in CANDIDATES:
            model = SHORT if len(known) < _SHORT_DAYS else WHOLE if whole else candidate
            bands = _bands(model, known)
            if not np.isfinite(bands).all():  # a degenerate series, such as one that never changes
                model, bands = SHORT, _bands(SHORT, known)
            yield Forecast(origin, candidate, model, bands)


def _naive(history: Floats) -> Floats:
    """Each day as the same day of the last week; its spread is not asked for, which spares most of its time."""
    mean = np.tile(history[-WEEK:], HORIZON // WEEK)
    return np.vstack([mean, np.full((len(BANDS) - 1, HORIZON), np.nan)])


def _bands(model: str, history: Floats) -> Floats:
    """BANDS × HORIZON: nothing below zero, and each interval around what it should hold."""
    if model == "recent":
        history = history[-_RECENT_DAYS:]
    seasonal = bool(history[-_ENDED_DAYS:].mean() >= _SEASONAL_FROM)
    with np.errstate(all="ignore"):
        found = _model(model, seasonal).forecast(y=history, h=HORIZON, level=list(LEVELS))
    mean = np.maximum(found["mean"], 0.0)
    bands = [mean]
    low = high = mean
    for level in LEVELS:
        low = np.minimum(np.maximum(found[f"lo-{level}"], 0.0), low)
        high = np.maximum(found[f"hi-{level}"], high)
        bands += [low, high]
    return np.round(np.vstack(bands), _DECIMALS)


@functools.cache
def _model(name: str, seasonal: bool) -> Any:
    """A model of statsforecast. What sells little has no week of its own: scaling gives it that of its region."""
    from statsforecast import models  # which takes seconds, and which only those need who forecast

    if name == "recent":
        return models.HistoricAverage()
    assert name == "ets", name
    if seasonal:
        return models.AutoETS(season_length=WEEK, model="ANA")
    return models.AutoETS(season_length=1, model="ANN")
