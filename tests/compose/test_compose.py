"""docker compose for real: up, the DAGs triggered through Airflow's REST API, a restart, and all is still there."""

import os
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path

import boto3
import httpx
import pytest

ROOT = Path(__file__).parents[2]
# Small samples; sales has its source in the compose file's own MariaDB, which provisioning fills.
SAMPLES = {
    "retraced": ["--logins", "20000", "--months", "3", "--companies", "20", "--users", "400"],
    "signups": ["--rows", "2000"],
    "retail_events": ["--events", "5000", "--properties", "20000"],
    "transactions": ["--rows", "24000"],
}
DAGS = (*SAMPLES, "sales")

pytestmark = [pytest.mark.whole, pytest.mark.timeout(2400)]


class Stack:
    """A compose project of its own, on free ports."""

    def __init__(self):
        ports = {name: str(free_port()) for name in ("AIRFLOW_PORT", "AWS_PORT", "JUPYTER_PORT")}
        self._project = f"millrace-{uuid.uuid4().hex[:8]}"
        self._environment = {**os.environ, **ports}
        self._airflow = f"http://127.0.0.1:{ports['AIRFLOW_PORT']}"
        self.jupyter = f"http://127.0.0.1:{ports['JUPYTER_PORT']}"
        self.aws = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['AWS_PORT']}",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def compose(self, *arguments):
        command = ["docker", "compose", "--project-name", self._project, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def up(self):
        """Up, until all are healthy; how long that took is in the test's output."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", "600")
        print(f"all healthy after {time.monotonic() - began:.0f} s")

    def rest(self, method, path, headers=None, **more):
        """Airflow's answer; a token for each, as one dies with the API server."""
        token = httpx.get(f"{self._airflow}/auth/token", timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        answer = httpx.request(method, f"{self._airflow}/api/v2/{path}", headers=headers, timeout=60, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def runs(self):
        """State by DAG and run of those that were triggered here."""
        found = self.rest("GET", "dags/~/dagRuns", params={"limit": 100})["dag_runs"]
        return {(run["dag_id"], run["dag_run_id"]): run["state"] for run in found if run["run_type"] == "manual"}

    def failures(self):
        """The end of the log of each task that failed."""
        found = self.rest("GET", "dags/~/dagRuns/~/taskInstances", params={"state": "failed", "limit": 20})
        for task in found["task_instances"]:
            place = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
            log = self.rest(
                "GET", f"{place}/logs/{task['try_number']}", params={"map_index": task["map_index"]},
                headers={"Accept": "application/json"},
            )  # fmt: skip
            yield f"{place}:\n" + "\n".join(str(line) for line in log["content"][-15:])

    def objects(self):
        """Key and ETag of all final data."""
        s3 = boto3.client(
            "s3", endpoint_url=self.aws["AWS_ENDPOINT_URL"], region_name="us-east-1",
            aws_access_key_id="local", aws_secret_access_key="local",
        )  # fmt: skip
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="millrace-final")
        return {(each["Key"], each["ETag"]) for page in pages for each in page.get("Contents", ())}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def stack():
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("needs Docker: no engine answers `docker info`")
    made = Stack()
    try:
        made.compose("build")
        made.up()
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "30")


def test_the_dags_succeed_and_all_outlives_a_restart(stack, tmp_path):
    millrace = [str(ROOT / ".venv/bin/millrace")]
    for slug, settings in SAMPLES.items():
        subprocess.run([*millrace, "sample", slug, "--out", str(tmp_path / slug), *settings], check=True)
        environment = {**os.environ, **stack.aws}
        subprocess.run([*millrace, "sync", slug, str(tmp_path / slug)], check=True, env=environment)
    for dag in DAGS:
        stack.rest("PATCH", f"dags/{dag}", json={"is_paused": False})
        # The day of the last upload, so that nothing is waited for.
        conf = {"date": "2025-12-31"} if dag == "retraced" else {}
        stack.rest("POST", f"dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})
    end = time.monotonic() + 1500
    while {"queued", "running"} & set(stack.runs().values()):
        assert time.monotonic() < end, stack.runs()
        time.sleep(5)
    runs = stack.runs()
    assert sorted(dag for dag, _ in runs) == sorted(DAGS)
    assert set(runs.values()) == {"success"}, "\n\n".join(stack.failures())
    final = stack.objects()
    assert {key.split("/")[0] for key, _ in final} >= set(DAGS)
    # They go on to run by schedule and by events, which must not disturb what is compared.
    for dag in DAGS:
        stack.rest("PATCH", f"dags/{dag}", json={"is_paused": True})

    stack.compose("restart")
    stack.up()
    assert stack.runs() == runs
    assert stack.objects() >= final
    assert httpx.get(f"{stack.jupyter}/api", timeout=60).json()["version"]


def test_nothing_is_published_beyond_the_machine(stack):
    published = stack.compose("ps", "--format", "{{.Ports}}").split()
    assert published and not [each for each in published if "->" in each and not each.startswith("127.0.0.1:")]
