"""Metrics of ``retraced``: a day's increment against a full rebuild, through the local Athena, and as history grows.

``python -m benchmarks.metrics [--logins 1e6,1e7,5e7] [--day 31]``. Logins are those of 60 months, standardised. All but
the last month are rebuilt, which is what the increment is compared with, although it is a month short; then each day of
the last month is an increment, of which the last one counts. Bytes are what Athena says that it scanned.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import itertools
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from millrace import builds, contracts
from millrace.local import STATE, LocalAws
from millrace.publish import publish_table, written_by
from millrace.resources import ROOT
from millrace.samples.population import NEVER, Population

SLUG = "retraced"
PREFIX = "bench"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
LAST_DAY = dt.date(2025, 12, 31)  # an increment reads its month so far, so this costs most; --day takes another
DERIVED = {"user_days": "part", "activity": "month", "memberships": ""}  # table → what a build makes anew
# At 50 million logins over 60 months.
BYTES_BAR, SECONDS_BAR = 50, 25
# Five times the months may cost the increment and the final query this much more.
HISTORY_BAR = 1.25
ROUNDS = 9


@dataclass(frozen=True)
class Cost:
    """Wall time, and bytes that Athena scanned."""

    seconds: float
    scanned: int

    def __str__(self) -> str:
        return f"{self.seconds:8.2f} s {self.scanned / 1e6:9.2f} MB"


class Lake:
    """The pipeline's tables on an embedded AWS, without Airflow and the converter."""

    def __init__(self, aws: LocalAws) -> None:
        self._s3, self._glue, self._athena = (aws.client(service) for service in ("s3", "glue", "athena"))
        self._sql = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "sql"), undefined=jinja2.StrictUndefined)
        self._uploads = 0  # published so far
        for role in ("processed", "final", "athena"):
            self._s3.create_bucket(Bucket=f"{PREFIX}-{role}")
        self._glue.create_database(DatabaseInput={"Name": SLUG})
        for contract in contracts.of_pipeline(SLUG).values():
            columns = [{"Name": column.name, "Type": column.type} for column in contract.columns]
            self._glue.create_table(DatabaseName=SLUG, TableInput={
                "Name": contract.table,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"classification": "parquet"},
                "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in contract.partitions],
                "StorageDescriptor": {**PARQUET, "Location": contract.uri(PREFIX), "Columns": columns},
            })  # fmt: skip

    def upload(self, table: str, date: str, rows: pa.Table) -> None:
        """Add a partition of a raw table."""
        contract = contracts.get(SLUG, table)
        body = io.BytesIO()
        pq.write_table(rows, body, compression="zstd")
        folder = f"{contract.uri(PREFIX)}upload_date={date}/"
        bucket, _, key = folder.removeprefix("s3://").partition("/")
        self._s3.put_object(Bucket=bucket, Key=f"{key}0.parquet", Body=body.getvalue())
        columns = [{"Name": column.name, "Type": column.type} for column in contract.columns]
        self._glue.create_partition(DatabaseName=SLUG, TableName=table, PartitionInput={
            "Values": [date],
            "StorageDescriptor": {**PARQUET, "Location": folder, "Columns": columns},
        })  # fmt: skip

    def run(self, *dates: str, rebuild: bool = False) -> tuple[Cost, list[str]]:
        """What the DAG does after the crawler, but for the checks; its cost and the months that it built."""
        started = time.monotonic()
        params: dict[str, Any] = {
            "upload_dates": dates, "rebuild": rebuild, "part": 0 if rebuild else self._uploads,
            "build": f"b{uuid.uuid4().hex}", "final_bucket": f"{PREFIX}-final",
        }  # fmt: skip
        rows, scanned = self.query("touched_months", params)
        params["months"] = months = [month for (month,) in rows]
        executions = {table: self.execute(table, params) for table in DERIVED}
        scanned += sum(execution["Statistics"]["DataScannedInBytes"] for execution in executions.values())
        statements = {table: [execution["QueryExecutionId"]] for table, execution in executions.items()}
        empty = f"s3://{PREFIX}-final/none/"
        built = {table: builds.BuiltTable(written_by(self._athena, self._s3, ids), None)
                 for table, ids in statements.items()}  # fmt: skip
        builds.catalogue(self._glue, builds.Build(SLUG, "", built), empty)
        values = {"month": months, "part": [str(params["part"])]}
        for table, key in DERIVED.items():
            publish_table(
                self._athena, self._glue, self._s3, database=SLUG, table=table, statements=statements[table],
                rebuilt={key: values[key]} if key and not rebuild else None, empty=empty,
            )  # fmt: skip
        self._uploads += len(dates)
        return Cost(time.monotonic() - started, scanned), months

    def checks(self, dates: Sequence[str], months: Sequence[str]) -> tuple[Cost, list[list[str]]]:
        """What the checks of the last build cost, and their rows."""
        started = time.monotonic()
        rows, scanned = self.query("checks", {"upload_dates": dates, "all_months": months, "rebuild": False})
        return Cost(time.monotonic() - started, scanned), rows

    def query(self, name: str, params: dict[str, Any]) -> tuple[list[list[str]], int]:
        """The rows of a SELECT as text, and the bytes that it scanned."""
        execution = self.execute(name, params)
        pages = self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
        rows = [[cell.get("VarCharValue", "") for cell in row["Data"]]
                for page in pages for row in page["ResultSet"]["Rows"]]  # fmt: skip
        return rows[1:], execution["Statistics"]["DataScannedInBytes"]

    def cost_of(self, name: str) -> Cost:
        """What a final query costs: the median of several times."""
        runs = []
        for _ in range(ROUNDS):
            statistics_ = self.execute(name, {})["Statistics"]
            runs.append((statistics_["EngineExecutionTimeInMillis"] / 1000, statistics_["DataScannedInBytes"]))
        return Cost(statistics.median(seconds for seconds, _ in runs), runs[0][1])

    def execute(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run a statement to its end; Athena's account of it. Raises RuntimeError if it fails."""
        sql = self._sql.get_template(f"{SLUG}/{name}.sql").render(params=params, ti={"map_index": 0, "try_number": 1})
        identifier = self._athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": SLUG},
            ResultConfiguration={"OutputLocation": f"s3://{PREFIX}-athena/"},
        )["QueryExecutionId"]
        while True:
            execution: dict[str, Any] = self._athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
            state = execution["Status"]["State"]
            if state == "SUCCEEDED":
                return execution
            if state not in ("QUEUED", "RUNNING"):
                raise RuntimeError(f"{name}: {state}: {execution['Status'].get('StateChangeReason')}\n{sql}")
            time.sleep(0.01)


