"""An Athena engine on a store and catalog of its own, and a shorthand for statements and tables."""

import io
import uuid

import pyarrow.parquet as pq
import pytest

from localaws.athena.engine import AthenaEngine
from localaws.core import AwsError, Call, World
from localaws.glue.catalog import Catalog
from localaws.s3.store import Store


class Athena:
    """Runs statements in the database of one test."""

    def __init__(self, world, engine):
        self.world = world
        self.store = world.store
        self.catalog = world.catalog
        self.engine = engine
        self.database = "d" + uuid.uuid4().hex[:8]
        self.catalog.create_database({"Name": self.database})

    def call(self, operation, **params):
        return self.engine.operations[operation](Call("athena", operation, params))

    def start(self, sql, **params):
        given = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": "s3://results/out/"},
        }
        return self.call("StartQueryExecution", **(given | params))["QueryExecutionId"]

    def wait(self, identifier):
        assert self.engine._executions.get(identifier).done.wait(60)
        return self.call("GetQueryExecution", QueryExecutionId=identifier)["QueryExecution"]

    def run(self, sql, **params):
        """The execution of a statement that must succeed."""
        execution = self.wait(self.start(sql, **params))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"].get("StateChangeReason")
        return execution

    def fails(self, sql, **params):
        """The reason why a statement fails, at the start or later."""
        try:
            execution = self.wait(self.start(sql, **params))
        except AwsError as error:
            return error.message
        assert execution["Status"]["State"] == "FAILED"
        return execution["Status"]["StateChangeReason"]

    def rows(self, sql, **params):
        """The rows of a query as texts, the header left out; None for NULL."""
        return self.cells(sql, **params)[1:]

    def cells(self, sql, **params):
        """All rows that GetQueryResults gives."""
        answer = self.call("GetQueryResults", QueryExecutionId=self.run(sql, **params)["QueryExecutionId"])
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer["ResultSet"]["Rows"]]

    def lines(self, sql):
        return [row[0] for row in self.cells(sql)]

    def put(self, key, body, bucket="lake"):
        return self.store.put(bucket, key, body if isinstance(body, bytes) else body.encode())

    def put_parquet(self, key, table, **options):
        buffer = io.BytesIO()
        pq.write_table(table, buffer, **options)
        return self.put(key, buffer.getvalue())

    def keys(self, prefix="", bucket="lake"):
        return [info.key for info in self.store.list(bucket, prefix)]

    def text(self, key, bucket="results"):
        with self.store.open(bucket, key) as source:
            return source.read().decode()


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory):
    data = tmp_path_factory.mktemp("athena")
    world = World(data, "", Store(data / "s3"), Catalog())
    engine = AthenaEngine(world)
    yield world, engine
    engine.close()
    world.store.close()


@pytest.fixture
def athena(shared_engine):
    """The engine with empty buckets ``lake`` and ``results`` and a new database."""
    world, engine = shared_engine
    for bucket in ("lake", "results"):
        world.store.create_bucket(bucket)
        for info in list(world.store.list(bucket)):
            world.store.delete(bucket, info.key)
    return Athena(world, engine)
