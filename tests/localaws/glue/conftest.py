"""Data in the embedded AWS's S3, and crawls of it."""

import io
import itertools
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.localaws.glue.jobs import Job

_numbers = itertools.count()


@pytest.fixture(scope="session")
def glue(client):
    return client("glue")


@pytest.fixture
def bucket(aws):
    name = f"glue-test-{next(_numbers)}"
    aws.store.create_bucket(name)
    return name


class Lake:
    """A bucket, a database and a crawler of their own."""

    def __init__(self, aws, glue, bucket):
        self.store, self.glue, self.bucket = aws.store, glue, bucket
        self.database = self.crawler = bucket.replace("-", "_")

    def put(self, key, body):
        self.store.put(self.bucket, key, body.encode() if isinstance(body, str) else body)

    def put_parquet(self, key, **columns):
        body = io.BytesIO()
        pq.write_table(pa.table(columns), body)
        self.put(key, body.getvalue())

    def create(self, *paths, exclusions=(), configuration=None, **settings):
        targets = [{"Path": f"s3://{self.bucket}/{path}", "Exclusions": list(exclusions)} for path in paths]
        if configuration is not None:
            settings["Configuration"] = json.dumps({"Version": 1.0, **configuration})
        self.glue.create_crawler(
            Name=self.crawler, Role="crawler", DatabaseName=self.database, Targets={"S3Targets": targets}, **settings
        )

    def run(self):
        """Run the crawler to its end; its LastCrawl."""
        self.glue.start_crawler(Name=self.crawler)
        return self.wait()

    def wait(self):
        """Wait for the crawl's end; the LastCrawl."""
        return self.wait_until(lambda crawler: crawler["State"] == "READY")

    def wait_until(self, is_so):
        end = time.monotonic() + 60
        while not is_so(crawler := self.glue.get_crawler(Name=self.crawler)["Crawler"]):
            assert time.monotonic() < end, crawler
            time.sleep(0.005)
        return crawler["LastCrawl"]

    def crawl(self, *paths, **settings):
        """Make the crawler, run it, and give the tables by name."""
        self.create(*paths, **settings)
        last = self.run()
        assert last["Status"] == "SUCCEEDED", last
        return self.tables()

    def tables(self):
        return {table["Name"]: table for table in self.glue.get_tables(DatabaseName=self.database)["TableList"]}

    def columns(self, table):
        storage = self.glue.get_table(DatabaseName=self.database, Name=table)["Table"]["StorageDescriptor"]
        return [(column["Name"], column["Type"]) for column in storage["Columns"]]

    def partitions(self, table):
        """Values and location below the bucket of each partition."""
        pages = self.glue.get_paginator("get_partitions").paginate(DatabaseName=self.database, TableName=table)
        return {
            tuple(partition["Values"]): partition["StorageDescriptor"]["Location"].removeprefix(f"s3://{self.bucket}/")
            for page in pages
            for partition in page["Partitions"]
        }


@pytest.fixture
def lake(aws, glue, bucket):
    return Lake(aws, glue, bucket)


@pytest.fixture
def job(aws, client):
    """Makes jobs."""

    def make(script, **settings):
        return Job(aws, client, script, **settings)

    return make
