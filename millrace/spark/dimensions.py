"""What star schemas have in common: clean texts, a dimension of days, and the member that stands for none."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace.spark.scd2 import UNKNOWN


def clean(table: DataFrame) -> DataFrame:
    """Texts without white space at their ends; one that is empty then is null. Line ends within them stay."""
    return table.select(
        *(
            F.nullif(F.regexp_replace(name, r"^\s+|\s+$", ""), F.lit("")).alias(name)
            if kind == "string"
            else F.col(name)
            for name, kind in table.dtypes
        )
    )


def dates(spark: SparkSession, first: dt.date | None, last: dt.date | None) -> DataFrame:
    """Every day of the years from the first date's to the last one's; only the member for none if there is no date."""
    begin, end = (f"{first.year:04}-01-01", f"{last.year:04}-12-31") if first and last else ("", "")
    days = spark.sql(f"SELECT explode(sequence(CAST('{begin}' AS date), CAST('{end}' AS date), INTERVAL 1 DAY)) AS day")
    weekday = F.weekday("day") + 1
    every = days.select(
        date_key("day").alias("date_key"),
        "day",
        F.year("day").alias("year"),
        F.quarter("day").alias("quarter"),
        F.month("day").alias("month"),
        F.concat(F.year("day"), F.lit("-Q"), F.quarter("day")).alias("year_quarter"),
        F.date_format("day", "yyyy-MM").alias("year_month"),
        F.date_format("day", "MMMM").alias("month_name"),
        F.weekofyear("day").alias("iso_week"),
        weekday.alias("weekday"),
        F.date_format("day", "EEEE").alias("weekday_name"),
        (weekday >= 6).alias("is_weekend"),
    )
    return with_member(every, date_key=UNKNOWN)


def date_key(day: str) -> Column:
    """20040131 for 31 January 2004; -1 for null."""
    return F.coalesce(F.date_format(day, "yyyyMMdd").cast("bigint"), F.lit(UNKNOWN))


def known(rows: DataFrame, *keys: str) -> DataFrame:
    """The rows with the unknown member where a key found none."""
    return rows.withColumns({key: F.coalesce(key, F.lit(UNKNOWN)) for key in keys})


def with_member(rows: DataFrame, **values: object) -> DataFrame:
    """The rows and one more of these values; the columns that it lacks are null."""
    one = rows.sparkSession.range(1).select(*(F.lit(value).alias(name) for name, value in values.items()))
    return rows.unionByName(one, True)
