"""Many series forecast side by side: products of regions, the regions, and all together; and how good that was.

A product of a region sells so little that a season or trend cannot be seen in it; in its region they can. So each level
is forecast by itself, and then from the top down the parts are scaled, day by day, to add up to their whole: products
sell as they do, at the week and trend of their region. The baseline is left as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from millrace import forecast
from millrace.forecast import BANDS, BASELINE, HORIZON

ALL = "ALL"
PRODUCT, REGION, TOTAL = "product", "region", "total"  # levels
SERIES = ("level", "region", "product_id")
MADE = ("origin", "candidate", "day")
EXACT = "decimal(14,3)"  # sums of which are the same in any order
_EPOCH = "DATE '1970-01-01'"
_FORECASTS = (
    "level string, region string, product_id string, origin int, candidate string, model string, day int, "
    + ", ".join(f"{band} double" for band in BANDS)
)
BACKTEST, PUBLISHED = "backtest", "published"
MEASURES = ("points", "demand", "forecast", "absolute_error", "inside_80", "inside_95")


def with_totals(sales: DataFrame) -> DataFrame:
    """SERIES, day, demand, of rows with region, product_id, day and demand: of products, of regions and of all."""
    level = (F.lit(PRODUCT), F.col("region"), F.col("product_id"))
    region = (F.lit(REGION), F.col("region"), F.lit(ALL))
    total = (F.lit(TOTAL), F.lit(ALL), F.lit(ALL))
    levels = [
        sales.groupBy(*(column.alias(name) for name, column in zip(SERIES, columns, strict=True)), "day").agg(
            F.sum("demand").cast("bigint").alias("demand")
        )
        for columns in (level, region, total)
    ]
    return reduce(DataFrame.unionByName, levels)


def forecasts(demand: DataFrame, at: Sequence[dt.date], until: dt.date) -> DataFrame:
    """SERIES, MADE, model and BANDS of every series: at each day by the baseline and each candidate, scaled."""
    made_at, last = [_number(day) for day in at], _number(until)

    def of_series(rows: Any) -> Any:
        import pandas as pd  # type: ignore[import-untyped]  # which workers have, and the function travels to them

        first, history = forecast.demand(rows["number"].to_numpy(), rows["demand"].to_numpy(), last)
        whole = rows["level"].iloc[0] != PRODUCT
        made = list(forecast.forecasts(first, history, made_at, whole=whole))
        count = len(made) * HORIZON
        # Arrays of objects, since some versions of pandas make of texts what Spark cannot read.
        columns: dict[str, Any] = {name: np.full(count, rows[name].iloc[0], dtype=object) for name in SERIES}
        for name in ("candidate", "model"):
            columns[name] = np.repeat(np.array([getattr(one, name) for one in made], dtype=object), HORIZON)
        columns["origin"] = np.repeat(np.array([one.origin for one in made], dtype=np.int64), HORIZON)
        columns["day"] = columns["origin"] + np.tile(np.arange(1, HORIZON + 1), len(made))
        bands = np.concatenate([np.empty((len(BANDS), 0)), *(one.bands for one in made)], axis=1)
        return pd.DataFrame({**columns, **dict(zip(BANDS, bands, strict=True))})

    numbered = demand.select(*SERIES, F.datediff("day", F.expr(_EPOCH)).alias("number"), "demand")
    # A fixed number of parts: few rows are much work here, and Spark would put them together.
    parts = 4 * demand.sparkSession.sparkContext.defaultParallelism
    made = numbered.repartition(parts, *SERIES).groupBy(*SERIES).applyInPandas(of_series, _FORECASTS)
    exact = [F.when(~F.isnan(band), F.col(band)).cast(EXACT).alias(band) for band in BANDS]
    dates = [F.expr(f"date_add({_EPOCH}, {name})").alias(name) for name in ("origin", "day")]
    return _scaled(made.select(*SERIES, "candidate", "model", *dates, *exact).persist()).persist()


def _scaled(made: DataFrame) -> DataFrame:
    """With the parts adding up to their whole: regions to all, then products to regions."""
    level = {name: made.where(F.col("level") == name) for name in (PRODUCT, REGION, TOTAL)}
    regions = _to_whole(level[REGION], level[TOTAL], [])
    products = _to_whole(level[PRODUCT], regions, ["region"])
    return level[TOTAL].unionByName(regions).unionByName(products)


def _to_whole(parts: DataFrame, whole: DataFrame, by: Sequence[str]) -> DataFrame:
    key = [*by, *MADE]
    sums = parts.groupBy(*key).agg(F.sum("mean").alias("_sum"))
    wholes = whole.select(*key, F.col("mean").alias("_whole"))
    factors = (
        sums.join(wholes, key)
        .where(F.col("candidate") != BASELINE)
        .select(
            *key,
            F.when(F.col("_sum") > 0, F.col("_whole").cast("double") / F.col("_sum").cast("double")).alias("_factor"),
        )
    )
    factor = F.coalesce("_factor", F.lit(1.0))
    scaled = parts.join(F.broadcast(factors), key, "left")
    bands = {band: (F.col(band).cast("double") * factor).cast(EXACT) for band in BANDS}
    return scaled.withColumns(bands).select(*parts.columns)


def measured(made: DataFrame, demand: DataFrame, kind: str) -> DataFrame:
    """How forecasts did against what came true, a day without demand being a zero; one row for each week ahead.

    made: SERIES, MADE and BANDS, of days that are over. Gives kind, level, origin, candidate, weeks_ahead, MEASURES.
    """
    true = made.join(demand, [*SERIES, "day"], "left").withColumn("demand", F.coalesce("demand", F.lit(0)))
    week = F.ceil(F.datediff("day", "origin") / 7).cast("bigint").alias("weeks_ahead")
    return (
        true.groupBy("level", "origin", "candidate", week)
        .agg(
            F.count("*").alias("points"),
            F.sum("demand").alias("demand"),
            F.sum("mean").cast("decimal(18,3)").alias("forecast"),
            F.sum(F.abs(F.col("mean") - F.col("demand"))).cast("decimal(18,3)").alias("absolute_error"),
            *(_inside(level) for level in forecast.LEVELS),
        )
        .withColumn("kind", F.lit(kind))
    )


def _inside(level: int) -> Column:
    """How many days were within an interval; null for the baseline, which has none."""
    held = F.col("demand").between(F.col(f"lo_{level}"), F.col(f"hi_{level}"))
    return F.sum(held.cast("bigint")).alias(f"inside_{level}")


def with_baseline(published: DataFrame, demand: DataFrame) -> DataFrame:
    """Published forecasts, and beside each what the baseline would have said on the day that it was made."""
    said = published.withColumn("_day", F.expr("date_add(day, -7 * int(ceil(datediff(day, origin) / 7)))"))
    before = demand.select(*SERIES, F.col("day").alias("_day"), F.col("demand").alias("_demand"))
    naive = said.join(before, [*SERIES, "_day"], "left").withColumns(
        {
            "candidate": F.lit(BASELINE),
            "mean": F.coalesce("_demand", F.lit(0)).cast(EXACT),
            **{band: F.lit(None).cast(EXACT) for band in BANDS if band != "mean"},
        }
    )
    return published.unionByName(naive.select(*published.columns))


def best(backtest: Iterable[Any]) -> str:
    """The candidate whose backtest has the lowest absolute error over products; the first of equals."""
    errors = dict.fromkeys(forecast.CANDIDATES, 0)
    for row in backtest:
        if row["level"] == PRODUCT and row["candidate"] in errors:
            errors[row["candidate"]] += row["absolute_error"]
    return min(errors, key=lambda candidate: errors[candidate])


def _number(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days
