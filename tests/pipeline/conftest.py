"""The real DAG on the embedded AWS, both in processes of their own."""

import time

import pytest

from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner


class Stack:
    """The embedded AWS, provisioned for one pipeline, and Airflow with its DAG."""

    def __init__(self, slug, folder):
        self.slug, self.folder = slug, folder
        self.aws = LocalAws(folder / "aws", folder / "aws.log")
        self.airflow = self.start_airflow()
        provisioner = Provisioner(self.aws.client, BUCKET_PREFIX, STATE / "packages")
        provisioner.common()
        provisioner.pipeline(slug)
        self.s3, self.athena = self.aws.client("s3"), self.aws.client("athena")
        self.airflow.wait_ready()

    def start_airflow(self):
        return Airflow(self.slug, self.aws, self.folder / "airflow", self.folder / "airflow.log")

    def upload(self, name, text):
        self.s3.put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=f"{self.slug}/{name}", Body=text.encode())

    def run(self, date, watch=lambda event: None, **params):
        """Run the DAG for a date: its state, and what its tasks came to."""
        result = self.airflow.run({"logical_date": f"{date}T06:00:00Z", "date": date, **params}, watch)
        return result["result"], {task["task"]: task["state"] for task in result["tasks"]}

    def query(self, sql):
        """The rows of a query, as text, without the header."""
        started = self.athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.slug}, WorkGroup="millrace"
        )
        name = started["QueryExecutionId"]
        while True:
            status = self.athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert status["State"] == "SUCCEEDED", status
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=name)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [tuple(cell.get("VarCharValue") for cell in row) for row in rows[1:]]

    def close(self):
        self.airflow.__exit__(None, None, None)
        self.aws.__exit__(None, None, None)


@pytest.fixture(scope="module")
def stack(tmp_path_factory, request):
    """One for each module, which names its pipeline in SLUG."""
    STATE.mkdir(exist_ok=True)
    stack = Stack(request.module.SLUG, tmp_path_factory.mktemp("stack"))
    yield stack
    stack.close()
