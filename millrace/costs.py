"""What the pipeline ``transactions`` costs on AWS at list price, as formulas with inputs: ``millrace cost``.

Prices, measured figures and assumptions are data: ``millrace/prices.yaml``. docs/cost.md shows what comes out of it, by
``millrace.cost_page``. GB are 10^9 bytes.
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from millrace import resources

SLUG = "transactions"
MONTH_DAYS = 30.4
DAY_GRAIN_GB = 100.0  # a day from which the tables had better be partitioned by day, docs/pipelines/transactions.md
_QUESTIONS = 8  # five queries and three fills of SPICE, all on aggregates
_ATHENA_LEAST = 0.01  # GB, what a statement is billed at least
_LAMBDA_VCPU_GB = 1.769  # memory that comes with a whole vCPU
_LAMBDA_S, _LAMBDA_BYTES_S = 900, 20e6  # time limit, and the speed that millrace.loads reckons with
_DPU_VCPU, _DPU_GB = 4, 16
_RUNS_A_DAY = 288  # of the live DAG
_LIVE_DAYS = 2 + 7  # until the first run of a day finds purchases in uploads, and then the bucket's life cycle
_CHART_DAYS = 35
_REGIONS, _STATUSES = 6, 4
_RECORD_LEAST = 5e-6  # GB, what Firehose counts a record as
_ZONES = 2
_SPICE_GB = 10


@dataclass(frozen=True)
class Line:
    """A part of the bill: how much of what, by which formula, in US dollars a day (or a month, for what stands)."""

    part: str
    formula: str
    amount: float
    unit: str
    usd: float


@dataclass(frozen=True)
class Day:
    """A day's load. gb: of CSV; history_days: how many days like it are loaded already; grain: period of the tables.

    hours: how long the load may take; workers are added until it does.
    """

    gb: float
    history_days: int = 365
    grain: str = ""
    hours: float = 0.5

    @property
    def touched_days(self) -> float:
        """How many days' rows the partitions hold that a load touches: half a month so far, or its own day."""
        return MONTH_DAYS / 2 if (self.grain or grain(self.gb)) == "month" else 1.0


def grain(gb: float) -> str:
    """The period of the tables that suits a day's GB."""
    return "month" if gb < DAY_GRAIN_GB else "day"


@functools.cache
def data() -> dict[str, Any]:
    """Prices, figures and assumptions, as ``prices.yaml`` has them."""
    document: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    return document


def price(name: str) -> float:
    """US dollars for a unit."""
    return float(data()["prices"][name]["usd"])


def figure(name: str) -> float:
    """What was measured or is assumed."""
    return float({**data()["measured"], **data()["assumed"]}[name]["value"])


def dpu_seconds(day: Day) -> float:
    """What the workers of the day's load have to do: its own lines, the rows that it merges, all older keys."""
    own = figure("job_start_cpu_s") + day.gb * figure("job_cpu_s_per_gb")
    merged = (day.touched_days - 1) * day.gb * figure("plain_cpu_s_per_gb")
    keys = day.gb * day.history_days * 1e3 / figure("bytes_per_row") * figure("key_s_per_million")
    return (own + merged + keys) / _DPU_VCPU / figure("busy")


def spark(day: Day) -> tuple[int, float]:
    """How many workers the load takes, one of them the driver, and for how many seconds."""
    work = dpu_seconds(day)
    executors = max(1, math.ceil(work / 3600 / day.hours))
    return executors + 1, max(60.0, work / executors)


def checked_gb(day: Day) -> float:
    """What the checks of a build read: its partitions, whole."""
    return day.gb * figure("parquet_share") * day.touched_days


