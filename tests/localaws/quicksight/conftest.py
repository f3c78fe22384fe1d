from __future__ import annotations

import datetime as dt
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localaws.core import ACCOUNT_ID, AwsError, Call, World
from localaws.quicksight.engine import QuickSightEngine

KINDS = {
    "string": "varchar",
    "int64": "bigint",
    "double": "double",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us]": "timestamp(3)",
    "timestamp[us, tz=UTC]": "timestamp(3) with time zone",
    "null": "unknown",
    "decimal128(38, 0)": "bigint",
}


MONTHLY = {
    "month": "DATETIME",
    "activated_users": "INTEGER",
    "active_users": "INTEGER",
    "activated_companies": "INTEGER",
    "active_companies": "INTEGER",
    "potential_companies": "INTEGER",
}
DAILY = {"day": "DATETIME", "active_users": "INTEGER", "active_companies": "INTEGER"}


class FakeResult:
    """What Athena gives: a sum of bigint is a decimal to Arrow, and a bigint by its type."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.columns = [(field.name, KINDS.get(str(field.type), str(field.type))) for field in table.schema]

    def arrow(self) -> pa.Table:
        return self._table


class FakeAthena:
    """Answers any SQL with the table set for it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table | Exception | Callable[[], pa.Table]] = {}
        self.asked: list[tuple[str, str]] = []

    def execute(self, sql: str, database: str, *, parameters: tuple[Any, ...] = ()) -> FakeResult:
        self.asked.append((sql, database))
        answer = self.tables.get(sql)
        if answer is None:
            raise AwsError("InvalidRequestException", f"TABLE_NOT_FOUND: nothing is known of {sql}")
        if isinstance(answer, Exception):
            raise answer
        return FakeResult(answer() if callable(answer) else answer)


def physical(name: str, columns: dict[str, str]) -> dict[str, Any]:
    custom = {
        "DataSourceArn": f"arn:aws:quicksight:us-east-1:{ACCOUNT_ID}:datasource/athena",
        "Name": name,
        "SqlQuery": f"SELECT {name}",
        "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
    }
    return {"PhysicalTableMap": {"main": {"CustomSql": custom}}}


class QuickSight:
    """The engine with calls by operation name, on the local account."""

    MONTHLY = MONTHLY
    physical = staticmethod(physical)

    def __init__(self, root: Path) -> None:
        self.athena = FakeAthena()
        engines: Any = {"athena": self.athena}
        self.world = World(root, "http://127.0.0.1:1", None, None, engines)  # type: ignore[arg-type]
        self.moment = dt.datetime(2026, 1, 5, 10, 7, tzinfo=dt.UTC)  # by the clock of refresh schedules; a Monday
        self.engine = QuickSightEngine(self.world, lambda: self.moment)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        answer = self.engine.operations[operation](
            Call("quicksight", operation, {"AwsAccountId": ACCOUNT_ID, **params})
        )
        return dict(answer or {})

    def page(self, path: str, **query: str) -> Any:
        return self.engine.pages["quicksight"](path, query)

    def restarted(self) -> None:
        self.engine.close()
        self.engine = QuickSightEngine(self.world, lambda: self.moment)

    def source(self) -> None:
        self.call("CreateDataSource", DataSourceId="athena", Name="Athena", Type="ATHENA")

    def data_set(
        self, name: str, table: pa.Table, columns: dict[str, str], mode: str = "SPICE", **more: Any
    ) -> dict[str, Any]:
        """A data set whose SQL gives the table; its first ingestion is through when this returns."""
        self.athena.tables[f"SELECT {name}"] = table
        answer = self.call(
            "CreateDataSet", DataSetId=name, Name=name.title(), ImportMode=mode, **physical(name, columns), **more
        )
        if "IngestionId" in answer:
            self.ended(name, answer["IngestionId"])
        return answer

    def ended(self, data_set: str, ingestion: str) -> dict[str, Any]:
        """The ingestion once it is through."""
        for _ in range(500):
            record = self.call("DescribeIngestion", DataSetId=data_set, IngestionId=ingestion)["Ingestion"]
            if record["IngestionStatus"] in ("COMPLETED", "FAILED", "CANCELLED"):
                return dict(record)
            time.sleep(0.01)
        raise AssertionError(f"ingestion {ingestion} did not end")


