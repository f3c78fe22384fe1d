"""What the tables of pipeline ``transactions`` are made of, row by row: functions of DataFrames."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace.contracts import Contract
from millrace.spark import redact
from millrace.spark.periods import PERIOD, REGION, SOURCE, TABLE, period
from millrace.spark.raw_text import BLOCK, FILE, ROW

PII_KEY = "millrace/pii-key"
OUTLIER = "OUT"


def without_pii(rows: DataFrame, spark: SparkSession, key: bytes, extra: Sequence[str]) -> DataFrame:
    """The rows with customer_key in place of customer_id, and their texts redacted: notes, and columns nobody knows."""
    redacted = redact.texts(rows, "note", *extra)
    keyed = redact.with_key(redacted, spark, key).withColumn("customer_key", redact.keyed_number(F.col("customer_id")))
    return redact.without_key(keyed).drop("customer_id")


def divided(rows: DataFrame, clean: Contract, outliers: Contract, extra: Sequence[str]) -> DataFrame:
    """The rows with the tables' columns, each with its table, period and region."""
    told = rows.withColumns({
        "amount_missing": F.col("amount").isNull(),
        TABLE: F.when(F.col("status") == OUTLIER, outliers.table).otherwise(clean.table),
        PERIOD: period(F.col("purchase_date"), clean),
    })  # fmt: skip
    columns = [column.name for column in clean.columns if column.name != SOURCE]
    return told.select(*columns, *extra, TABLE, PERIOD, REGION, FILE, BLOCK, ROW)


def daily_sales(purchases: DataFrame) -> DataFrame:
    """Rows of ``daily_sales`` from rows of ``transactions_clean``."""
    completed, refunded = F.col("status") == "COMPLETED", F.col("status") == "REFUNDED"
    nothing = F.lit(0).cast("decimal(12,2)")
    return purchases.groupBy(PERIOD, REGION, "purchase_date", "product_id").agg(
        F.count(F.lit(1)).alias("purchases"),
        F.count_if(completed).alias("completed"),
        F.count_if(refunded).alias("refunds"),
        F.count_if("amount_missing").alias("missing_amounts"),
        F.sum(F.when(completed, F.coalesce("amount", nothing)).otherwise(nothing)).cast("decimal(18,2)").alias("sales"),
        F.sum(F.when(refunded, F.coalesce("amount", nothing)).otherwise(nothing))
        .cast("decimal(18,2)")
        .alias("refunded"),
    )
