"""The pipeline retraced from upload to SPICE, day after day: each test goes on from where the one before it ended."""

import os
import signal

import pytest

from millrace.local import LocalError
from millrace.resources import pipeline

SLUG = "retraced"
UPLOADED = ("user_companies", "user_login_locations")
# In which part a row is does not matter.
USER_DAYS = "SELECT user_id, company_id, day, max(last_login_at), month FROM user_days GROUP BY 1, 2, 3, 5"
COMPANIES = "user_id,company_id,accepted_at\n"
LOGINS = "user_id,company_id,login_at,country\n"


def monthly(stack):
    """The final query, as anyone would run it: month, then the five numbers."""
    return [(row[0][:7], *map(int, row[1:])) for row in stack.query(pipeline(SLUG).query("monthly"))]


def derived(stack):
    """All rows of the derived tables, in a fixed order."""
    whole = {table: stack.rows(table) for table in ("memberships", "activity")}
    return {**whole, "user_days": sorted(stack.query(USER_DAYS), key=str)}


def everything(stack):
    """All rows of all tables, in a fixed order."""
    return {table: stack.rows(table) for table in UPLOADED} | derived(stack)


def spice(stack):
    """The state and the number of rows of the newest ingestion."""
    quicksight = stack.aws.client("quicksight")
    ingestions = quicksight.list_ingestions(AwsAccountId="123456789012", DataSetId="retraced-monthly")["Ingestions"]
    newest = max(ingestions, key=lambda ingestion: ingestion["CreatedTime"])
    return newest["IngestionStatus"], newest["RowInfo"]["RowsIngested"]


def test_first_day(stack):
    stack.upload(
        "user_companies/2024-01-31.csv",
        COMPANIES + "u1,acme,2024-01-05T10:00:00Z\nu2,acme,\nu2,birch,2024-01-20\nu3,acme,31/02/2024\n",
    )
    stack.upload(
        "user_login_locations/2024-01-31 é+1.csv",
        LOGINS
        + "u1,acme,2024-01-05T09:59:59Z,CH\n"  # a second too early
        + "u1,,2024-01-05 10:00:00,CH\n"  # the very second
        + "u2,,2024-01-31T23:30:00-01:00,CH\n"  # already February in UTC; counts for birch
        + "u9,acme,1706700000,CH\n"  # unknown
        + ",acme,2024-01-06,CH\n",  # rejected: no user
    )
    state, tasks = stack.run("2024-01-31")
    assert (state, set(tasks.values())) == ("success", {"success"})
    # month, activated users, active users, activated companies, active companies, potential companies
    assert monthly(stack) == [("2024-01", 2, 1, 2, 1, 0), ("2024-02", 2, 1, 2, 1, 1)]
    assert stack.query("SELECT count(*) FROM user_login_locations") == [("4",)]
    assert spice(stack) == ("COMPLETED", 2)


def test_the_same_day_again_changes_nothing(stack):
    before = everything(stack)
    state, tasks = stack.run("2024-01-31")
    assert state == "success"
    assert (tasks["convert"], tasks["user_days"], tasks["published"]) == ("skipped", "skipped", "skipped")
    assert everything(stack) == before


def test_late_rows_change_the_months_they_belong_to_and_leave_empty_ones(stack):
    stack.upload("user_companies/2024-05-02.csv", COMPANIES + "u9,acme,2024-01-01T00:00:00Z\nu3,cedar,2024-05-01\n")
    stack.upload("user_login_locations/2024-05-02.csv", LOGINS + "u3,cedar,2024-05-01T08:00:00Z,CH\n")
    assert stack.run("2024-05-02")[0] == "success"
    assert monthly(stack) == [
        ("2024-01", 3, 2, 2, 1, 0),  # u9 turns out to have accepted before logging in
        ("2024-02", 3, 1, 2, 1, 1),
        ("2024-03", 3, 0, 2, 0, 2),
        ("2024-04", 3, 0, 2, 0, 2),
        ("2024-05", 4, 1, 3, 1, 2),
    ]
    assert spice(stack) == ("COMPLETED", 5)


