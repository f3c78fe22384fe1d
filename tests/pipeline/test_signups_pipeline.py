"""The pipeline signups, by DAG and by events: each test goes on from where the one before it ended."""

import hashlib
import hmac
import os
import signal
import threading
import time

import pytest

from millrace.local import BUCKET_PREFIX, LocalError
from millrace.resources import pipeline
from tests.pipeline.conftest import wait_until

pytestmark = pytest.mark.whole
SLUG = "signups"
HEADER = "id,name,email,signup_date,status\n"
ADDRESSES = ("Ana.One@Example.org", "bob@example.org", "cy@example.org", "dee@example.org", "fay@example.org")


@pytest.fixture(scope="module")
def pii_key(stack):
    return stack.aws.client("secretsmanager").get_secret_value(SecretId="millrace/pii-key")["SecretString"].encode()


def final(stack):
    """(id, hash, day, status, upload date) of every sign-up."""
    return [
        (int(row[0]), *row[1:]) for row in sorted(stack.query("SELECT * FROM signups_final"), key=lambda r: int(r[0]))
    ]


def hashed(key, address):
    return hmac.new(key, address.lower().encode(), hashlib.sha256).hexdigest()


def test_what_is_clean_and_keeps_the_rules_is_in_the_final_table(stack, pii_key):
    stack.upload(
        "signups/2024-03-01.csv",
        HEADER
        + '1,"Ana ""A"", Jr.",Ana.One@Example.org,2024-02-28,active\n'
        + '2,"Bob\nB",bob@example.org,2024-02-29,pending\n'
        + "3,Cy,cy@example.org,2024-03-01,test\n"  # left out by the contract's rule
        + "4,Dee,,2024-03-01,active\n"  # rejected, as are those that follow
        + "5,Eli,not an address,2024-03-01,active\n"
        + "6,Fay,fay@example.org,30/02/2024,active\n"
        + "7,Gus,gus@example.org,2024-03-01,unheard of\n"
        + "8,Hal,hal@example.org,2031-03-01,active\n",
    )
    state, tasks = stack.run("2024-03-01")
    assert (state, set(tasks.values())) == ("success", {"success"})
    assert final(stack) == [
        (1, hashed(pii_key, "ana.one@example.org"), "2024-02-28", "active", "2024-03-01"),
        (2, hashed(pii_key, "bob@example.org"), "2024-02-29", "pending", "2024-03-01"),
    ]
    assert stack.rejected() == 5
    assert stack.query(pipeline(SLUG).query("by_date")) == [("2024-02-28", "1", "1"), ("2024-02-29", "1", "2")]
    assert stack.query(pipeline(SLUG).query("by_status")) == [("active", "1"), ("pending", "1")]
    quicksight = stack.aws.client("quicksight")
    for data_set in ("signups-by-date", "signups-by-status"):
        ingestions = quicksight.list_ingestions(AwsAccountId="123456789012", DataSetId=data_set)["Ingestions"]
        spice = max(ingestions, key=lambda ingestion: ingestion["CreatedTime"])
        assert (spice["IngestionStatus"], spice["RowInfo"]["RowsIngested"]) == ("COMPLETED", 2)
    (ledger,) = stack.objects("processed", "_ledger/signups/_runs/").values()
    assert b'"rows_in": 3, "rows_out": 2, "rows_rejected": 1' in ledger
    assert b"1 left out by status <> 'test'" in ledger


def test_the_crawler_knows_what_was_cleaned(stack):
    table = stack.glue.get_table(DatabaseName=SLUG, Name="signups")["Table"]
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == [
        "id", "name", "email", "signup_date", "status"
    ]  # fmt: skip
    # Crawlers and Athena take each line of a CSV for a row, so a name with a line break is no good there.
    assert stack.query("SELECT status FROM signups WHERE id = '3' AND upload_date = '2024-03-01'") == [("test",)]


def test_the_same_again_starts_no_job_and_changes_nothing(stack):
    before, jobs = final(stack), len(stack.job_runs())
    state, tasks = stack.run("2024-03-01")
    assert (state, tasks["convert"], tasks["load"], tasks["published"]) == ("success", "skipped", "skipped", "success")
    assert final(stack) == before and len(stack.job_runs()) == jobs