def history(logins: int, months: int, scale: int) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """Upload date, rows of user_companies and rows of user_login_locations, day by day; of ``scale``, see measure."""
    share = min(1.0, scale / 5e7) ** 0.5
    users, companies = int(100_000 * share), int(3_000 * share)
    first = LAST_DAY.replace(day=1, year=LAST_DAY.year - months // 12 + 1, month=1)
    days = (LAST_DAY - first).days + 1
    population = Population(
        seed=7, days=days, first_day_of_year=1, weekday=first.weekday(), companies=companies, users=users, places=1
    )
    members = population.memberships
    user_names = pa.array([f"u{user:06d}" for user in range(population.all_users)])
    company_names = pa.array([*(f"c{company:04d}" for company in range(companies)), None])
    epoch = (first - dt.date(1970, 1, 1)).days * 86_400

    def rows(time_column: str, user: Any, company: Any, seconds: Any) -> pa.Table:
        times = pa.array((seconds + epoch) * 1000, mask=seconds == NEVER).cast(pa.timestamp("ms"))
        return pa.table({
            "user_id": user_names.take(pa.array(user)), "company_id": company_names.take(pa.array(company)),
            time_column: times,
        })  # fmt: skip

    for day, count in enumerate(population.logins_per_day(logins).tolist()):
        joined = members.since == day
        accepted = (members.accepted // 86_400 == day) & (members.accepted != NEVER)
        waiting = joined & ~accepted
        of_day = population.logins(day, count)
        yield (
            (first + dt.timedelta(days=day)).isoformat(),
            rows(
                "accepted_at",
                np.concatenate([members.user[waiting], members.user[accepted]]),
                np.concatenate([members.company[waiting], members.company[accepted]]),
                np.concatenate([np.full(np.count_nonzero(waiting), NEVER), members.accepted[accepted]]),
            ),
            rows("login_at", of_day.user, of_day.company, of_day.time),
        )


@dataclass(frozen=True)
class Measured:
    """What one history costs."""

    logins: int
    months: int
    rebuild: Cost
    increment: Cost
    checks: Cost
    late: Cost
    monthly: Cost

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.logins:,} logins in {self.months} months",
                f"  full rebuild                       {self.rebuild}",
                f"  the last day's increment           {self.increment}   1/{self.byte_ratio:.0f} of the bytes, "
                f"1/{self.second_ratio:.0f} of the time",
                f"  its checks                         {self.checks}",
                f"  one late login of the month before {self.late}",
                f"  monthly.sql                        {self.monthly}",
            ]
        )

    @property
    def byte_ratio(self) -> float:
        """How many times the increment's bytes the rebuild scans."""
        return self.rebuild.scanned / self.increment.scanned

    @property
    def second_ratio(self) -> float:
        """How many times the increment's time the rebuild takes."""
        return self.rebuild.seconds / self.increment.seconds


