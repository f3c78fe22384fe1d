"""Many series side by side, in Spark: levels, scaling, and what is measured."""

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from millrace import forecast

DAY = dt.date(2025, 3, 31)


def day(number):
    return DAY + dt.timedelta(days=number)


@pytest.fixture(scope="module")
def forecasts():
    from millrace.spark import forecasts

    return forecasts


@pytest.fixture
def workers(library, spark):
    """Lets Spark's workers find the library too."""
    import statsforecast

    environment = spark.sparkContext.environment
    before = environment["PYTHONPATH"]
    environment["PYTHONPATH"] = os.pathsep.join([before, str(Path(statsforecast.__file__).parent.parent)])
    yield
    environment["PYTHONPATH"] = before


def sales(spark, days=90, seed=5):
    """Two products in two regions."""
    chance = np.random.default_rng(seed)
    rows = [
        (region, product, day(-ago), int(chance.poisson(level * (1.5 if ago % 7 < 2 else 0.8))))
        for region, product, level in (("EUROPE", "P1", 9), ("EUROPE", "P2", 2), ("APAC", "P1", 4))
        for ago in range(days)
    ]
    return spark.createDataFrame(rows, "region string, product_id string, day date, demand bigint")


def test_levels_are_the_sums_of_what_is_in_them(spark, forecasts):
    rows = [("EUROPE", "P1", DAY, 2), ("EUROPE", "P2", DAY, 3), ("APAC", "P1", DAY, 4), ("APAC", "P1", day(-1), 5)]
    given = spark.createDataFrame(rows, "region string, product_id string, day date, demand bigint")
    found = sorted(tuple(row) for row in forecasts.with_totals(given).collect())
    assert found == sorted(
        [
            *(("product", *row) for row in rows),
            ("region", "EUROPE", "ALL", DAY, 5),
            ("region", "APAC", "ALL", DAY, 4),
            ("region", "APAC", "ALL", day(-1), 5),
            ("total", "ALL", "ALL", DAY, 9),
            ("total", "ALL", "ALL", day(-1), 5),
        ]
    )


def test_parts_add_up_to_their_whole_and_the_same_again_gives_the_same(spark, workers, forecasts):
    demand = forecasts.with_totals(sales(spark))
    made, again = (forecasts.forecasts(demand, [day(-28), DAY], DAY).collect() for _ in range(2))
    assert sorted(map(tuple, made), key=str) == sorted(map(tuple, again), key=str)
    # Of each of three products, two regions and all: two days, three models, four weeks.
    assert len(made) == 6 * 2 * 3 * forecast.HORIZON
    mean = {(r["level"], r["region"], r["product_id"], r["origin"], r["candidate"], r["day"]): r["mean"] for r in made}
    for (level, region, _, *key), value in mean.items():
        if level == "product" or key[1] == forecast.BASELINE:
            continue
        below = {"total": "region", "region": "product"}[level]
        parts = [
            part
            for (of_level, of_region, _, *rest), part in mean.items()
            if (of_level, rest) == (below, key) and region in ("ALL", of_region)
        ]
        assert abs(sum(parts) - value) <= Decimal("0.001") * len(parts)
    assert all(0 <= r["lo_95"] <= r["lo_80"] <= r["mean"] <= r["hi_80"] <= r["hi_95"] for r in made if r["lo_80"])
    europe = [r["mean"] for r in made if (r["product_id"], r["candidate"]) == ("P2", "ets") and r["origin"] == DAY]
    assert len(set(europe)) > 6  # sells too little for a week of its own, and has its region's


def test_a_series_that_is_too_young_is_in_the_sums_and_not_forecast(spark, workers, forecasts):
    new = spark.createDataFrame([("APAC", "P9", DAY, 3)], "region string, product_id string, day date, demand bigint")
    demand = forecasts.with_totals(sales(spark).unionByName(new))
    made = forecasts.forecasts(demand, [DAY], DAY)
    assert {row[0] for row in made.select("product_id").distinct().collect()} == {"P1", "P2", "ALL"}


def test_what_is_measured_is_exact(spark, forecasts):
    bands = ", ".join(f"{band} decimal(14,3)" for band in forecast.BANDS)
    shape = f"level string, region string, product_id string, origin date, candidate string, day date, {bands}"

    def row(product, ahead, *values, candidate="ets"):
        return ("product", "APAC", product, DAY, candidate, day(ahead), *(v and Decimal(v) for v in values))

    made = spark.createDataFrame(
        [
            row("P1", 1, "2.5", "2", "3", "1", "4"),  # 4 came: 1.5 too few, within 95 %
            row("P1", 2, "1", "0", "2", "0", "3"),  # nothing came: 1 too many, within both
            row("P1", 8, "1", "0", "2", "0", "3"),  # 9 came, outside, in the second week
            row("P1", 1, "3", None, None, None, None, candidate="seasonal_naive"),
        ],
        shape,
    )
    demand = spark.createDataFrame(
        [
            ("product", "APAC", "P1", day(1), 4),
            ("product", "APAC", "P1", day(8), 9),
            ("product", "APAC", "P2", day(1), 7),
        ],
        "level string, region string, product_id string, day date, demand bigint",
    )
    rows = forecasts.measured(made, demand, forecasts.BACKTEST).collect()
    found = {(r["candidate"], r["weeks_ahead"]): tuple(r[name] for name in forecasts.MEASURES) for r in rows}
    assert found == {
        ("ets", 1): (2, 4, Decimal("3.5"), Decimal("2.5"), 1, 2),
        ("ets", 2): (1, 9, Decimal(1), Decimal(8), 0, 0),
        ("seasonal_naive", 1): (1, 4, Decimal(3), Decimal(1), None, None),
    }
    assert {(r["level"], r["origin"], r["kind"]) for r in rows} == {("product", DAY, "backtest")}


def test_beside_a_published_forecast_stands_what_the_week_before_it_would_have_said(spark, forecasts):
    bands = ", ".join(f"{band} decimal(14,3)" for band in forecast.BANDS)
    shape = f"level string, region string, product_id string, origin date, candidate string, day date, {bands}"
    published = spark.createDataFrame(
        [
            ("product", "APAC", "P1", DAY, "published", day(ahead), *[Decimal(1)] * len(forecast.BANDS))
            for ahead in (1, 7, 8, 28)
        ],
        shape,
    )
    rows = [("product", "APAC", "P1", day(-6), 5), ("product", "APAC", "P1", day(1), 99)]
    demand = spark.createDataFrame(rows, "level string, region string, product_id string, day date, demand bigint")
    found = forecasts.with_baseline(published, demand).where("candidate = 'seasonal_naive'").collect()
    assert {row["day"]: row["mean"] for row in found} == {day(1): 5, day(7): 0, day(8): 5, day(28): 0}
    assert {row["lo_80"] for row in found} == {None}


def test_the_best_is_the_candidate_with_the_least_error_over_products(forecasts):
    rows = [
        {"level": "product", "candidate": "ets", "absolute_error": 5},
        {"level": "product", "candidate": "ets", "absolute_error": 6},
        {"level": "product", "candidate": "recent", "absolute_error": 10},
        {"level": "region", "candidate": "recent", "absolute_error": 100},
        {"level": "product", "candidate": "seasonal_naive", "absolute_error": 0},
    ]
    assert forecasts.best(rows) == "recent"
