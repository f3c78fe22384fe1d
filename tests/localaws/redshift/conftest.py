"""Warehouses: a namespace and a workgroup of their own, and statements on them through the Data API."""

import io
import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_numbers = itertools.count()
ROLE = "arn:aws:iam::123456789012:role/redshift"


class Failed(Exception):
    """A statement that did not finish; its text is the API's Error."""


class Warehouse:
    """One workgroup, and the Data API's ways to it."""

    def __init__(self, aws, client):
        self.number = next(_numbers)
        self.aws, self.data, self.serverless = aws, client("redshift-data"), client("redshift-serverless")
        self.name, self.bucket = f"warehouse-{self.number}", f"redshift-{self.number}"
        self.serverless.create_namespace(namespaceName=self.name)
        self.serverless.create_workgroup(workgroupName=self.name, namespaceName=self.name)
        aws.store.create_bucket(self.bucket)

    def start(self, sql, **more):
        """Begin a statement, or a batch if there are several; its id."""
        place = (
            {"WorkgroupName": self.name, "Database": "dev", "WaitTimeSeconds": 30} if "SessionId" not in more else {}
        )
        if isinstance(sql, str):
            return self.data.execute_statement(Sql=sql, **{**place, **more})["Id"]
        return self.data.batch_execute_statement(Sqls=list(sql), **{**place, **more})["Id"]

    def run(self, *sql, **more):
        """Run a statement, or a batch, to its end; its description. Raises Failed."""
        identifier = self.start(sql[0] if len(sql) == 1 else sql, **more)
        described = self.data.describe_statement(Id=identifier, WaitTimeSeconds=30)
        if described["Status"] != "FINISHED":
            raise Failed(described.get("Error", described["Status"]))
        return described

    def rows(self, sql, **more):
        """A query's rows, as tuples of Python values."""
        identifier = self.run(sql, **more)["Id"]
        pages = self.data.get_paginator("get_statement_result").paginate(Id=identifier)
        return [
            tuple(None if "isNull" in field else next(iter(field.values())) for field in record)
            for page in pages
            for record in page["Records"]
        ]

    def value(self, expression):
        """The value of one expression."""
        ((value,),) = self.rows(f"SELECT {expression}")
        return value

    def fails(self, *sql, **more):
        """The error of a statement that must fail."""
        with pytest.raises(Failed) as failed:
            self.run(*sql, **more)
        return str(failed.value)

    def put(self, key, body):
        self.aws.store.put(self.bucket, key, body.encode() if isinstance(body, str) else body)

    def put_parquet(self, key, **columns):
        body = io.BytesIO()
        pq.write_table(pa.table(columns), body)
        self.put(key, body.getvalue())

    def get(self, key):
        with self.aws.store.open(self.bucket, key) as body:
            return body.read()

    def keys(self, prefix=""):
        return [info.key for info in self.aws.store.list(self.bucket, prefix)]

    def copy(self, table, key, options=""):
        """COPY from the warehouse's bucket; the number of rows."""
        return self.run(f"COPY {table} FROM 's3://{self.bucket}/{key}' IAM_ROLE '{ROLE}' {options}")["ResultRows"]


@pytest.fixture(scope="module")
def shared(aws, client):
    """A warehouse for queries that change nothing."""
    return Warehouse(aws, client)


@pytest.fixture
def warehouse(aws, client):
    return Warehouse(aws, client)