def measure(logins: int, months: int, scale: int | None = None) -> Measured:
    """A lake of so many logins: all but the last month rebuilt, then each of its days as an increment.

    There are as many users and companies as is usual for ``scale`` logins, or else for ``logins``.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as name,
        LocalAws(Path(name) / "aws", Path(name) / "aws.log") as aws,
    ):
        lake = Lake(aws)
        last_month = f"{LAST_DAY:%Y-%m}"
        by_month = itertools.groupby(history(logins, months, scale or logins), key=lambda day: day[0][:7])
        dates = []
        for month, of_month in by_month:
            if month == last_month:
                break
            days, companies, rows = zip(*of_month, strict=True)
            dates.append(days[-1])
            lake.upload("user_companies", days[-1], pa.concat_tables(companies))
            lake.upload("user_login_locations", days[-1], pa.concat_tables(rows))
        rebuild, _ = lake.run(*dates, rebuild=True)
        for day, companies_of_day, logins_of_day in of_month:
            lake.upload("user_companies", day, companies_of_day)
            lake.upload("user_login_locations", day, logins_of_day)
            increment, touched = lake.run(day)
        if touched != [last_month]:
            raise RuntimeError(f"the last day touched {touched}, not its own month alone")
        checks, found = lake.checks([day], touched)
        if broken := [row for row in found if row[1] == "error" and row[2] != "true"]:
            raise RuntimeError(f"data checks failed: {broken}")
        monthly = lake.cost_of("monthly")
        late_login = logins_of_day.slice(0, 1).set_column(
            2, "login_at", pa.array([dt.datetime(LAST_DAY.year, LAST_DAY.month - 1, 30)], pa.timestamp("ms"))
        )
        lake.upload("user_login_locations", "2026-01-01", late_login)
        late, _ = lake.run("2026-01-01")
        if logins <= 10_000_000:
            incremental = lake.query("monthly", {})[0]
            lake.run(rebuild=True)
            if lake.query("monthly", {})[0] != incremental:
                raise RuntimeError("the increment and the full rebuild differ")
        return Measured(logins, months, rebuild, increment, checks, late, monthly)


def main() -> int:
    global LAST_DAY
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logins", default="1e6,1e7,5e7", help="numbers of logins in 60 months, with commas between")
    parser.add_argument("--day", type=int, default=LAST_DAY.day, help="the day of December that is the increment")
    options = parser.parse_args()
    sizes = [int(float(text)) for text in options.logins.split(",")]
    LAST_DAY = LAST_DAY.replace(day=options.day)
    STATE.mkdir(exist_ok=True)
    missed = []

    def bar(what: str, value: float, limit: float, *, most: bool) -> None:
        met = value <= limit if most else value >= limit
        print(
            f"  {what}: {value:.2f} ({'at most' if most else 'at least'} {limit}) {'ok' if met else 'MISSED'}",
            flush=True,
        )
        if not met:
            missed.append(what)

    of_size: dict[int, Measured] = {}
    for logins in sizes:
        of_size[logins] = measured = measure(logins, 60)
        print(measured, flush=True)
        if logins >= 50_000_000:
            bar("rebuild over increment, bytes", measured.byte_ratio, BYTES_BAR, most=False)
            bar("rebuild over increment, time", measured.second_ratio, SECONDS_BAR, most=False)

    size = min(sizes[-1], 10_000_000)
    if size not in of_size:
        of_size[size] = measure(size, 60)
        print(of_size[size], flush=True)
    long = of_size[size]
    as_many, as_dense = measure(size, 12), measure(size // 5, 12, scale=size)
    print(f"{as_many}\n{as_dense}")
    bar("increment after 60 months over 12 months of as many a day, bytes",
        long.increment.scanned / as_dense.increment.scanned, HISTORY_BAR, most=True)  # fmt: skip
    bar("increment after 60 months over 12 months of as many a day, time",
        long.increment.seconds / as_dense.increment.seconds, HISTORY_BAR, most=True)  # fmt: skip
    bar("monthly.sql over 60 months over 12 months of as many in all, bytes",
        long.monthly.scanned / as_many.monthly.scanned, HISTORY_BAR, most=True)  # fmt: skip
    bar("monthly.sql over 60 months over 12 months of as many in all, time",
        long.monthly.seconds / as_many.monthly.seconds, HISTORY_BAR, most=True)  # fmt: skip
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