def test_a_newer_upload_replaces_rows_and_takes_them_along(stack, pii_key):
    stack.upload(
        "signups/2024-03-02.csv",
        "Status;E-Mail;Full Name;ID;Date\n"
        + "test;ana.one@example.org;Ana;1;2024-02-28\n"  # turned out to be a test
        + "pending;cy@example.org;Cy;3;2024-03-01\n"  # and this to be none
        + "pending;cy@example.org;Cy;3;2024-03-01\n",
    )
    assert stack.run("2024-03-02")[0] == "success"
    assert [(row[0], row[3], row[4]) for row in final(stack)] == [
        (2, "pending", "2024-03-01"),
        (3, "pending", "2024-03-02"),
    ]


def test_an_older_upload_that_comes_late_changes_only_what_is_not_newer(stack):
    stack.upload(
        "signups/2024-02-01.csv",
        HEADER
        + "2,Bob,bob@example.org,2024-01-31,active\n"
        + "4,Dee,dee@example.org,2024-01-30,bounced\n"
        + "1,Ana,ana.one@example.org,2024-01-01,active\n",
    )
    assert stack.run("2024-03-02")[0] == "success"
    # 1 is a test as of its newest row
    assert [(row[0], row[3], row[4]) for row in final(stack)] == [
        (2, "pending", "2024-03-01"),
        (3, "pending", "2024-03-02"),
        (4, "bounced", "2024-02-01"),
    ]


def test_a_replaced_upload_takes_back_what_the_old_one_said(stack):
    stack.upload("signups/2024-03-02.csv", HEADER + "5,Eli,eli@example.org,2024-03-02,active\n")
    assert stack.run("2024-03-02")[0] == "success"
    assert [row[0] for row in final(stack)] == [1, 2, 4, 5]


def test_reprocessing_gives_the_same_table(stack):
    before = final(stack)
    assert stack.run("2024-03-02", reprocess=True)[0] == "success"
    assert final(stack) == before


def test_a_refused_upload_stops_the_run_and_nothing_is_published(stack):
    before = final(stack)
    stack.upload("signups/2024-03-03.csv", "id,name\n9,Ida\n")
    errors = []
    state, tasks = stack.run("2024-03-03", lambda event: errors.append(event.get("error")))
    assert (state, tasks["reconcile"], tasks["load"]) == ("failed", "failed", "upstream_failed")
    assert "signups/signups/2024-03-03.csv was refused: columns email, signup_date, status missing" in str(errors)
    assert final(stack) == before
    stack.s3.delete_object(Bucket=f"{BUCKET_PREFIX}-raw", Key="signups/signups/2024-03-03.csv")


@pytest.mark.timeout(1800)  # a run for each task
def test_a_run_killed_at_any_task_is_made_good_by_the_next(stack, pii_key):
    before, arrived = final(stack), []

    def arrive(number):
        day = f"2024-04-{number + 1:02}"
        arrived.append((100 + number, hashed(pii_key, f"kim{number}@example.org"), day, "active", day))
        stack.upload(f"signups/{day}.csv", HEADER + f"{100 + number},Kim,kim{number}@example.org,{day},active\n")

    def check(published):
        found = final(stack)
        assert found == [*before, *arrived[: len(found) - len(before)]]
        assert len(found) == len(before) + len(arrived) or not published

    tasks = stack.killed_at_every_task("2024-04-30", "load", arrive, check)
    assert {"find_uploads", "convert", "catalogue", "load", "by_date", "gate", "by_status_refreshed"} <= set(tasks)


def test_a_job_that_is_killed_is_run_again(stack):
    before = final(stack)
    stack.upload("signups/2024-04-30.csv", HEADER + "199,Lia,lia@example.org,2024-04-30,active\n")
    assert stack.run_whose_job_is_killed("2024-04-30", "signups/signups_final/") == ["FAILED", "SUCCEEDED"]
    assert [row[0] for row in final(stack)] == [*(row[0] for row in before), 199]


