"""Airflow's services with the embedded AWS, as `make up` has them: what starts runs, and that runs take turns."""

import json
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest

from millrace.local import BUCKET_PREFIX, STATE, LocalAws
from millrace.provision import Provisioner
from millrace.up import AirflowServices

pytestmark = pytest.mark.whole
SLUG = "retraced"
COMPANIES = "user_id,company_id,accepted_at\n"
LOGINS = "user_id,company_id,login_at,country\n"
# In which part a row of user_days is does not matter.
DAYS = "(SELECT user_id, company_id, day, max(last_login_at), month FROM user_days GROUP BY 1, 2, 3, 5)"
TABLES = ("user_companies", "user_login_locations", "memberships", "activity", DAYS)
PATIENCE = 900  # seconds, for what takes one of two on a machine that does nothing else
ENDED = ("success", "failed")


class Services:
    """REST calls on a running Airflow, and the lake beside it."""

    def __init__(self, address, aws):
        token = httpx.get(f"{address}/auth/token", timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        self.address, self.aws = address, aws
        self.api = httpx.Client(base_url=f"{address}/api/v2", headers=headers, timeout=60)
        self.pages = httpx.Client(base_url=address, headers=headers, timeout=60, follow_redirects=True)
        self.s3, self.athena = aws.client("s3"), aws.client("athena")

    def post(self, path, **body):
        answer = self.api.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def runs(self, **of):
        found = self.api.get(f"/dags/{SLUG}/dagRuns", params={"limit": 100}).json()["dag_runs"]
        return [run for run in found if of.items() <= run.items()]

    def tasks(self, run):
        path = f"/dags/{SLUG}/dagRuns/{run}/taskInstances"
        found = self.api.get(path, params={"limit": 200}).json()["task_instances"]
        return {(task["task_id"], task["rendered_map_index"]): task for task in found}

    def until(self, what):
        """What becomes true, once it is."""
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            if found := what():
                return found
            time.sleep(1)
        states = [(run["dag_run_id"], run["state"]) for run in self.runs()]
        raise AssertionError(f"this did not come about in {PATIENCE} s; runs: {states}")

    def ended(self, *runs):
        """The states of these runs when all have ended."""

        def states():
            found = {run["dag_run_id"]: run["state"] for run in self.runs()}
            return all(found[run] in ENDED for run in runs) and [found[run] for run in runs]

        return self.until(states)

    def trigger(self, name, **conf):
        return self.post(f"/dags/{SLUG}/dagRuns", dag_run_id=name, logical_date=None, conf=conf)["dag_run_id"]

    def upload(self, table, name, text):
        self.s3.put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=f"{SLUG}/{table}/{name}.csv", Body=text.encode())

    def rows(self, table):
        context = {"Database": SLUG}
        started = self.athena.start_query_execution(
            QueryString=f"SELECT * FROM {table}", QueryExecutionContext=context, WorkGroup="millrace"
        )["QueryExecutionId"]
        execution = {"State": "RUNNING"}
        while execution["State"] in ("QUEUED", "RUNNING"):
            time.sleep(0.1)
            execution = self.athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        assert execution["State"] == "SUCCEEDED", execution
        rows = self.athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"][1:]
        return sorted((tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows), key=str)

    def everything(self):
        return {table: self.rows(table) for table in TABLES}

    def turn(self):
        where = {"Bucket": f"{BUCKET_PREFIX}-processed", "Key": f"_ledger/{SLUG}/turn.json"}
        return SimpleNamespace(**json.load(self.s3.get_object(**where)["Body"]))


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ExitStack() as stack:
        aws = stack.enter_context(LocalAws(folder / "aws", folder / "aws.log"))
        provisioner = Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages")
        provisioner.common()
        provisioner.pipeline(SLUG)
        airflow = AirflowServices(aws, folder / "airflow", folder, port, stack)
        airflow.wait_healthy()
        services = Services(airflow.address, aws)
        services.until(lambda: services.api.get(f"/dags/{SLUG}").status_code == 200)
        assert services.api.patch(f"/dags/{SLUG}", json={"is_paused": False}).status_code == 200
        yield services


