"""Glue job ``transactions_forecast``: demand of the next four weeks, and how good such forecasts are and were.

From published sales to a build of ``forecast``, ``forecast_totals`` and ``forecast_accuracy`` that nobody sees yet; the
DAG looks whether it is worth publishing. Every series is forecast at some earlier days too, with what was known then:
the model that did best is the run's. Arguments: --bucket_prefix; --as_of, the last day that may be known (YYYY-MM-DD);
--cutoffs, at how many earlier days.
"""

from __future__ import annotations

import datetime as dt
import sys

import boto3
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from millrace import forecast
from millrace.spark import forecasts
from millrace.spark.forecast_lake import ForecastLake

SLUG = "transactions"

options = getResolvedOptions(sys.argv, ["bucket_prefix", "as_of", "cutoffs"])
spark, session = SparkSession.builder.getOrCreate(), boto3.Session()
lake = ForecastLake(
    spark,
    session,
    options["bucket_prefix"],
    SLUG,
    run=options["JOB_RUN_ID"],
    as_of=dt.date.fromisoformat(options["as_of"]),
)
demand = forecasts.with_totals(lake.sales()).persist()
first, today = demand.agg(F.min("day"), F.max("day")).first()
cutoffs = forecast.origins(first, today, int(options["cutoffs"]))

made = forecasts.forecasts(demand, [*cutoffs, today], today)
now = F.col("origin") == today
backtest = forecasts.measured(made.where(~now), demand, forecasts.BACKTEST).persist()
model = forecasts.best(backtest.collect())

published = lake.published(today)
came_true = forecasts.measured(forecasts.with_baseline(published, demand), demand, forecasts.PUBLISHED)
chosen = F.col("candidate").isin(model, forecasts.PUBLISHED)
accuracy = backtest.unionByName(came_true).withColumns({"chosen": chosen, "model": F.col("candidate")})
best = made.where(now & (F.col("candidate") == model))

lake.write("forecast_accuracy", accuracy, today)
lake.write("forecast_totals", best.where(F.col("level") != forecasts.PRODUCT), today)
days = lake.write("forecast", best.where(F.col("level") == forecasts.PRODUCT), today)
series = demand.where(F.col("level") == forecasts.PRODUCT).select(*forecasts.SERIES).distinct().count()
forecast_series = days // forecast.HORIZON
lake.finish(series, forecast_series)
print(f"{series} series known up to {today}, {forecast_series} of them forecast by {model}; cut-offs: {cutoffs}")
