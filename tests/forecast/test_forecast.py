"""Forecasts of one series: what is forecast, by what, and what the numbers are."""

import datetime as dt

import numpy as np
import pytest

from millrace import forecast
from millrace.forecast import BANDS, BASELINE, CANDIDATES, HORIZON, TooShort

pytestmark = pytest.mark.usefixtures("library")


def made(history, at=None, first=100):
    """The forecasts of a series, by candidate; made at its last day."""
    history = np.asarray(history, dtype=float)
    origin = first + len(history) - 1 if at is None else at
    return {one.candidate: one for one in forecast.forecasts(first, history, [origin])}


def shop(days=120, level=30.0, seed=1):
    """Purchases by day: a week, a slow trend, and chance."""
    week = np.array([0.8, 0.9, 1.0, 1.0, 1.2, 1.4, 0.7])
    number = np.arange(days)
    return np.random.default_rng(seed).poisson(level * week[number % 7] * (1 + 0.002 * number)).astype(float)


def test_cutoffs_lie_four_weeks_apart_and_leave_four_weeks_to_learn_from():
    last = dt.date(2025, 8, 25)
    days = [dt.date(2025, 6, 2), dt.date(2025, 6, 30), dt.date(2025, 7, 28)]
    assert forecast.origins(dt.date(2025, 1, 1), last, 3) == days
    assert forecast.origins(dt.date(2025, 6, 3), last, 3) == days[1:]
    assert forecast.origins(dt.date(2025, 7, 1), last, 3) == days[2:]
    with pytest.raises(TooShort, match=r"the history has 55 days; a forecast needs 28 to learn from and 28 more"):
        forecast.origins(dt.date(2025, 7, 2), last, 3)


def test_a_day_without_demand_is_a_zero_from_the_first_day_on_and_what_comes_later_is_not_known():
    first, history = forecast.demand(np.array([13, 10, 15]), np.array([2.0, 1.0, 7.0]), 14)
    assert (first, history.tolist()) == (10, [1, 0, 0, 2, 0])


def test_the_baseline_is_each_day_as_a_week_before_and_has_no_intervals():
    history = np.r_[np.zeros(14), np.arange(7.0)]
    mean, *bounds = made(history)[BASELINE].bands
    assert mean.tolist() == list(range(7)) * 4
    assert np.isnan(bounds).all()


@pytest.mark.parametrize("level", [0.1, 2.0, 30.0])
def test_intervals_are_around_each_other_and_never_below_zero(level):
    for candidate in CANDIDATES:
        for seed in range(10):
            mean, lo_80, hi_80, lo_95, hi_95 = made(shop(level=level, seed=seed))[candidate].bands
            assert mean.shape == (HORIZON,)
            assert (lo_95 >= 0).all() and (lo_95 <= lo_80).all() and (lo_80 <= mean).all()
            assert (mean <= hi_80).all() and (hi_80 <= hi_95).all() and (hi_95 > 0).any()


def test_exponential_smoothing_beats_the_baseline_and_its_intervals_hold_what_they_say():
    wrong = dict.fromkeys((BASELINE, *CANDIDATES), 0.0)
    inside = {80: 0, 95: 0}
    for seed in range(30):
        series = shop(148, seed=seed)
        true = series[120:]
        for candidate, one in made(series[:120]).items():
            bands = dict(zip(BANDS, one.bands, strict=True))
            wrong[candidate] += np.abs(bands["mean"] - true).sum()
            for level in inside if candidate == "ets" else ():
                inside[level] += ((bands[f"lo_{level}"] <= true) & (true <= bands[f"hi_{level}"])).sum()
    assert wrong["ets"] < 0.9 * wrong[BASELINE]
    assert 0.75 < inside[80] / (30 * HORIZON) < 0.9
    assert 0.9 < inside[95] / (30 * HORIZON) < 0.99


def test_what_is_known_later_changes_nothing():
    series = shop(148)
    before = made(series[:120])
    after = made(series, at=100 + 119)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name].bands, after[name].bands, equal_nan=True) for name in before)


@pytest.mark.parametrize(
    ("history", "models"),
    [
        (shop(13), {}),
        (shop(14), {BASELINE: BASELINE, "ets": "recent", "recent": "recent"}),
        (shop(27), {BASELINE: BASELINE, "ets": "recent", "recent": "recent"}),
        (shop(28), {BASELINE: BASELINE, "ets": "ets", "recent": "recent"}),
        (np.r_[shop(60), np.zeros(55)], {BASELINE: BASELINE, "ets": "ets", "recent": "recent"}),
        (np.r_[shop(60), np.zeros(56)], {}),
    ],
)
def test_young_series_have_their_mean_and_those_too_young_or_ended_have_none(history, models):
    assert {name: one.model for name, one in made(history).items()} == models


@pytest.mark.parametrize("history", [np.ones(60), np.r_[np.zeros(59), 1.0], np.r_[9.0, np.zeros(40)], np.arange(40.0)])
def test_degenerate_series_have_numbers_too(history):
    found = made(history)
    assert all(np.isfinite(found[name].bands).all() for name in CANDIDATES)


def test_recent_is_the_mean_of_four_weeks():
    history = shop(60, level=9)
    assert made(history)["recent"].bands[0].tolist() == [round(history[-28:].mean(), 3)] * HORIZON


def test_sums_of_many_series_are_smoothed_whatever_the_candidate():
    history = shop(60)
    found = {one.candidate: one for one in forecast.forecasts(0, history, [59], whole=True)}
    assert [found[name].model for name in CANDIDATES] == ["ets", "ets"]
    assert np.array_equal(found["ets"].bands, found["recent"].bands)
