"""The job of ``transactions`` at full size, beside plain PySpark that only reads CSV and writes partitioned Parquet.

    python -m benchmarks.transactions [--rows N] [--repeat N] [--folder DIR] [--ways plain,millrace]

Both ways read the same CSV files from the embedded S3 and write the same partitions, compressed alike, each in a
process of its own with a Java of its own; the CPU of Spark's Python workers counts too. ``plain`` takes every line for
good; ``millrace`` also redacts notes, hashes customers, sets broken lines and outliers apart, keeps the newest row of
each key, accounts for every line and works out ``daily_sales``. Then typical questions are put to the tables by month
and by day, and what they scan is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import dataclasses
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.converter import Cost, measure, median, show
from benchmarks.retail_events import ask, forget
from localaws.spark.local import local_session
from millrace import builds, contracts
from millrace.local import BUCKET_PREFIX, LocalAws
from millrace.provision import Provisioner
from millrace.resources import ROOT
from millrace.samples.transactions import generate
from millrace.sync import find, sync

_PR_SET_CHILD_SUBREAPER = 36  # of Linux
SLUG = "transactions"
RUN = "benchmark"
QUESTIONS = {
    "sales of a day": (
        "SELECT sum(amount) FROM {t} WHERE period {p} AND purchase_date = DATE '2025-03-14' AND status = 'COMPLETED'"
    ),
    "sales of a month in a region": (
        "SELECT sum(amount) FROM {t} WHERE period LIKE '2025-03%' AND region = 'EUROPE' AND status = 'COMPLETED'"
    ),
    "sales by day, all": "SELECT purchase_date, sum(amount) FROM {t} GROUP BY purchase_date",
    "purchases of a customer, all": "SELECT count(*) FROM {t} WHERE customer_key = 576460752303423488",
    "by day, from daily_sales": "SELECT purchase_date, sum(sales) FROM transactions.daily_sales GROUP BY purchase_date",
}


def plain(spark: Any) -> None:
    """What one would write: read with a schema, repartition, write."""
    from pyspark.sql import functions as F

    spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")  # else one bad date ends it
    rows = spark.read.csv(
        f"s3://{BUCKET_PREFIX}-raw/{SLUG}/transactions/",
        header=True,
        escape='"',
        schema="purchase_id bigint, purchase_date date, customer_id string, product_id string, amount decimal(12,2), "
        "region string, status string, note string",
    )
    rows = rows.withColumn("period", F.date_format("purchase_date", "yyyy-MM")).repartition("period", "region")
    files = rows.write.mode("overwrite").partitionBy("period", "region")
    files.parquet(f"s3://{BUCKET_PREFIX}-final/plain/", compression="zstd")


def millrace(spark: Any, grain: str) -> None:
    """The job as it is deployed, with one grain or the other; it finds the session that there is."""
    get = contracts.get
    contracts.get = lambda pipeline, table: _of_grain(get(pipeline, table), grain)  # type: ignore[assignment]
    sys.argv = ["transactions.py", "--bucket_prefix", BUCKET_PREFIX, "--JOB_RUN_ID", RUN]
    runpy.run_path(str(ROOT / "glue" / "transactions.py"), run_name="__main__")


def _of_grain(contract: contracts.Contract, grain: str) -> contracts.Contract:
    return dataclasses.replace(contract, period=grain) if contract.period else contract


WAYS: dict[str, Callable[[Any], None]] = {
    "plain": plain,
    "millrace": partial(millrace, grain="month"),
    "millrace by day": partial(millrace, grain="day"),
}


@contextlib.contextmanager
def adopted() -> Iterator[None]:
    """Wait in the end for whatever was started below this process, so that the CPU of Spark's workers counts."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this Linux cannot adopt processes, so the CPU of Spark's workers would not be counted")
    yield
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def questions(aws: LocalAws, grain: str) -> None:
    """Publish what the job left, and show what typical questions scan."""
    glue, s3, athena = (aws.client(name) for name in ("glue", "s3", "athena"))
    processed = f"{BUCKET_PREFIX}-processed"
    builds.publish(glue, s3, processed, builds.load(s3, processed, SLUG, RUN))
    sizes = [
        item["Size"]
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=f"{BUCKET_PREFIX}-final", Prefix=f"{SLUG}/builds"
        )
        for item in page.get("Contents", [])
        if "/table=transactions_clean/" in item["Key"]
    ]
    print(
        f"\nby {grain}: {len(sizes)} objects of transactions_clean, {sum(sizes) / 1e6:,.1f} MB; bytes scanned, seconds"
    )
    period = "= '2025-03'" if grain == "month" else "= '2025-03-14'"
    for question, sql in QUESTIONS.items():
        scanned, seconds, _ = ask(athena, sql.format(t="transactions.transactions_clean", p=period))
        print(f"{question:32}{scanned:14,}{seconds:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where all goes (default: a temporary folder)")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        workers = {"spark.python.daemon.module": "benchmarks.parts.spark_workers"}
        with adopted(), local_session(os.environ["AWS_ENDPOINT_URL"], workers) as spark:
            WAYS[options.way](spark)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        started = time.perf_counter()
        said = generate(folder / "raw", rows=options.rows)
        print(f"generated in {time.perf_counter() - started:.1f} s: {said}")
        with LocalAws(folder / "aws", folder / "aws.log") as aws:
            provisioner = Provisioner(aws.client, BUCKET_PREFIX, folder / "built")
            provisioner.common()
            provisioner.pipeline(SLUG, listens=False)
            sync(aws.client("s3"), f"{BUCKET_PREFIX}-raw", find(SLUG, folder / "raw").files)
            os.environ |= aws.environment
            costs: dict[str, list[Cost | None]] = {way: [] for way in options.ways.split(",")}
            for _ in range(options.repeat):
                for way, found in costs.items():
                    forget(aws)
                    found.append(measure(["benchmarks.transactions", "--way", way]))
                    if way != "plain":
                        questions(aws, "day" if way.endswith("day") else "month")
            medians = {way: median(found) for way, found in costs.items()}
            show("from CSV to Parquet", medians, medians.get("plain"))


if __name__ == "__main__":
    main()