def test_reprocessing_gives_the_same_tables(stack):
    before = everything(stack)
    state, tasks = stack.run("2024-05-02", reprocess=True)
    assert (state, set(tasks.values())) == ("success", {"success"})
    assert everything(stack) == before


def test_a_replaced_upload_takes_back_what_the_old_one_said(stack):
    stack.upload("user_login_locations/2024-05-02.csv", LOGINS + "u1,acme,2024-04-30T08:00:00Z,CH\n")
    assert stack.run("2024-05-02")[0] == "success"
    assert [row for row in monthly(stack) if row[0] >= "2024-04"] == [
        ("2024-04", 3, 1, 2, 1, 1),
        ("2024-05", 4, 0, 3, 0, 2),
    ]


def test_a_refused_upload_stops_the_run_and_nothing_is_published(stack):
    before = everything(stack)
    stack.upload("user_login_locations/2024-05-03.csv", "user_id,place\nu1,Bern\n")
    errors = []
    state, tasks = stack.run("2024-05-03", lambda event: errors.append(event.get("error")))
    assert (state, tasks["reconcile"], tasks["user_days"]) == ("failed", "failed", "upstream_failed")
    message = "".join(filter(None, errors))
    assert "retraced/user_login_locations/2024-05-03.csv was refused" in message
    assert "login_at" in message and "place" in message
    assert everything(stack) == before
    stack.s3.delete_object(Bucket="millrace-raw", Key="retraced/user_login_locations/2024-05-03.csv")


def test_what_checks_refuse_is_not_published(stack):
    """Fifteen usual days, and then one with too many logins: nobody sees it until somebody asks for it."""
    usual = "".join(f"u1,acme,2024-05-05T08:00:{second:02}Z,CH\n" for second in range(10))
    for day in range(4, 19):
        stack.upload(f"user_login_locations/2024-05-{day:02}.csv", LOGINS + usual)
    assert stack.run("2024-05-18")[0] == "success"
    before = derived(stack)
    many = "".join(f"u3,cedar,2024-05-19T08:{n // 60:02}:{n % 60:02}Z,CH\n" for n in range(201))
    stack.upload("user_login_locations/2024-05-19.csv", LOGINS + many)
    stack.upload("user_companies/2024-05-19.csv", COMPANIES + "new,acme,2024-01-01\n")
    errors = []
    state, tasks = stack.run("2024-05-19", lambda event: errors.append(event.get("error")))
    assert (state, tasks["gate"], tasks["publish"]) == ("failed", "failed", "upstream_failed")
    assert "upload_volume_is_usual" in "".join(filter(None, errors))
    assert derived(stack) == before
    assert stack.run("2024-05-19", reprocess=True)[0] == "success"
    assert monthly(stack)[-1] == ("2024-05", 5, 2, 3, 2, 1)


TASKS = ("convert", "user_days", "catalogue_build", "publish")


@pytest.mark.parametrize("task", TASKS)
def test_a_run_killed_at_any_task_is_made_good_by_the_next(stack, task):
    day = f"2024-06-{TASKS.index(task) + 1:02}"
    stack.upload(f"user_companies/{day}.csv", COMPANIES + f"{task},{task},2024-02-01\n")
    stack.upload(f"user_login_locations/{day}.csv", LOGINS + f"{task},,{day}T05:00:00Z,CH\n{task},,2024-03-01,CH\n")

    def kill(event):
        if event["task"] == task and event["state"] == "running":
            os.kill(stack.airflow.pid, signal.SIGKILL)

    with pytest.raises(LocalError):
        stack.run(day, kill)
    stack.restart_airflow()
    assert stack.run(day)[0] == "success"
    active = {(row[2], row[-1]) for row in everything(stack)["activity"] if row[0] == "company_month"}
    assert {(task, "2024-03"), (task, "2024-06")} <= active


def test_in_the_end_the_tables_are_those_of_a_rebuild(stack):
    before = everything(stack)
    assert stack.run("2024-06-04", reprocess=True)[0] == "success"
    assert everything(stack) == before