def test_an_upload_starts_a_run_while_the_days_run_waits_for_its_own(services):
    (daily,) = services.until(lambda: services.runs(run_type="scheduled"))
    services.upload("user_companies", "2024-01-31", COMPANIES + "u1,acme,2024-01-05T10:00:00Z\nu2,birch,2024-01-06\n")
    services.upload("user_login_locations", "2024-01-31", LOGINS + "u1,acme,2024-01-07,CH\nu2,,2024-02-01,CH\n")
    (started,) = services.until(lambda: services.runs(run_type="asset_triggered"))
    assert services.ended(started["dag_run_id"]) == ["success"]
    assert [row[0] for row in services.rows("user_login_locations")] == ["u1", "u2"]
    assert services.runs(dag_run_id=daily["dag_run_id"])[0]["state"] == "running"
    tasks = services.tasks(started["dag_run_id"])
    assert {("convert", "user_companies/2024-01-31.csv"), ("user_days", "2024-01 to 2024-02")} <= set(tasks)


def test_tasks_link_to_what_aws_did(services):
    (run,) = services.runs(run_type="asset_triggered")
    shown = {
        "monthly": ("Query Results", "potential_companies"),
        "catalogue": ("Crawler", "SUCCEEDED"),
        "refresh_monthly": ("Dashboard", "<iframe"),
        "monthly_refreshed": ("Dashboard", "<iframe"),
    }
    for task, (name, text) in shown.items():
        path = f"/dags/{SLUG}/dagRuns/{run['dag_run_id']}/taskInstances/{task}/links"
        links = services.api.get(path).json()["extra_links"]
        assert list(links) == [name]
        page = services.pages.get(links[name])
        assert page.status_code == 200 and text in page.text, (task, page.text)
    mapped = services.tasks(run["dag_run_id"])["convert", "user_companies/2024-01-31.csv"]
    names = [quote(str(mapped[name]), safe="") for name in ("dag_run_id", "task_id", "map_index")]
    assert "REPORT RequestId" in services.pages.get(f"/millrace/did/{SLUG}/{'/'.join(names)}").text


def test_two_runs_at_once_take_turns_and_give_the_same_tables(services):
    before = services.everything()
    both = [services.trigger(name, date="2024-01-31", reprocess=True) for name in ("one", "two")]
    assert services.ended(*both) == ["success", "success"]
    times = []
    for run in both:
        tasks = {name: task for (name, _), task in services.tasks(run).items()}
        times.append((tasks["take_turn"]["end_date"], tasks["end_turn"]["start_date"]))
    (_, first_end), (second_start, _) = sorted(times)
    assert first_end < second_start
    assert services.everything() == before
    assert services.turn().holder is None


def test_a_backfill_beside_other_runs_gives_the_same_tables(services):
    before, number = services.everything(), services.turn().number
    day = (datetime.now(UTC) - timedelta(days=3)).date()
    for back in (1, 2):  # the sensor of a day's run waits for that day's uploads
        services.upload("user_login_locations", f"{day - timedelta(days=back)}", LOGINS)
    services.until(lambda: len(services.runs(run_type="asset_triggered", state="success")) > 1)
    backfill = services.post(
        "/backfills", dag_id=SLUG, from_date=f"{day - timedelta(days=2)}T00:00:00Z",
        to_date=f"{day - timedelta(days=1)}T23:00:00Z", max_active_runs=2, reprocess_behavior="completed",
        run_backwards=False, dag_run_conf={"reprocess": True},
    )  # fmt: skip
    beside = services.trigger("beside", date="2024-01-31", reprocess=True)
    runs = services.until(lambda: len(found := services.runs(run_type="backfill")) == 2 and found)
    assert services.ended(beside, *(run["dag_run_id"] for run in runs)) == ["success"] * 3
    assert backfill["max_active_runs"] == 2
    assert services.everything() == before
    assert services.turn().number >= number + 3


def test_a_run_that_goes_on_after_another_published_is_refused_and_begins_again(services):
    run = "one"
    clear = {"dag_run_id": run, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
    services.post(f"/dags/{SLUG}/clearTaskInstances", task_ids=["publish"], include_downstream=True, **clear)
    assert services.ended(run) == ["failed"]
    tasks = {name: task["state"] for (name, _), task in services.tasks(run).items()}
    assert tasks["publish"] == "failed"
    before = services.everything()
    services.post(f"/dags/{SLUG}/clearTaskInstances", task_ids=["take_turn"], include_downstream=True, **clear)
    assert services.ended(run) == ["success"]
    assert services.everything() == before