def monthly_table(months: int = 24) -> pa.Table:
    """Months from January 2024 on; active companies are 10, 11, 12 and so on, potential ones 0, 1, 2."""
    days = [dt.date(2024 + n // 12, n % 12 + 1, 1) for n in range(months)]
    active = [10 + n for n in range(months)]
    columns = {
        "month": pa.array(days, pa.date32()),
        "activated_users": [1000 + 150 * n for n in range(months)],
        "active_users": [700 + 60 * n + (n % 5) * 40 for n in range(months)],
        "activated_companies": [20 + n for n in range(months)],
        "active_companies": active,
        "potential_companies": list(range(months)),
    }
    return pa.table(columns)


def daily_table(days: int = 600) -> pa.Table:
    first = dt.date(2024, 1, 1)
    return pa.table(
        {
            "day": pa.array([first + dt.timedelta(n) for n in range(days)], pa.date32()),
            "active_users": [200 + n + (n % 7) * 15 for n in range(days)],
            "active_companies": [5 + n // 60 + (n % 7) for n in range(days)],
        }
    )


@pytest.fixture
def quicksight(tmp_path: Path) -> Iterator[QuickSight]:
    made = QuickSight(tmp_path)
    made.source()
    yield made
    made.engine.close()


@pytest.fixture(scope="session")
def tables() -> dict[str, pa.Table]:
    """Rows for the data sets of the pipeline retraced."""
    return {"retraced-monthly": monthly_table(), "retraced-daily": daily_table()}


ROOT = Path(__file__).parents[3]
ARN = f"arn:aws:quicksight:us-east-1:{ACCOUNT_ID}"
DDL = {
    "retraced-monthly": "month date, activated_users bigint, active_users bigint, activated_companies bigint,"
    " active_companies bigint, potential_companies bigint",
    "retraced-daily": "day date, active_users bigint, active_companies bigint",
}


def athena(client, sql):
    started = client("athena").start_query_execution(
        QueryString=sql, ResultConfiguration={"OutputLocation": "s3://quicksight-e2e/results/"}
    )["QueryExecutionId"]
    for _ in range(300):
        status = client("athena").get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] in ("SUCCEEDED", "FAILED"):
            assert status["State"] == "SUCCEEDED", status
            return
        time.sleep(0.02)
    raise AssertionError("the statement did not end")


def ended(client, data_set, ingestion):
    for _ in range(300):
        record = client("quicksight").describe_ingestion(
            AwsAccountId=ACCOUNT_ID, DataSetId=data_set, IngestionId=ingestion
        )["Ingestion"]
        if record["IngestionStatus"] in ("COMPLETED", "FAILED"):
            return record
        time.sleep(0.02)
    raise AssertionError("the ingestion did not end")


@pytest.fixture(scope="session")
def ended_of():
    """Waits for an ingestion over HTTP."""
    return ended


@pytest.fixture(scope="session")
def deployed(client, tables):
    """The dashboard of the pipeline retraced, deployed over two tables of made-up rows."""
    client("s3").create_bucket(Bucket="quicksight-e2e")
    athena(client, "CREATE DATABASE quicksight_e2e")
    quicksight = client("quicksight")
    source = quicksight.create_data_source(
        AwsAccountId=ACCOUNT_ID,
        DataSourceId="e2e-athena",
        Name="Athena",
        Type="ATHENA",
        DataSourceParameters={"AthenaParameters": {"WorkGroup": "primary"}},
    )
    document = json.loads((ROOT / "dashboards" / "retraced.json").read_text())
    text = json.dumps(document["Definition"])
    for name, columns in {"retraced-monthly": MONTHLY, "retraced-daily": DAILY}.items():
        table = name.replace("-", "_")
        body = io.BytesIO()
        pq.write_table(tables[name], body)
        client("s3").put_object(Bucket="quicksight-e2e", Key=f"{table}/rows.parquet", Body=body.getvalue())
        athena(
            client,
            f"CREATE EXTERNAL TABLE quicksight_e2e.{table} ({DDL[name]}) STORED AS PARQUET"
            f" LOCATION 's3://quicksight-e2e/{table}/'",
        )
        made = quicksight.create_data_set(
            AwsAccountId=ACCOUNT_ID,
            DataSetId=f"e2e-{name}",
            Name=name,
            ImportMode="SPICE",
            PhysicalTableMap={
                "main": {
                    "CustomSql": {
                        "DataSourceArn": source["Arn"],
                        "Name": name,
                        "SqlQuery": f"SELECT {', '.join(columns)} FROM quicksight_e2e.{table}",
                        "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
                    }
                }
            },
        )
        first = ended(client, f"e2e-{name}", made["IngestionId"])
        assert first["IngestionStatus"] == "COMPLETED", first
        assert first["RequestType"] == "INITIAL_INGESTION"
        text = text.replace(f"${{dataset_arn:{name}}}", f"{ARN}:dataset/e2e-{name}")
    quicksight.create_dashboard(
        AwsAccountId=ACCOUNT_ID, DashboardId="e2e", Name=document["Name"], Definition=json.loads(text)
    )
    return json.loads(text)
