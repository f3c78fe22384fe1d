"""The real DAGs on the embedded AWS, both in processes of their own: one pair for all pipelines' tests."""

import csv
import datetime as dt
import time

import pytest

from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner
from millrace.sources.uploads import find_files, upload


class Machine:
    """The embedded AWS and Airflow with all DAGs."""

    def __init__(self, folder):
        self.folder = folder
        self.aws = LocalAws(folder / "aws", folder / "aws.log")
        self.start_airflow()
        self.provisioner = Provisioner(self.aws.client, BUCKET_PREFIX, STATE / "packages")
        self.provisioner.common()

    def start_airflow(self):
        self.airflow = Airflow("retraced", self.aws, self.folder / "airflow", self.folder / "airflow.log")

    def close(self):
        self.airflow.__exit__(None, None, None)
        self.aws.__exit__(None, None, None)


class Stack:
    """A machine that is provisioned for one pipeline. listens: whether what arrives starts things by itself."""

    def __init__(self, slug, machine, listens=False):
        self.slug, self.machine, self.aws, self.folder = slug, machine, machine.aws, machine.folder
        machine.provisioner.pipeline(slug, listens=listens)
        self.s3, self.athena, self.glue = (self.aws.client(name) for name in ("s3", "athena", "glue"))

    @property
    def airflow(self):
        return self.machine.airflow

    def listen(self, yes=True):
        self.machine.provisioner.pipeline(self.slug, listens=yes)

    def restart_airflow(self):
        """After it was killed."""
        self.machine.start_airflow()
        self.airflow.wait_ready()

    def upload(self, name, text):
        self.s3.put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=f"{self.slug}/{name}", Body=text.encode())

    def upload_folder(self, folder):
        upload(self.s3, find_files(self.slug, folder, dt.date.today()), lambda done, of: None)

    def run(self, date, watch=lambda event: None, **params):
        """Run the DAG for a date: its state, and what its tasks came to."""
        conf = {"dag": self.slug, "logical_date": f"{date}T06:00:00Z", "date": date, **params}
        result = self.airflow.run(conf, watch)
        return result["result"], {task["task"]: task["state"] for task in result["tasks"]}

    def query(self, sql, *parameters):
        """The rows of a query, as text, without the header; ``scanned`` is then what it read."""
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.slug},
            WorkGroup="millrace",
            **({"ExecutionParameters": list(parameters)} if parameters else {}),
        )
        name = started["QueryExecutionId"]
        while True:
            execution = self.athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]
            status = execution["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert status["State"] == "SUCCEEDED", status
        self.scanned = execution["Statistics"]["DataScannedInBytes"]
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=name)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [tuple(cell.get("VarCharValue") for cell in row) for row in rows[1:]]

    def rows(self, table):
        """All rows of a table, in a fixed order."""
        return sorted(self.query(f"SELECT * FROM {table}"), key=str)

    def objects(self, bucket, prefix=""):
        """Key → body of the objects of a bucket, by its short name."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=f"{BUCKET_PREFIX}-{bucket}", Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=f"{BUCKET_PREFIX}-{bucket}", Key=key)["Body"].read() for key in keys}

    def rejected(self):
        """How many rows are in the pipeline's rejects."""
        rejects = self.objects("rejects", f"{self.slug}/").values()
        return sum(len(list(csv.DictReader(body.decode().splitlines(keepends=True)))) for body in rejects)


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    STATE.mkdir(exist_ok=True)
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.airflow.wait_ready()
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def stack(machine, request):
    """One for each module, which names its pipeline in SLUG."""
    return Stack(request.module.SLUG, machine)
