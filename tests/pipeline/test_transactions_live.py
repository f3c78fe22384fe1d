"""The DAG transactions_live over a real stream: each test goes on from where the one before it ended."""

import dataclasses
import os
import signal

import pytest

from millrace import resources, stream
from millrace.local import BUCKET_PREFIX, STATE, LocalError
from millrace.minutes import MinuteTable
from millrace.provision import firehoses
from millrace.provision.account import Account
from tests.pipeline.conftest import Stack
from tests.stream.conftest import wait

pytestmark = pytest.mark.whole
SLUG = "transactions"
DAG = f"{SLUG}_live"
DATE = "2026-01-01"


@pytest.fixture(scope="module")
def stack(machine):
    made = Stack(SLUG, machine, listens=True)
    declared = resources.pipeline(SLUG)
    (delivery,) = declared.firehoses
    quick = dataclasses.replace(declared, firehoses=(dataclasses.replace(delivery, buffer_s=1),))
    firehoses.make(Account(machine.aws.client, BUCKET_PREFIX, STATE / "packages"), quick)
    yield made
    functions = made.aws.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName="transactions_metrics")["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    made.aws.client("firehose").delete_delivery_stream(DeliveryStreamName="transactions-live")


def run(stack, watch=lambda event: None):
    conf = {"dag": DAG, "logical_date": f"{DATE}T06:00:00Z"}
    result = stack.airflow.run(conf, watch)
    return result["result"], {task["task"]: task["state"] for task in result["tasks"]}


def send(stack, count, first):
    """Send purchases and wait until they are in the lake and counted."""
    before = int(stack.query("SELECT count(*) FROM transactions_live")[0][0])
    sent = stream.send(
        stack.aws.client("kinesis"), SLUG, stream.purchases(b"key", first_id=first), rate=count * 10, seconds=0.1
    )
    assert sent.records == count
    wait(lambda: stack.query("SELECT count(*) FROM transactions_live") == [(str(before + count),)], 120)
    table = MinuteTable(stack.aws.client("dynamodb"), "transactions_minutes")

    def counted():
        found = [cells for day in table.days() for cells in table.day(day).values()]
        return sum(each.purchases for cells in found for each in cells)

    wait(lambda: counted() == before + count, 120)


def minutes(stack):
    return stack.query("SELECT sum(purchases) FROM minute_metrics")


def outliers(stack):
    return int(stack.query("SELECT count(*) FROM transactions_live WHERE status = 'OUT'")[0][0])


def spice(stack, data_set):
    """The state and the number of rows of the newest ingestion."""
    quicksight = stack.aws.client("quicksight")
    ingestions = quicksight.list_ingestions(AwsAccountId="123456789012", DataSetId=data_set)["Ingestions"]
    newest = max(ingestions, key=lambda ingestion: ingestion["CreatedTime"])
    return newest["IngestionStatus"], newest["RowInfo"]["RowsIngested"]


def test_without_anything_new_a_run_ends_at_once(stack):
    state, tasks = run(stack)
    assert state == "success"
    assert set(tasks.values()) == {"skipped"}


def test_what_was_delivered_is_shown(stack):
    send(stack, 300, 1_000_000)
    state, tasks = run(stack)
    assert (state, set(tasks.values())) == ("success", {"success"})
    assert minutes(stack) == [("300",)]
    assert spice(stack, "transactions-live-minutes")[0] == "COMPLETED"
    days = stack.query(resources.pipeline(SLUG).query("live_by_day"))
    assert sum(int(day[3]) for day in days) == 300 - outliers(stack)
    assert spice(stack, "transactions-live-by-day") == ("COMPLETED", len(days))
    assert run(stack)[1]["minutes"] == "skipped"


def test_a_run_that_is_killed_before_it_marks_what_it_saw_is_made_good_by_the_next(stack):
    send(stack, 10, 2_000_000)
    before = int(minutes(stack)[0][0])

    def kill(event):
        if event["task"] == "mark" and event["state"] == "running":
            os.kill(stack.airflow.pid, signal.SIGKILL)

    with pytest.raises(LocalError):
        run(stack, kill)
    stack.restart_airflow()
    state, tasks = run(stack)
    # What uploads have is superseded by the first run of a day, which was the one of the test before.
    once = {task: tasks.pop(task) for task in ("live_merged", "supersede")}
    assert (state, set(tasks.values()), set(once.values())) == ("success", {"success"}, {"skipped"})
    assert int(minutes(stack)[0][0]) == before + 10
    live = stack.query("SELECT count(DISTINCT purchase_id) FROM transactions_live WHERE status <> 'OUT'")
    assert stack.query("SELECT count(*) FROM transactions_all WHERE way = 'stream'") == live
    assert run(stack)[1]["mark"] == "skipped"
