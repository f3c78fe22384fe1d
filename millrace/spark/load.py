"""Load a derived table from the converted uploads of its source: the job of every pipeline that goes by contracts.

Each load writes a folder of its own, looks at what it wrote, and only then switches the catalog to it. Only then are
its uploads marked as published, so a load that dies at any point is done again by the next one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace import contracts, increments, loads, publish
from millrace.increments import Increment
from millrace.loads import LoadError
from millrace.published import Published
from millrace.spark import rows

PII_KEY = "millrace/pii-key"


@dataclass(frozen=True)
class Build:
    """What a load wrote. dates: the partitions that it made anew; rows: in its folder; counts: of what was read."""

    folder: str
    dates: list[str]
    rows: int
    counts: dict[str, Any]


class Load:
    """Loads one table. session: a boto3 session; run: names this run in the ledger; rebuild: from the beginning."""

    def __init__(
        self,
        spark: SparkSession,
        session: Any,
        bucket_prefix: str,
        slug: str,
        table: str,
        *,
        run: str,
        rebuild: bool = False,
    ) -> None:
        self._spark = spark
        self._s3, self._glue, self._secrets = (session.client(name) for name in ("s3", "glue", "secretsmanager"))
        self._prefix = bucket_prefix
        self._run = run
        self._rebuild = rebuild
        self._ledger: list[dict[str, Any]] = []
        self.target = contracts.get(slug, table)
        if self.target.source is None:
            raise ValueError(f"datasets/{slug}/{table}.yaml has no `from`, so there is nothing to load it from")
        self.source = contracts.get(slug, self.target.source)
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")

    def increments(self) -> Iterator[Increment]:
        """What is to be loaded, as long as there is something: more may be converted while this runs."""
        again = self._rebuild
        while increment := increments.pending(self._s3, self._prefix, self.source, again=again):
            yield increment
            again = False
        _say(f"ledger: {json.dumps(self._ledger)}")
        key = loads.run_key(self.target.pipeline, self._run)
        self._s3.put_object(Bucket=f"{self._prefix}-processed", Key=key, Body=json.dumps(self._ledger).encode())

    def read(self, increment: Increment) -> DataFrame:
        """The rows of the converted uploads, judged by the target's key and rules."""
        if not increment.files:
            empty = ", ".join(f"`{column.name}` {column.type}" for column in self.source.columns)
            return rows.judged(
                rows.located(self._spark.createDataFrame([], f"{empty}, {rows.UNREADABLE} string")), self.target
            )
        return rows.judged(rows.read_csv(self._spark, self.source, increment.files), self.target).persist()

    def build(self, increment: Increment, judged: DataFrame) -> Build:
        """Write the rows that are kept, and what stays of older partitions that lose rows to them."""
        _say(f"reading {len(increment.files)} files of {len(increment.dates)} days")
        counts = rows.counts(judged, self.target)
        _say(f"of {counts['read']} rows {counts['kept']} are kept")
        if counts["read"] != increment.rows or counts["unreadable"]:
            raise LoadError(
                f"{self.source.table}: the ledger tells of {increment.rows} rows in {len(increment.files)} files, but "
                f"{counts['read']} were read, {counts['unreadable']} of them unlike the contract: convert them again"
            )
        chosen = rows.selected(judged, self.target, self._pii_key()).persist()
        table = chosen.where(rows.KEPT).drop(rows.KEPT, rows.NEWEST)
        stay, touched = self._older(increment, chosen.where(rows.NEWEST).select(*self.target.key))
        if stay is not None:
            table = table.unionByName(stay)
        folder = f"{self.target.uri(self._prefix)}build={dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}/"
        files = table.repartition(rows.DATE).sortWithinPartitions(*self.target.key)
        files.write.partitionBy(rows.DATE).parquet(folder, compression="zstd")
        _say(f"wrote {folder}")
        expected = counts["kept"] + (stay.count() if stay is not None else 0)
        return Build(folder, sorted({*increment.dates, *touched}), expected, counts)

    def publish(self, increment: Increment, build: Build) -> None:
        """Look at what was written, switch the catalog to it, and mark the uploads as published."""
        written = self._written(build.folder)
        if written or build.rows:
            self._check(build)
        switched = None if increment.whole else [(date,) for date in build.dates]
        publish.switch(self._glue, self._s3, self.target.pipeline, self.target.table, written, switched, build.folder)
        _say("switched the catalog")
        Published(self._s3, f"{self._prefix}-processed", self.target.pipeline).add(increment.uploads)
        self._ledger.append(self._account(increment, build))
        self._spark.catalog.clearCache()

    def _older(self, increment: Increment, new_keys: DataFrame) -> tuple[DataFrame | None, list[str]]:
        """What stays of the published partitions that hold new keys, and these partitions' dates."""
        known = publish.partitions_of(self._glue, self.target.pipeline, self.target.table)
        folders = [place for (date,), place in known.items() if date not in increment.dates]
        if increment.whole or not folders:
            return None, []
        schema = ", ".join(f"`{column.name}` {column.type}" for column in self.target.columns)
        older = rows.dated(self._spark.read.schema(schema).parquet(*folders))
        again = rows.having(older, new_keys, "semi")
        touched = [row[0] for row in again.select(rows.DATE).distinct().collect()]
        if not touched:
            return None, []
        return rows.having(older.where(F.col(rows.DATE).isin(touched)), new_keys, "anti").persist(), touched

    def _check(self, build: Build) -> None:
        """Raise LoadError unless the folder holds the rows that it should, each key once and no required value null."""
        needed = [column.name for column in self.target.columns if column.required]
        nulls = [F.count_if(F.col(name).isNull()).alias(f"null {name}") for name in needed]
        written = self._spark.read.parquet(build.folder)
        found = written.agg(
            F.count("*").alias("rows"), F.count_distinct(F.struct(*self.target.key)).alias("keys"), *nulls
        ).first()
        assert found is not None
        wanted = {"rows": build.rows, "keys": build.rows, **{f"null {name}": 0 for name in needed}}
        if wrong := [f"{name} {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]]:
            raise LoadError(f"{self.target.table}: {build.folder} is not published: {', '.join(wrong)}")

    def _written(self, folder: str) -> list[str]:
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [f"s3://{bucket}/{key}" for key in keys if key.endswith(".parquet")]

    def _pii_key(self) -> bytes:
        """The key of the keyed hashes; not asked for where nothing is hashed."""
        if not any(column.hash for column in self.target.columns):
            return b""
        return str(self._secrets.get_secret_value(SecretId=PII_KEY)["SecretString"]).encode()

    def _account(self, increment: Increment, build: Build) -> dict[str, Any]:
        """The ledger row of a load."""
        counts = build.counts
        left_out = [f"{count} left out by {rule}" for rule, count in counts["rules"].items() if count]
        superseded = [f"{counts['superseded']} superseded by newer ones"] if counts["superseded"] else []
        return {
            "pipeline": self.target.pipeline,
            "table": self.target.table,
            "key": build.folder,
            "status": "loaded",
            "reason": "; ".join([*left_out, *superseded]) or None,
            "upload_date": increment.dates[-1],
            "rows_in": counts["read"],
            "rows_out": counts["kept"],
            "rows_rejected": counts["read"] - counts["kept"],
            "target": build.folder,
            "rejects": None,
        }


def _say(what: str) -> None:
    """A line for the job's log, in which no row's content ever stands."""
    print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {what}", flush=True)
