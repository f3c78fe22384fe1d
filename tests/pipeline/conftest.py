"""The real DAGs on the embedded AWS, both in processes of their own: one pair for all pipelines' tests."""

import csv
import datetime as dt
import os
import signal
import time

import psutil
import pytest

from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws, LocalError
from millrace.provision import Provisioner
from millrace.sources.uploads import find_files, upload


def wait_until(true, seconds=240):
    """Wait for what comes about by itself."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


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

    def killed(self, date, task, state="running"):
        """A run of the DAG that is killed when a task comes to this state; no word is left to Airflow."""

        def kill(event):
            if (event["task"], event["state"]) == (task, state):
                os.kill(self.airflow.run_pid, signal.SIGKILL)

        with pytest.raises(LocalError, match="ended with status -9"):
            self.run(date, kill)

    def killed_at_every_task(self, date, publishes, arrive, check):
        """Kill a run at the start of each task of the DAG in turn; then let one end well.

        arrive: called with a number before each run, so that every task has work to do. check: called after each run,
        with whether the task `publishes` had ended in it, so that people see all that arrived. Returns the tasks.
        """
        tasks = []
        arrive(0)
        assert self.run(date, lambda event: event["task"] in tasks or tasks.append(event["task"]))[0] == "success"
        check(True)
        for number, task in enumerate(tasks, start=1):
            arrive(number)
            self.killed(date, task)
            check(number - 1 > tasks.index(publishes))
        assert self.run(date)[0] == "success"
        check(True)
        return tasks

    def run_whose_job_is_killed(self, date, prefix):
        """A run of the DAG whose Glue run is killed when it has written something into the final bucket.

        The states of the Glue runs that this took, in order.
        """
        known, runs = self.keys("final", prefix), len(self.job_runs())

        def kill(event):
            if (event["task"], event["state"]) != ("load", "running") or len(self.job_runs()) > runs + 1:
                return
            wait_until(lambda: set(self.keys("final", prefix)) - set(known))
            for process in psutil.Process(self.aws.pid).children(recursive=True):
                if any(word.endswith("spark/driver.py") for word in process.cmdline()):
                    process.kill()

        assert self.run(date, kill)[0] == "success"
        return [run["JobRunState"] for run in self.job_runs()[runs:]]

    def wait_for_job_runs(self):
        """Until none is under way; the states of all, the oldest first."""
        wait_until(lambda: all(run["JobRunState"] in ("SUCCEEDED", "FAILED") for run in self.job_runs()))
        return [run["JobRunState"] for run in self.job_runs()]

    def job_runs(self):
        """The runs of the pipeline's Glue job, the oldest first."""
        return self.glue.get_job_runs(JobName=self.slug)["JobRuns"][::-1]

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

    def keys(self, bucket, prefix=""):
        """The keys of the objects of a bucket, by its short name."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=f"{BUCKET_PREFIX}-{bucket}", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def objects(self, bucket, prefix=""):
        """Key → body of the objects of a bucket, by its short name."""
        name = f"{BUCKET_PREFIX}-{bucket}"
        return {key: self.s3.get_object(Bucket=name, Key=key)["Body"].read() for key in self.keys(bucket, prefix)}

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