def load(day: Day) -> Iterator[Line]:
    """What a day's load costs."""
    workers, seconds = spark(day)
    dpu_hours = workers * seconds / 3600
    yield Line("Glue job", f"{workers} DPU × {seconds:,.0f} s", dpu_hours, "DPU-h", dpu_hours * price("glue_dpu_hour"))
    crawl = 2 / 6
    yield Line("Glue crawler", "2 DPU × 10 min, the least", crawl, "DPU-h", crawl * price("glue_crawler_dpu_hour"))
    parquet, checks = day.gb * figure("parquet_share"), checked_gb(day)
    yield Line("Athena: checks", "the touched partitions, once", checks / 1e3, "TB", checks / 1e3 * price("athena_tb"))
    asked = _QUESTIONS * _ATHENA_LEAST
    yield Line(
        "Athena: questions", f"{_QUESTIONS} × 10 MB, the least", asked / 1e3, "TB", asked / 1e3 * price("athena_tb")
    )
    objects = 2 * _REGIONS * 2 + parquet * day.touched_days / 0.128
    reads = day.gb / 0.128 + objects + parquet * day.history_days / 0.128
    requests = objects * price("s3_put") + reads * price("s3_get")
    yield Line("S3 requests", "objects of 128 MB", objects + reads, "requests", requests)
    yield Line("KMS requests", "one for 100 objects: bucket keys", (objects + reads) / 100, "requests",
               (objects + reads) / 100 * price("kms_request"))  # fmt: skip
    yield _kept(day, parquet)


def _kept(day: Day, parquet: float) -> Line:
    """What lies in S3 after so many days, by infra/modules/lake: a thirtieth of a month's price."""
    fresh = min(day.history_days, 90) * day.gb
    older = max(0, day.history_days - 90) * day.gb
    # What a load replaces lies 7 days as superseded and 30 more as an old version.
    final = parquet * day.history_days + (7 + 30) * parquet * day.touched_days
    usd = (fresh + final) * price("s3_gb_month") + older * price("s3_ia_gb_month")
    return Line(
        "S3 storage", f"after {day.history_days} days, uploads kept", fresh + older + final, "GB", usd / MONTH_DAYS
    )


def live(rate: float, day: Day) -> Iterator[Line]:
    """What a day of the stream costs, at so many records a second, beside uploads of the day's size."""
    records = rate * 86_400
    shards = max(1, math.ceil(rate / 1000), math.ceil(rate * figure("record_bytes") / 1e6))
    yield Line("Kinesis", f"{shards} × 24 h; records", shards * 24, "shard-h",
               shards * 24 * price("kinesis_shard_hour") + records * price("kinesis_put_unit"))  # fmt: skip
    calls = min(records, shards * 86_400.0)
    cpu = records * figure("metrics_cpu_s_per_record") * _LAMBDA_VCPU_GB
    gb_s = cpu + calls * figure("record_wait_s") * 0.25
    yield Line("Lambda: metrics", "a call a second and shard", gb_s, "GB-s",
               gb_s * price("lambda_gb_second") + calls * price("lambda_request"))  # fmt: skip
    writes = calls * figure("minute_kb")
    yield Line("DynamoDB", "a write of 3 KB a call", writes, "writes", writes * price("dynamodb_write"))
    metrics = _REGIONS * _STATUSES * price("cloudwatch_metric_month") / MONTH_DAYS
    yield Line("CloudWatch", "a PutMetricData a call; 24 metrics", calls, "requests",
               calls * price("cloudwatch_request") + metrics)  # fmt: skip
    taken = records * max(figure("record_bytes") / 1e9, _RECORD_LEAST)
    delivered = records * figure("record_bytes") / 1e9
    objects = min(records, _REGIONS * 1440.0)
    yield Line("Firehose", "each record is billed as 5 KB", taken, "GB",
               taken * (price("firehose_gb") + price("firehose_convert_gb"))
               + delivered * price("firehose_partition_gb") + objects * price("firehose_partition_object"))  # fmt: skip
    tags = objects * (_LIVE_DAYS - 2)
    yield Line("S3 tags", "objects of the days kept, daily", tags, "requests", tags * price("s3_put"))
    yield _watched(records, day)


def _watched(records: float, day: Day) -> Line:
    """The live DAG, every five minutes, and once a day a look at all keys.

    Its checks read what the stream brought, and the keys of the uploads' periods in which that falls; its chart five
    weeks.
    """
    parquet = day.gb * figure("parquet_share")
    looked, shown = (min(day.history_days, day.touched_days + days) for days in (_LIVE_DAYS, _CHART_DAYS))
    streamed = records * _LIVE_DAYS * figure("live_read_bytes") / 1e9
    keys, chart = 4 * looked * figure("key_share"), shown * figure("live_share")
    a_run = max(4 * _ATHENA_LEAST, parquet * (keys + chart) + streamed)
    once = parquet * day.history_days * figure("key_share")
    scanned = (_RUNS_A_DAY * a_run + once) / 1e3
    formula = f"{_RUNS_A_DAY} × {a_run:,.2f} GB + {once:,.2f} GB"
    return Line("Athena: live checks and chart", formula, scanned, "TB", scanned * price("athena_tb"))


