"""Metrics of ``retraced``: a day's increment against a full rebuild, through the local Athena, and as history grows.

``python -m benchmarks.metrics [--logins 1e6,1e7,5e7]``. Logins are those of 60 months in day files, standardised; the
increment is the run for the last day. Bytes are what Athena says that it scanned.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from millrace import contracts
from millrace.local import STATE, LocalAws
from millrace.publish import publish_table
from millrace.resources import ROOT
from millrace.samples.population import NEVER, Population

SLUG = "retraced"
PREFIX = "bench"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
# A run reads the month so far: on this day as much as on the mean of all days, and half as much as on the last.
LAST_DAY = dt.date(2025, 12, 15)  # --day takes another of this month
DERIVED = ("user_days", "company_months", "active_periods", "memberships")
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
        self._builds = 0
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
        """What the DAG does after the crawler; its cost and the months that it built."""
        started = time.monotonic()
        self._builds += 1
        params: dict[str, Any] = {
            "upload_dates": dates, "rebuild": rebuild, "build": f"b{self._builds}", "final_bucket": f"{PREFIX}-final",
        }  # fmt: skip
        rows, scanned = self.query("touched_months", params)
        params["months"] = [month for (month,) in rows]
        for table in DERIVED:
            execution = self.execute(table, params)
            scanned += execution["Statistics"]["DataScannedInBytes"]
            publish_table(
                self._athena, self._glue, self._s3, database=SLUG, table=table,
                statements=[execution["QueryExecutionId"]], partitions=params["months"],
                empty=f"s3://{PREFIX}-final/none/",
            )  # fmt: skip
        return Cost(time.monotonic() - started, scanned), params["months"]

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
    late: Cost
    monthly: Cost

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.logins:,} logins in {self.months} months",
                f"  full rebuild                       {self.rebuild}",
                f"  the last day's increment           {self.increment}   1/{self.byte_ratio:.0f} of the bytes, "
                f"1/{self.second_ratio:.0f} of the time",
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
    """A lake of so many logins: all but the last day rebuilt, then the last day as an increment.

    There are as many users and companies as is usual for ``scale`` logins, or else for ``logins``.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as name,
        LocalAws(Path(name) / "aws", Path(name) / "aws.log") as aws,
    ):
        lake = Lake(aws)
        *days, (last, companies, rows) = _uploaded(lake, history(logins, months, scale or logins))
        rebuild, _ = lake.run(*days, rebuild=True)
        lake.upload("user_companies", last, companies)
        lake.upload("user_login_locations", last, rows)
        increment, touched = lake.run(last)
        if touched != [last[:7]]:
            raise RuntimeError(f"the last day touched {touched}, not its own month alone")
        monthly = lake.cost_of("monthly")
        late_login = rows.slice(0, 1).set_column(
            2, "login_at", pa.array([dt.datetime(LAST_DAY.year, LAST_DAY.month - 1, 30)], pa.timestamp("ms"))
        )
        lake.upload("user_login_locations", "2026-01-01", late_login)
        late, _ = lake.run("2026-01-01")
        if logins <= 10_000_000:
            incremental = lake.query("monthly", {})[0]
            lake.run(rebuild=True)
            if lake.query("monthly", {})[0] != incremental:
                raise RuntimeError("the increment and the full rebuild differ")
        return Measured(logins, months, rebuild, increment, late, monthly)


def _uploaded(lake: Lake, days: Iterator[tuple[str, pa.Table, pa.Table]]) -> Iterator[Any]:
    """Uploads all days but the last, a month in a file; the files' dates, and then the last day's own upload."""
    for _, of_month in itertools.groupby(days, key=lambda day: day[0][:7]):
        dates, companies, rows = zip(*of_month, strict=True)
        own = 1 if dates[-1] == LAST_DAY.isoformat() else 0
        date = dates[-1 - own]
        lake.upload("user_companies", date, pa.concat_tables(companies[: len(dates) - own]))
        lake.upload("user_login_locations", date, pa.concat_tables(rows[: len(dates) - own]))
        yield date
    yield dates[-1], companies[-1], rows[-1]


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
