"""What a forecast reads of the lake, and the build that it leaves: partitions by the day that it was made on.

Nothing here is seen by readers until the DAG publishes it (``millrace.builds``). A run for the same day replaces what
was made on that day, and earlier forecasts stay, to be held against what came true.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace import contracts, loads, publish
from millrace.builds import Build, BuiltTable
from millrace.forecast import BANDS
from millrace.loads import LoadError
from millrace.spark import forecasts
from millrace.spark.lake import conformed, schema

DEMAND = "completed"  # of daily_sales: purchases that were not cancelled or taken back, with an amount or without
_TRACKED_DAYS = 182  # how long a published forecast is held against what came true
_FILE_ROWS = 2_000_000
_TYPES = {"origin": "date", "day": "date", **dict.fromkeys(BANDS, forecasts.EXACT)}


class ForecastLake:
    """The lake of one run. session: a boto3 session; as_of: the last day that the run may know of."""

    def __init__(
        self, spark: SparkSession, session: Any, bucket_prefix: str, slug: str, *, run: str, as_of: dt.date
    ) -> None:
        self._spark = spark
        self._s3, self._glue = session.client("s3"), session.client("glue")
        self._prefix, self._slug, self._run, self._as_of = bucket_prefix, slug, run, as_of
        self._built: dict[str, BuiltTable] = {}
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")

    def sales(self) -> DataFrame:
        """region, product_id, day and demand as they are published. Raises LoadError where there are none yet."""
        known = self._as_of.isoformat()
        periods = self._folders("daily_sales").items()
        folders = [folder for (period, _), folder in periods if period <= known[: len(period)]]
        none = LoadError(f"{self._slug}.daily_sales has nothing up to {known}: run the DAG {self._slug} first")
        if not folders:
            raise none
        rows = self._read("daily_sales", folders, "region string").select(
            "region", "product_id", F.col("purchase_date").alias("day"), F.col(DEMAND).alias("demand")
        )
        sales = rows.where((F.col("day") <= F.lit(self._as_of)) & (F.col("demand") > 0))
        if sales.isEmpty():
            raise none
        return sales

    def published(self, until: dt.date) -> DataFrame:
        """SERIES, MADE and BANDS of the forecasts of the last half year that were published before this one.

        Of them the days that are over, which end with `until`.
        """
        since = until - dt.timedelta(days=_TRACKED_DAYS)
        return self._earlier("forecast", forecasts.PRODUCT, since, until).unionByName(
            self._earlier("forecast_totals", forecasts.TOTAL, since, until)
        )

    def write(self, table: str, rows: DataFrame, made_on: dt.date) -> int:
        """Write a table's part of the build, its rows in the order of their key; how many there are."""
        contract = contracts.get(self._slug, table)
        order = [name for name in contract.key if name != "made_on"]
        folder = f"{contract.uri(self._prefix)}build={self._run}/made_on={made_on}/"
        done = conformed(rows, contract).persist()
        count: int = done.count()
        parts = done.coalesce(1) if count <= _FILE_ROWS else done.repartitionByRange(-(-count // _FILE_ROWS), *order)
        parts.sortWithinPartitions(*order).write.mode("overwrite").parquet(folder, compression="zstd")
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        objects = [f"s3://{bucket}/{key}" for key in keys if key.endswith(".parquet")]
        self._built[table] = BuiltTable(objects, [(made_on.isoformat(),)])
        return count

    def finish(self, series: int, forecast: int) -> None:
        """Leave the manifest and the ledger: of all series, how many are forecast, and that the others are not."""
        row = {
            "pipeline": self._slug,
            "table": "forecast",
            "key": self._run,
            "status": "loaded",
            "reason": f"{series - forecast} of the series are too young or have ended" if series > forecast else None,
            "rows_in": series,
            "rows_out": forecast,
            "rows_rejected": series - forecast,
            "target": f"{contracts.get(self._slug, 'forecast').uri(self._prefix)}build={self._run}/",
            "rejects": None,
        }
        processed = f"{self._prefix}-processed"
        Build(self._slug, self._run, self._built).save(self._s3, processed)
        self._s3.put_object(Bucket=processed, Key=loads.run_key(self._slug, self._run), Body=json.dumps([row]).encode())

    def _earlier(self, table: str, level: str, since: dt.date, until: dt.date) -> DataFrame:
        names = [*forecasts.SERIES, *forecasts.MADE, *BANDS]
        folders = [
            folder
            for (made_on,), folder in self._folders(table).items()
            if since.isoformat() <= made_on < until.isoformat()
        ]
        if not folders:
            return self._spark.createDataFrame([], ", ".join(f"{name} {_TYPES.get(name, 'string')}" for name in names))
        rows = self._read(table, folders, "made_on string").where(F.col("day") <= F.lit(until))
        if level == forecasts.TOTAL:
            everywhere = F.col("region") == forecasts.ALL
            kind = F.when(everywhere, forecasts.TOTAL).otherwise(forecasts.REGION)
            rows = rows.withColumns({"level": kind, "product_id": F.lit(forecasts.ALL)})
        else:
            rows = rows.withColumn("level", F.lit(level))
        return rows.withColumns({"origin": F.to_date("made_on"), "candidate": F.lit(forecasts.PUBLISHED)}).select(
            *names
        )

    def _read(self, table: str, folders: list[str], partition: str) -> DataFrame:
        """A table's rows from these folders, with one of its partition columns."""
        contract = contracts.get(self._slug, table)
        root = f"s3://{self._prefix}-{contract.location.split('/')[0]}/"
        wanted = f"{schema(contract)}, {partition}"
        return self._spark.read.option("basePath", root).schema(wanted).parquet(*folders)

    def _folders(self, table: str) -> dict[tuple[str, ...], str]:
        return publish.partitions_of(self._glue, self._slug, table)