def warehouse(rpu: int, minutes: float) -> Line:
    """A day of Redshift Serverless, if one is used, that works for so long; a minute is billed at least."""
    hours = rpu * max(1.0, minutes) / 60
    return Line("Redshift", f"{rpu} RPU × {minutes:g} min", hours, "RPU-h", hours * price("redshift_rpu_hour"))


def spice(gb: float) -> Line:
    """A day of SPICE that holds so much, beside what one author brings."""
    more = max(0.0, gb - _SPICE_GB)
    return Line(
        "SPICE", f"{gb:g} GB - {_SPICE_GB} of an author", more, "GB", more * price("spice_gb_month") / MONTH_DAYS
    )


def standing() -> Iterator[tuple[str, Line]]:
    """What a month costs though nothing runs: the switch of infra/variables.tf that brings it, and the line."""
    hours = MONTH_DAYS * 24
    common, pipelines = resources.common(), [resources.pipeline(slug) for slug in resources.slugs()]
    secrets = len(common.secrets) + sum(len(pipeline.secrets) for pipeline in pipelines)
    alarms = len(common.alarms) + sum(len(pipeline.alarms) for pipeline in pipelines)
    shards = sum(stream.shards for pipeline in pipelines for stream in pipeline.streams)

    def line(part: str, formula: str, amount: float, name: str, unit: str = "") -> Line:
        return Line(part, formula, amount, unit or "a month", amount * price(name))

    yield "always", line("KMS", "one key", 1, "kms_key_month")
    yield "always", line("Secrets Manager", f"{secrets} secrets", secrets, "secret_month")
    yield "always", line("CloudWatch alarms", f"{alarms} alarms", alarms, "cloudwatch_alarm_month")
    yield "always", line("CloudWatch dashboard", "one", 1, "dashboard_month")
    yield "stream", line("Kinesis", f"{shards} × {hours:.0f} h", shards * hours, "kinesis_shard_hour", "shard-h")
    yield "airflow", line("MWAA mw1.small", f"{hours:.0f} h", hours, "mwaa_small_hour", "h")
    yield "airflow", line("MWAA mw1.medium, in its place", f"{hours:.0f} h", hours, "mwaa_medium_hour", "h")
    endpoints = _endpoints() * _ZONES
    formula = f"{_endpoints()} services × {_ZONES} zones"
    yield "airflow or source", line("Interface endpoints", formula, endpoints * hours, "endpoint_hour", "endpoint-h")
    way_out = "airflow, unless airflow.internet is false"
    yield way_out, line("NAT gateway", f"{hours:.0f} h", hours, "nat_hour", "h")
    yield way_out, line("its address", f"{hours:.0f} h", hours, "public_address_hour", "h")
    yield "source", line("RDS db.t4g.micro", f"{hours:.0f} h", hours, "rds_micro_hour", "h")
    yield "source", line("RDS storage", "20 GB", 20, "rds_gb_month", "GB")
    rpu_hours = sum(warehouse.rpu_hours for pipeline in pipelines for warehouse in pipeline.warehouses) * MONTH_DAYS
    yield "warehouse", line("Redshift, at most", "its limit each day", rpu_hours, "redshift_rpu_hour", "RPU-h")
    yield "dashboard", line("QuickSight author", "10 GB of SPICE are in it", 1, "quicksight_author_month")
    yield "dashboard", line("QuickSight reader", "Airflow's page shares one", 1, "quicksight_reader_month")


def _endpoints() -> int:
    """How many endpoints infra/modules/network makes."""
    text = (resources.ROOT / "infra/modules/network/main.tf").read_text(encoding="utf-8")
    listed = text.partition("endpoints = [")[2].partition("]")[0]
    return listed.count('"') // 2


@dataclass(frozen=True)
class Engine:
    """One way to do a day's work."""

    name: str
    usd: float