@pytest.fixture
def let_go(stack):
    """Holds the job's runs, whose script waits for an object that this function puts."""
    artifacts = f"{BUCKET_PREFIX}-artifacts"
    job = stack.glue.get_job(JobName=SLUG)["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    script = stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    wait = f"""
import time, boto3
while "Contents" not in boto3.client("s3").list_objects_v2(Bucket="{artifacts}", Prefix="go"):
    time.sleep(0.2)
"""
    held = script.replace(b"import sys\n", b"import sys\n" + wait.encode(), 1)
    assert held != script
    stack.s3.put_object(Bucket=bucket, Key=key, Body=held)
    yield lambda: stack.s3.put_object(Bucket=artifacts, Key="go")
    stack.s3.put_object(Bucket=bucket, Key=key, Body=script)
    stack.s3.delete_object(Bucket=artifacts, Key="go")


def test_a_retry_waits_for_the_job_that_runs_and_starts_no_other(stack, let_go):
    stack.upload("signups/2024-05-01.csv", HEADER + "200,Lou,lou@example.org,2024-05-01,active\n")
    known = len(stack.job_runs())

    def kill_once_it_runs(event):
        if event["task"] == "load" and event["state"] == "running":
            while len(stack.job_runs()) == known:
                time.sleep(0.1)
            os.kill(stack.airflow.run_pid, signal.SIGKILL)

    with pytest.raises(LocalError):
        stack.run("2024-05-01", kill_once_it_runs)
    assert stack.run("2024-05-01", lambda event: event["task"] == "load" and let_go())[0] == "success"
    assert len(stack.job_runs()) == known + 1
    assert final(stack)[-1][0] == 200


def test_the_end_of_a_job_that_something_else_started_is_waited_for_without_a_retry(stack, let_go):
    stack.upload("signups/2024-05-02.csv", HEADER + "201,Lea,lea@example.org,2024-05-02,active\n")
    known = len(stack.job_runs())
    began = stack.glue.start_job_run(JobName=SLUG)["JobRunId"]
    states = []

    def watch(event):
        if event["task"] == "load":
            if not states:
                threading.Timer(3, let_go).start()  # when the task has been refused
            states.append(event["state"])

    assert stack.run("2024-05-02", watch)[0] == "success"
    assert states == ["running", "running", "running", "success"]  # refused; after the other run; after its own
    runs = stack.job_runs()[known:]
    assert [(run["Id"] == began, run["JobRunState"]) for run in runs] == [(True, "SUCCEEDED"), (False, "SUCCEEDED")]
    assert final(stack)[-1][0] == 201


def test_events_alone_load_what_arrives(stack):
    stack.listen()
    known = len(stack.job_runs())
    stack.upload("signups/2024-06-01.csv", HEADER + "300,Max,max@example.org,2024-06-01,active\n301,,x,,\n")
    stack.upload(
        "signups/2024-06-02.csv", HEADER + "301,Noa,noa@example.org,2024-06-02,active\n2,B,b@c.org,2024-06-02,active\n"
    )
    wait_until(lambda: [row[0] for row in final(stack)][-2:] == [300, 301])
    assert [(row[0], row[4]) for row in final(stack) if row[0] in (2, 300, 301)] == [
        (2, "2024-06-02"),
        (300, "2024-06-01"),
        (301, "2024-06-02"),
    ]
    assert set(stack.wait_for_job_runs()[known:]) == {"SUCCEEDED"}


def test_the_dag_finds_done_what_events_did_and_comes_to_the_same_table(stack):
    by_events = final(stack)
    state, tasks = stack.run("2024-06-02")
    assert (state, tasks["convert"], tasks["load"]) == ("success", "skipped", "skipped")
    assert tasks["by_date_refreshed"] == "success"
    assert final(stack) == by_events
    stack.listen(False)
    assert stack.run("2024-06-02", reprocess=True)[0] == "success"
    assert final(stack) == by_events


def test_no_address_is_in_the_final_table_in_logs_or_in_what_tasks_tell(stack):
    logs = stack.aws.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert any("glue" in group for group in groups) and any("preprocess_csv" in group for group in groups)
    told = {
        group: "\n".join(
            event["message"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        )
        for group in groups
    }
    told["airflow.log"] = (stack.folder / "airflow.log").read_text(errors="replace")
    told["airflow.db"] = (stack.folder / "airflow" / "airflow.db").read_bytes().decode("latin-1")
    told["table"] = str(stack.query("SELECT * FROM signups_final"))
    told["athena"] = str(list(stack.objects("athena").values()))
    told["ledger"] = str(list(stack.objects("processed", "_ledger/").values()))
    for place, text in told.items():
        found = [address for address in ADDRESSES if address.lower() in text.lower()]
        assert not found, f"{place} has {found}"
