"""Athena: the final query ``sql/retraced/monthly.sql`` through the local Athena against DuckDB on the same files.

``python -m benchmarks.athena [--memberships 500000] [--companies 3000] [--months 60]``. Athena is asked over HTTP, from
the start of the query until its state is SUCCEEDED and its CSV is stored; DuckDB is given the same files and its own
SQL, and hands over its rows. The two take turns; the ratio is the median over the pairs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot

from localaws.server import Server

SQL = Path(__file__).parent.parent / "sql" / "retraced" / "monthly.sql"
BAR = 1.3
PAIRS = 25
# Asking more often takes a core from the query itself.
POLL_SECONDS = 0.02
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
FIRST = dt.date(2021, 1, 1)
HIVE = {pa.string(): "string", pa.int64(): "bigint", pa.date32(): "date", pa.timestamp("ms"): "timestamp"}


def month_starts(count: int) -> list[dt.date]:
    return [dt.date(FIRST.year + number // 12, number % 12 + 1, 1) for number in range(count)]


def memberships(count: int, companies: int, months: int) -> pa.Table:
    random = np.random.default_rng(7)
    seconds = random.integers(0, months * 30 * 86_400, count) + int(dt.datetime(2021, 1, 1).timestamp())
    accepted = pa.array(seconds * 1000, mask=random.random(count) < 0.1).cast(pa.timestamp("ms"))
    return pa.table({
        "user_id": [f"user-{number:07}" for number in random.integers(0, count * 2 // 3, count)],
        "company_id": [f"company-{number:05}" for number in random.integers(0, companies, count)],
        "accepted_at": accepted,
    })  # fmt: skip


def activity(month: dt.date, companies: int) -> pa.Table:
    random = np.random.default_rng(8)
    active = np.flatnonzero(random.random(companies) < 0.6)
    users = random.integers(1, 200, len(active)).tolist()
    days = [month + dt.timedelta(days=number) for number in range(28)]
    return pa.table({
        "grain": ["company_month"] * len(active) + ["day"] * 28 + ["month"],
        "starts_on": pa.array([month] * len(active) + [*days, month], pa.date32()),
        "company_id": [*(f"company-{number:05}" for number in active), *([None] * 29)],
        "active_users": pa.array([*users, *range(29)], pa.int64()),
        "active_companies": pa.array([1] * len(active) + [*range(29)], pa.int64()),
    })  # fmt: skip


class Lake:
    """The two tables on an embedded AWS, and views of the same files in a DuckDB."""

    def __init__(self, server: Server, folder: Path) -> None:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        clients = (boto3.client(name, endpoint_url=server.endpoint, **keys) for name in ("s3", "glue", "athena"))
        self._s3, self._glue, self._athena = clients
        self._folder = folder
        self.duckdb = duckdb.connect()
        self.duckdb.execute("CREATE SCHEMA retraced")
        for bucket in ("bench-final", "bench-athena"):
            self._s3.create_bucket(Bucket=bucket)
        self._glue.create_database(DatabaseInput={"Name": "retraced"})

    def add(self, name: str, parts: dict[str, pa.Table]) -> None:
        """Add a table, its parts by month, or as one part without a name."""
        location = f"s3://bench-final/retraced/{name}/"
        schema = next(iter(parts.values())).schema
        storage = {**PARQUET, "Location": location, "Columns": [
            {"Name": field.name, "Type": HIVE[field.type]} for field in schema
        ]}  # fmt: skip
        keys = [] if "" in parts else [{"Name": "month", "Type": "string"}]
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys, "StorageDescriptor": storage}
        self._glue.create_table(DatabaseName="retraced", TableInput=table)
        for month, rows in parts.items():
            path = f"retraced/{name}/" + (f"month={month}/" if month else "")
            body = io.BytesIO()
            pq.write_table(rows, body, compression="zstd", row_group_size=122_880)
            self._s3.put_object(Bucket="bench-final", Key=path + "rows.parquet", Body=body.getvalue())
            target = self._folder / path
            target.mkdir(parents=True)
            (target / "rows.parquet").write_bytes(body.getvalue())
            if month:
                given = {"Values": [month], "StorageDescriptor": {**storage, "Location": f"s3://bench-final/{path}"}}
                self._glue.create_partition(DatabaseName="retraced", TableName=name, PartitionInput=given)
        files = f"{self._folder}/retraced/{name}/" + ("*.parquet" if "" in parts else "*/*.parquet")
        source = f"read_parquet('{files}', hive_partitioning = {bool(keys)}, hive_types_autocast = false)"
        self.duckdb.execute(f"CREATE VIEW retraced.{name} AS SELECT * FROM {source}")

    def query(self, sql: str) -> str:
        """Run a query through Athena to its end; returns its id."""
        place = {"OutputLocation": "s3://bench-athena/"}
        started = self._athena.start_query_execution(QueryString=sql, ResultConfiguration=place)
        while True:
            given = self._athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
            status = given["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return str(started["QueryExecutionId"])
            if status["State"] not in ("QUEUED", "RUNNING"):
                raise RuntimeError(status["StateChangeReason"])
            time.sleep(POLL_SECONDS)

    def rows(self, identifier: str) -> list[list[str]]:
        """The rows of a query's result."""
        rows = self._athena.get_query_results(QueryExecutionId=identifier)["ResultSet"]["Rows"]
        return [[cell["VarCharValue"] for cell in row["Data"]] for row in rows[1:]]


def timed(function: Any, *arguments: Any) -> tuple[float, float]:
    """Wall and CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("memberships", 500_000), ("companies", 3_000), ("months", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    trino = SQL.read_text(encoding="utf-8")
    direct = sqlglot.transpile(trino, read="athena", write="duckdb")[0]
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "aws") as server:
        lake = Lake(server, Path(folder) / "direct")
        starts = month_starts(given.months)
        lake.add("memberships", {"": memberships(given.memberships, given.companies, given.months)})
        lake.add("activity", {f"{start:%Y-%m}": activity(start, given.companies) for start in starts})
        # DuckDB's months are timestamps at midnight where Athena's are dates.
        expected = [[str(row[0])[:10], *map(str, row[1:])] for row in lake.duckdb.execute(direct).fetchall()]
        if lake.rows(lake.query(trino)) != expected:
            print("the two answers differ", file=sys.stderr)
            return 1
        times = []
        for _ in range(PAIRS):
            ours = timed(lake.query, trino)
            times.append((ours, timed(lambda: lake.duckdb.execute(direct).fetchall())))
        trivial = [timed(lake.query, "SELECT 1")[0] for _ in range(PAIRS)]
        lake.duckdb.close()
    print(f"{given.memberships:,} memberships, {given.companies:,} companies, {given.months} months, {PAIRS} pairs")
    ratios = []
    for index, clock in enumerate(("wall", "CPU")):
        ratios.append(statistics.median(ours[index] / theirs[index] for ours, theirs in times))
        athena, plain = (statistics.median(pair[side][index] for pair in times) * 1000 for side in (0, 1))
        print(f"final query, {clock}: Athena {athena:.1f} ms, DuckDB {plain:.1f} ms, ratio {ratios[index]:.2f}")
    print(f"SELECT 1: {statistics.median(trivial) * 1000:.1f} ms from the start to SUCCEEDED")
    print(f"bar: wall {BAR}")
    return 0 if ratios[0] <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