def engines(day: Day) -> list[Engine]:
    """What each engine costs for a day. Lambda converts file by file and knows no key; the others do the whole load."""
    workers, seconds = spark(day)
    hours = workers * seconds / 3600
    worker = _DPU_VCPU * price("emr_vcpu_hour") + _DPU_GB * price("emr_gb_hour")
    gb_s = day.gb * figure("converter_cpu_s_per_gb") * _LAMBDA_VCPU_GB
    return [
        Engine("Lambda, converting only", gb_s * price("lambda_gb_second")),
        Engine("Glue", hours * price("glue_dpu_hour")),
        Engine("Glue Flex", hours * price("glue_flex_dpu_hour")),
        Engine("EMR Serverless", hours * worker),
    ]


def lambda_limit_gb() -> float:
    """The largest file, in GB of CSV, that a function converts within its 15 minutes."""
    return _LAMBDA_S * _LAMBDA_BYTES_S / 1e9


def emr_pays_from(saving_a_month: float) -> float:
    """GB a day from which EMR Serverless saves so much a month beside Glue."""

    def saves(gb: float) -> float:
        by_name = {engine.name: engine.usd for engine in engines(Day(gb))}
        return (by_name["Glue"] - by_name["EMR Serverless"]) * MONTH_DAYS

    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if saves(middle) >= saving_a_month else (middle, high)
    return high


def notes(day: Day) -> Iterator[str]:
    """What must be changed before a day of this size is loaded so."""
    workers, _ = spark(day)
    declared = next(job for job in resources.pipeline(SLUG).jobs if job.name == SLUG)
    if workers > declared.workers or day.hours * 60 > declared.timeout_min:
        yield (
            f"the job's declaration has {declared.workers} workers and {declared.timeout_min} minutes; this takes"
            f" {workers} workers for {day.hours:g} hours (infra/resources/{SLUG}.yaml)"
        )
    cutoff = resources.common().workgroup.scan_cutoff_bytes
    if checked_gb(day) * 1e9 > cutoff:
        yield (
            f"the checks read {checked_gb(day):,.0f} GB and the workgroup stops a statement at {cutoff / 1e9:,.0f} GB"
            " (infra/resources/common.yaml)"
        )
    if day.gb > DAY_GRAIN_GB:
        yield f"a partition is written by one task, so by {_REGIONS} for a day: docs/scaling.md"


def main(options: argparse.Namespace) -> int:
    """``millrace cost``: the bill of a day and of what stands, as text."""
    if options.slug != SLUG:
        raise ValueError(f"only {SLUG} has a model of its cost (millrace/costs.py)")
    if options.gb_per_day <= 0 or options.hours <= 0 or options.records_per_second < 0 or options.history_days < 0:
        raise ValueError("sizes and hours must be more than 0, rates and days not less")
    day = Day(options.gb_per_day, options.history_days, options.grain or "", options.hours)
    lines = list(load(day))
    if options.records_per_second:
        lines += live(options.records_per_second, day)
    if options.redshift_minutes:
        lines.append(warehouse(options.redshift_rpu, options.redshift_minutes))
    if options.spice_gb:
        lines.append(spice(options.spice_gb))
    print(f"a day with {day.gb:g} GB of CSV, USD at list price in {data()['region']}, as known {data()['as_known']}\n")
    for line in lines:
        print(f"{line.part:32}{line.formula:34}{line.amount:>14,.2f} {line.unit:10}{line.usd:>12,.2f}")
    total = sum(line.usd for line in lines)
    for note in notes(day):
        print(f"note: {note}")
    print(f"{'in all':92}{total:>12,.2f}\n{'a month of it':92}{total * MONTH_DAYS:>12,.2f}")
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``millrace cost``."""
    parser.add_argument("--gb-per-day", type=float, required=True, metavar="GB", help="CSV that a day brings")
    parser.add_argument("--history-days", type=int, default=365, metavar="N", help="days that are loaded already")
    parser.add_argument("--hours", type=float, default=0.5, metavar="N", help="a load may take so long (default 0.5)")
    parser.add_argument("--grain", choices=("day", "month"), help="period of the tables (default: by size)")
    parser.add_argument(
        "--records-per-second", type=float, default=0.0, metavar="N", help="of the stream (default none)"
    )
    parser.add_argument(
        "--redshift-minutes", type=float, default=0.0, metavar="N", help="a day of Redshift (default none)"
    )
    parser.add_argument("--spice-gb", type=float, default=0.0, metavar="GB", help="what SPICE holds (default none)")
    parser.add_argument("--redshift-rpu", type=int, default=8, metavar="N", help="its capacity (default 8)")
