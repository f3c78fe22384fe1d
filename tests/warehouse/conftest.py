"""A lake of published purchases and the warehouse that loads them, on the embedded AWS in a process of its own."""

import io
import time
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace import contracts, resources, warehouse
from millrace.local import BUCKET_PREFIX, LocalAws
from millrace.provision import catalog, storage, warehouses
from millrace.provision.account import Account

SLUG = "transactions"
CLEAN, DAILY = (contracts.get(SLUG, table) for table in ("transactions_clean", "daily_sales"))
TABLES = ("purchases", "daily_sales", "loaded_partitions")
KINDS = {
    "bigint": pa.int64(), "date": pa.date32(), "string": pa.string(), "boolean": pa.bool_(),
    "decimal(12,2)": pa.decimal128(12, 2), "decimal(18,2)": pa.decimal128(18, 2),
}  # fmt: skip


class Failed(Exception):
    """A statement that did not finish."""


class Lake:
    """What the DAG sees: tables in Glue, Parquet in S3, and Redshift's Data API."""

    def __init__(self, folder):
        self.folder, self.builds = folder, 0
        self.start()
        account = Account(self.aws.client, BUCKET_PREFIX, folder / "built")
        declared = resources.pipeline(SLUG)
        storage.make_buckets(account, resources.common().buckets)
        storage.make_workgroup(account, resources.common().workgroup)
        self.glue.create_database(DatabaseInput={"Name": SLUG})
        for contract in (CLEAN, DAILY):
            self.glue.create_table(DatabaseName=SLUG, TableInput=catalog.table_input(contract, BUCKET_PREFIX))
        for _ in range(2):  # the second time changes nothing
            warehouses.make(account, declared.warehouses)
        self.run_all(
            [warehouse.statements(SLUG, name)[0] for name in ("purchases", "daily_sales", "loaded_partitions")]
        )

    def start(self):
        self.aws = LocalAws(self.folder / "aws", self.folder / "aws.log")
        self.s3, self.glue, self.athena, self.data = (
            self.aws.client(name) for name in ("s3", "glue", "athena", "redshift-data")
        )

    def publish(self, table, period, region, rows, extra=None):
        """Let a partition of a table have these rows, from a folder of its own; without rows it is published no more.

        extra: values of a column that no contract knows.
        """
        contract = {"transactions_clean": CLEAN, "daily_sales": DAILY}[table]
        where = {"DatabaseName": SLUG, "TableName": table}
        known = warehouse.published(self.glue, contract)
        if (period, region) in known:
            self.glue.delete_partition(**where, PartitionValues=[period, region])
        if not rows:
            return
        self.builds += 1
        key = f"{SLUG}/builds/build={self.builds}/table={table}/period={period}/region={region}/part-0.parquet"
        columns = {
            column.name: pa.array([row.get(column.name) for row in rows], KINDS[column.type])
            for column in contract.columns
        }
        if extra is not None:
            columns["extra"] = pa.array(extra)
        body = io.BytesIO()
        pq.write_table(pa.table(columns), body, compression="zstd")
        self.s3.put_object(Bucket=f"{BUCKET_PREFIX}-final", Key=key, Body=body.getvalue())
        storage_of = self.glue.get_table(DatabaseName=SLUG, Name=table)["Table"]["StorageDescriptor"]
        location = f"s3://{BUCKET_PREFIX}-final/{key.rpartition('/')[0]}/"
        self.glue.create_partition(
            **where,
            PartitionInput={"Values": [period, region], "StorageDescriptor": {**storage_of, "Location": location}},
        )

    def plan(self):
        """The statements of the next load."""
        loaded = {(period, region): place for period, region, place in self.rows("SELECT * FROM loaded_partitions")}
        found = warehouse.touched(warehouse.published(self.glue, CLEAN), loaded)
        if not found:
            return []
        folder = f"s3://{BUCKET_PREFIX}-processed/_warehouse/{SLUG}/{time.monotonic_ns()}/"
        return warehouse.load_statements(CLEAN, self.glue, folder, warehouse.write_plan(self.s3, folder, found))

    def begin(self, statements):
        return self.data.batch_execute_statement(WorkgroupName=SLUG, Database=SLUG, Sqls=statements)["Id"]

    def run_all(self, statements):
        """Run statements as one transaction."""
        return self.end(self.begin(statements))

    def end(self, identifier):
        while (told := self.data.describe_statement(Id=identifier, WaitTimeSeconds=30))["Status"] not in (
            "FINISHED", "FAILED", "ABORTED"
        ):  # fmt: skip
            pass
        if told["Status"] != "FINISHED":
            raise Failed(told.get("Error"))
        return told

    def rows(self, sql):
        identifier = self.data.execute_statement(WorkgroupName=SLUG, Database=SLUG, Sql=sql)["Id"]
        self.end(identifier)
        pages = self.data.get_paginator("get_statement_result").paginate(Id=identifier)
        return warehouse.rows(record for page in pages for record in page["Records"])

    def ask_athena(self, sql):
        """The rows of a query in Athena, the names of the columns first."""
        query = self.athena.start_query_execution(QueryString=sql, WorkGroup="millrace")["QueryExecutionId"]
        while True:
            status = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] in ("SUCCEEDED", "FAILED"):
                break
            time.sleep(0.02)
        assert status["State"] == "SUCCEEDED", status
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        return [[cell.get("VarCharValue") for cell in r["Data"]] for page in pages for r in page["ResultSet"]["Rows"]]

    def differences(self):
        """What the gate would tell."""
        names, *expected = self.ask_athena(resources.pipeline(SLUG).query("warehouse_numbers"))
        return warehouse.differences(self.rows(warehouse.statements(SLUG, "numbers")[0]), expected, names)


def purchase(number, day, product, amount, status="COMPLETED", customer=7):
    """A row of transactions_clean."""
    return {
        "purchase_id": number, "purchase_date": date.fromisoformat(day), "customer_key": customer,
        "product_id": product, "amount": None if amount is None else Decimal(amount),
        "amount_missing": amount is None, "status": status, "note": "said nothing", "source": "a.csv",
    }  # fmt: skip


def day(when, product, purchases, completed, refunds, missing, sales, refunded):
    """A row of Athena's daily_sales."""
    return {
        "purchase_date": date.fromisoformat(when), "product_id": product, "purchases": purchases,
        "completed": completed, "refunds": refunds, "missing_amounts": missing, "sales": Decimal(sales),
        "refunded": Decimal(refunded),
    }  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    yield lake
    lake.aws.__exit__(None, None, None)
