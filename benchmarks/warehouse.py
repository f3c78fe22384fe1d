"""Redshift and Athena on the embedded AWS beside bare DuckDB on the same Parquet files.

    python -m benchmarks.warehouse [--rows N] [--repeat N] [--folder DIR]

Purchases by month and region are published; then they are loaded by the transaction of the DAG
``transactions_warehouse`` (staging COPY, delete, insert, totals), beside a bare ``CREATE TABLE AS``. Questions are put
to Redshift through the Data API, from ExecuteStatement to the rows, beside DuckDB on that bare table; and to Athena,
from StartQueryExecution to SUCCEEDED, beside DuckDB on the files. The ways take turns; medians are shown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.retail_events import ask
from millrace import contracts, publish, resources, warehouse
from millrace.local import BUCKET_PREFIX, LocalAws
from millrace.provision import catalog, storage, warehouses
from millrace.provision.account import Account

SLUG = "transactions"
FINAL = f"{BUCKET_PREFIX}-final"
# {t} is the table, {p} what limits it to a month, where a reader can leave out files.
QUESTIONS = {
    "sales of a day": "SELECT sum(amount) FROM {t} WHERE {p} purchase_date = DATE '2025-03-14' AND status = 'REFUNDED'",
    "sales by day, all": "SELECT purchase_date, sum(amount) FROM {t} GROUP BY purchase_date",
    "sales by region and product": "SELECT region, product_id, sum(amount) FROM {t} GROUP BY region, product_id",
    "purchases of a customer": "SELECT count(*), sum(amount) FROM {t} WHERE customer_key = 123456",
    "ten best products": "SELECT product_id, sum(amount) FROM {t} GROUP BY product_id ORDER BY 2 DESC LIMIT 10",
}
_ROWS = """
SELECT
    40000000 + i AS purchase_id, DATE '2025-01-01' + CAST(hash(i) % 237 AS int) AS purchase_date,
    CAST(hash(i + 1) % 1000000 AS bigint) AS customer_key, format('P{{:04}}', hash(i + 2) % 200) AS product_id,
    CASE WHEN hash(i + 3) % 20 > 0 THEN CAST((hash(i + 4) % 40000) / 100 AS decimal(12, 2)) END AS amount,
    hash(i + 3) % 20 = 0 AS amount_missing,
    ['COMPLETED', 'REFUNDED', 'CANCELLED'][CAST(1 + hash(i + 5) % 3 AS int)] AS status,
    'box ' || hash(i + 6) % 99 || ' of 99, left with the neighbour' AS note, 'a.csv' AS source,
    strftime(purchase_date, '%Y-%m') AS period,
    ['AFRICA', 'APAC', 'EUROPE', 'LATAM', 'MIDDLE_EAST', 'NORTH_AMERICA'][CAST(1 + hash(i + 7) % 6 AS int)] AS region
FROM range({rows}) AS r (i)
"""


def files(folder: Path, rows: int) -> int:
    """Write purchases as Parquet in folders by period and region; how many bytes."""
    with duckdb.connect() as connection:
        query = _ROWS.format(rows=rows)
        options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (period, region)"
        connection.execute(f"COPY ({query}) TO '{folder}' ({options})")
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def publish_files(aws: LocalAws, folder: Path) -> None:
    """Bring the files into the lake, and let readers see them."""
    account = Account(aws.client, BUCKET_PREFIX, folder)
    storage.make_buckets(account, resources.common().buckets)
    storage.make_workgroup(account, resources.common().workgroup)
    warehouses.make(account, resources.pipeline(SLUG).warehouses)
    s3, glue = aws.client("s3"), aws.client("glue")
    contract = contracts.get(SLUG, "transactions_clean")
    glue.create_database(DatabaseInput={"Name": SLUG})
    glue.create_table(DatabaseName=SLUG, TableInput=catalog.table_input(contract, BUCKET_PREFIX))
    keys = []
    for path in sorted(folder.rglob("*.parquet")):
        keys.append(f"{SLUG}/transactions_clean/build=1/{path.relative_to(folder)}")
        s3.upload_file(str(path), FINAL, keys[-1])
    publish.switch(glue, s3, SLUG, contract.table, [f"s3://{FINAL}/{key}" for key in keys], None, "")


def in_redshift(data: Any, *sql: str) -> list[list[str | None]]:
    """Run statements as one transaction; the rows of a single one, if it has any."""
    place = {"WorkgroupName": SLUG, "Database": SLUG}
    if len(sql) == 1:
        identifier = data.execute_statement(**place, Sql=sql[0])["Id"]
    else:
        identifier = data.batch_execute_statement(**place, Sqls=list(sql))["Id"]
    while (told := data.describe_statement(Id=identifier))["Status"] != "FINISHED":
        if told["Status"] in ("FAILED", "ABORTED"):
            raise RuntimeError(told.get("Error", told["Status"]))
        time.sleep(0.005)
    if len(sql) > 1 or not told["HasResultSet"]:
        return []
    pages = data.get_paginator("get_statement_result").paginate(Id=identifier)
    return warehouse.rows(record for page in pages for record in page["Records"])


def load(aws: LocalAws) -> None:
    """The DAG's transaction, on what is not loaded."""
    s3, glue, data = (aws.client(name) for name in ("s3", "glue", "redshift-data"))
    contract = contracts.get(SLUG, "transactions_clean")
    folder = f"s3://{BUCKET_PREFIX}-processed/_warehouse/{SLUG}/{time.monotonic_ns()}/"
    regions = warehouse.write_plan(s3, folder, warehouse.touched(warehouse.published(glue, contract), {}))
    in_redshift(data, *warehouse.load_statements(contract, glue, folder, regions))


def fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    """The rows of a query of bare DuckDB."""
    return connection.execute(sql).fetchall()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def show(title: str, repeat: int, ours: Callable[[], object], bare: Callable[[], object]) -> None:
    """Measure both, turn by turn, and print the medians."""
    turns = [(seconds(ours), seconds(bare)) for _ in range(repeat)]
    one, other = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"{title:44}{one:9.3f}{other:9.3f}{one / other:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where all goes (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        size = files(folder / "parquet", options.rows)
        print(f"{options.rows:,} purchases, {size / 1e6:,.0f} MB of Parquet\n{'':44}{'ours s':>9}{'bare s':>9}{'×':>9}")
        with LocalAws(folder / "aws", folder / "aws.log") as aws, duckdb.connect(str(folder / "bare.duckdb")) as bare:
            publish_files(aws, folder / "parquet")
            data, athena = aws.client("redshift-data"), aws.client("athena")
            for table in ("purchases", "daily_sales", "loaded_partitions"):
                in_redshift(data, *warehouse.statements(SLUG, table))
            source = f"read_parquet('{folder}/parquet/*/*/*.parquet', hive_partitioning = true)"
            make = f"CREATE OR REPLACE TABLE purchases AS SELECT * EXCLUDE (note, source, amount_missing) FROM {source}"
            show("load", options.repeat, lambda: load(aws), lambda: bare.execute(make))
            for question, sql in QUESTIONS.items():
                stored = sql.format(t="purchases", p="")
                ways = partial(in_redshift, data, stored), partial(fetch, bare, stored)
                show(f"Redshift: {question}", options.repeat, *ways)
            for question, sql in QUESTIONS.items():
                month = "period = '2025-03' AND"
                ours = partial(ask, athena, sql.format(t="transactions.transactions_clean", p=month))
                show(f"Athena: {question}", options.repeat, ours, partial(fetch, bare, sql.format(t=source, p=month)))


if __name__ == "__main__":
    main()
