"""A Glue job's task where the job runs already: it waits for that run's end, deferred, and then starts its own."""

import asyncio
import contextvars
from types import SimpleNamespace

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError

from millrace.operators import GlueJobInTurnOperator

# Waits for an object, then ends as its name says.
SCRIPT = b"""
import sys, time, boto3
while "Contents" not in boto3.client("s3").list_objects_v2(Bucket="in-turn", Prefix="go"):
    time.sleep(0.1)
if sys.argv[-1] == "bad":
    raise SystemExit("ended badly")
"""


@pytest.fixture
def glue(client, aws, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)
    s3, glue = client("s3"), client("glue")
    s3.create_bucket(Bucket="in-turn")
    s3.put_object(Bucket="in-turn", Key="script.py", Body=SCRIPT)
    command = {"Name": "pythonshell", "PythonVersion": "3.9", "ScriptLocation": "s3://in-turn/script.py"}
    glue.create_job(Name="in-turn", Role="arn:aws:iam::123456789012:role/glue", Command=command, MaxCapacity=0.0625)
    yield glue
    s3.put_object(Bucket="in-turn", Key="go")
    glue.delete_job(JobName="in-turn")


def operator(**settings):
    return GlueJobInTurnOperator(
        task_id="load",
        job_name="in-turn",
        resume_glue_job_on_retry=True,
        waiter_delay=1,
        waiter_max_attempts=60,
        deferrable=True,
        aws_conn_id=None,
        region_name="us-east-1",
        **settings,
    )


def called(task, method, *arguments):
    """What a method of the task defers to, called as Airflow calls it, and what it pushed."""
    pushed = {}
    ti = SimpleNamespace(
        dag_id="d", task_id="load", run_id="r", map_index=-1,
        xcom_pull=lambda **_: None, xcom_push=lambda key, value: pushed.update({key: value}),
    )  # fmt: skip
    context = contextvars.copy_context()
    context.run(ExecutorSafeguard.tracker.set, task)
    with pytest.raises(TaskDeferred) as caught:
        context.run(getattr(task, method), {"ti": ti, "task": task, "task_instance": ti}, *arguments)
    return caught.value, pushed


async def fired(trigger):
    return [event.payload async for event in trigger.run()]


@pytest.mark.parametrize(("ending", "status"), [("good", "success"), ("bad", "error")])
def test_a_run_of_others_is_waited_for_however_it_ends(glue, client, ending, status):
    client("s3").delete_object(Bucket="in-turn", Key="go")
    other = glue.start_job_run(JobName="in-turn", Arguments={"--as": ending})["JobRunId"]
    first, pushed = called(operator(), "execute")
    assert (first.trigger.run_id, first.method_name, pushed) == (other, "execute_in_turn", {})
    client("s3").put_object(Bucket="in-turn", Key="go")
    (event,) = asyncio.run(fired(first.trigger))
    assert event["status"] == status

    second, pushed = called(operator(), "execute_in_turn", event)  # in another process, so of a new operator
    assert second.method_name == "execute_complete"
    assert second.trigger.run_id == pushed["glue_job_run_id"] != other
    assert asyncio.run(fired(second.trigger)) == [{"status": "success", "run_id": second.trigger.run_id}]
    assert [run["Id"] for run in glue.get_job_runs(JobName="in-turn")["JobRuns"]] == [second.trigger.run_id, other]


def test_another_refusal_fails_the_task(glue):
    task = operator(run_job_kwargs={"WorkerType": "G.9X"})
    with pytest.raises(ClientError, match="InvalidInputException"):
        called(task, "execute")
    assert glue.get_job_runs(JobName="in-turn")["JobRuns"] == []
