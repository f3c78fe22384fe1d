"""Runs of retraced that meet: one waits for the other, and none publishes over what came after its build."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from millrace.local import BUCKET_PREFIX
from millrace.turns import Holder, Turn

pytestmark = pytest.mark.whole
SLUG = "retraced"
LOGINS = "user_id,company_id,login_at,country\n"


def run_of(date):
    return Holder(SLUG, f"manual__{date}T06:00:00+00:00")


def say(stack, run, state):
    """Airflow's own word on the state of a run."""
    with contextlib.closing(sqlite3.connect(stack.folder / "airflow" / "airflow.db", timeout=30)) as database, database:
        changed = database.execute("UPDATE dag_run SET state = ? WHERE run_id = ?", (state, run.run))
        assert changed.rowcount == 1


def turn(stack):
    return Turn(stack.s3, f"{BUCKET_PREFIX}-processed", SLUG)


def number(stack):
    body = stack.s3.get_object(Bucket=f"{BUCKET_PREFIX}-processed", Key=f"_ledger/{SLUG}/turn.json")["Body"]
    return json.load(body)["number"]


def test_a_run_waits_while_another_has_its_turn_and_goes_on_when_that_has_ended(stack):
    stack.upload("user_companies/2024-07-01.csv", "user_id,company_id,accepted_at\nu1,acme,2024-07-01\n")
    stack.upload("user_login_locations/2024-07-01.csv", LOGINS + "u1,acme,2024-07-01T08:00:00Z,CH\n")
    assert stack.run("2024-07-01")[0] == "success"
    assert turn(stack).holder() is None
    stack.upload("user_login_locations/2024-07-02.csv", LOGINS + "u1,acme,2024-07-02T08:00:00Z,CH\n")
    other, before = run_of("2024-07-01"), number(stack)
    say(stack, other, "running")
    assert turn(stack).take(other, lambda holder: False) == before + 1
    asked, ended = [], []

    def end():
        ended.append(time.monotonic())
        say(stack, other, "failed")  # and it has not given its turn back

    def watch(event):
        if event["task"] == "take_turn":
            if not asked:
                threading.Timer(2, end).start()
            asked.append((event["state"], time.monotonic()))

    state, tasks = stack.run("2024-07-02", watch)
    assert (state, tasks["take_turn"], tasks["end_turn"]) == ("success", "success", "success")
    assert asked[-1][0] == "success" and asked[-1][1] > ended[0]
    assert (number(stack), turn(stack).holder()) == (before + 2, None)


def test_what_was_built_before_another_runs_turn_is_not_published(stack):
    stack.upload("user_login_locations/2024-07-03.csv", LOGINS + "u1,acme,2024-07-03T08:00:00Z,CH\n")
    before = stack.query("SELECT count(*) FROM user_days")

    def come_between(event):
        if (event["task"], event["state"]) == ("checks", "success"):
            turn(stack).end(run_of("2024-07-03"))
            other = run_of("2024-07-01")
            assert turn(stack).take(other, lambda holder: False)
            turn(stack).end(other)

    state, tasks = stack.run("2024-07-03", come_between)
    assert (state, tasks["checks"], tasks["publish"], tasks["published"]) == (
        "failed", "success", "failed", "upstream_failed",
    )  # fmt: skip
    assert stack.query("SELECT count(*) FROM user_days") == before
    assert stack.run("2024-07-03")[0] == "success"
    assert stack.query("SELECT count(*) FROM user_days WHERE day = DATE '2024-07-03'") == [("1",)]
