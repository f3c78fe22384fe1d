"""Uploads that start runs: from S3 over EventBridge and SQS to the event that Airflow's triggerer is given."""

import asyncio
import json
import os
import subprocess
import sys
import uuid

import pytest
from airflow.providers.amazon.aws.hooks.sqs import SqsHook  # noqa: F401  (imported here, not while time counts)

from millrace.arrivals import QueueTrigger, uploads
from millrace.kinds import Rule, Target
from millrace.provision import events
from millrace.provision.account import Account
from millrace.resources import ROOT, pipeline


@pytest.fixture
def bucket(aws, client, tmp_path, monkeypatch):
    """A bucket of which the declared rule of retraced tells a queue, both under names of this test's own."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1", "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"arrivals{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=f"{name}-raw")
    client("s3").put_bucket_notification_configuration(
        Bucket=f"{name}-raw", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    client("sqs").create_queue(QueueName=name)
    (declared,) = pipeline("retraced").rules
    rule = Rule(name, declared.description, (Target(queue=name),), pattern=declared.pattern)
    events.make_rules(Account(client, name, tmp_path), [rule])
    yield name
    client("events").remove_targets(Rule=name, Ids=[name])
    client("events").delete_rule(Name=name)


def put(client, bucket, *keys):
    for key in keys:
        client("s3").put_object(Bucket=f"{bucket}-raw", Key=key, Body=b"a\n1\n")


async def fired(trigger, count, between=lambda: None):
    found = []
    async for event in trigger.run():
        found.append(event.payload)
        if len(found) == count:
            return found
        between()


def waiting(client, queue):
    url = client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(attributes[name]) for name in names]


def test_uploads_that_come_together_fire_once_and_later_ones_again(bucket, client):
    keys = [f"retraced/user_companies/2024-01-{day:02} é.csv" for day in range(1, 13)]
    put(client, bucket, "signups/signups/other.csv", *keys)
    trigger = QueueTrigger(bucket, quiet=1, pause=0.1)
    later = "retraced/user_login_locations/2024-02-01.csv"
    first, second = asyncio.run(asyncio.wait_for(fired(trigger, 2, lambda: put(client, bucket, later)), 60))
    assert first == {"uploads": keys, "count": 12}
    assert second == {"uploads": [later], "count": 1}
    # The first's are deleted; the second's were not yet when we stopped, and would come again.
    assert waiting(client, bucket) == [0, 1]


def test_a_queue_that_is_not_there_yet_is_waited_for(bucket, client, capsys):
    missing = f"{bucket}-later"

    async def appear():
        await asyncio.sleep(0.5)
        url = client("sqs").create_queue(QueueName=missing)["QueueUrl"]
        event = {"detail": {"object": {"key": "retraced/a/b.csv"}}}
        for body in ("not an event", json.dumps(event)):
            client("sqs").send_message(QueueUrl=url, MessageBody=body)

    async def both():
        appearing = asyncio.create_task(appear())
        found = await fired(QueueTrigger(missing, quiet=1, pause=0.1), 1)
        await appearing
        return found

    assert asyncio.run(asyncio.wait_for(both(), 60)) == [{"uploads": ["retraced/a/b.csv"], "count": 1}]
    assert f"queue {missing}" in capsys.readouterr().out


def test_the_asset_and_the_declared_queue_go_together():
    asset = uploads("retraced", "millrace-raw")
    (watcher,) = asset.watchers
    path, settings = watcher.trigger.serialize()
    assert (asset.name, asset.uri, path) == (
        "retraced_raw", "s3://millrace-raw/retraced", "millrace.arrivals.QueueTrigger",
    )  # fmt: skip
    (queue,) = pipeline("retraced").queues
    assert settings["queue"] == queue.name
    assert [target.queue for rule in pipeline("retraced").rules for target in rule.targets] == [queue.name]
    again = QueueTrigger(**settings)
    assert again.serialize() == (path, settings)


def test_the_triggerer_finds_what_lies_beside_the_dags(tmp_path):
    """On MWAA only the plugins' folder is on its path. Here the package is installed: another module stands for it."""
    (tmp_path / "beside_the_dags.py").write_text("FOUND = True\n")
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    code = "import airflow.settings, beside_the_dags; print(beside_the_dags.FOUND)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | settings, cwd=tmp_path / "..", capture_output=True, text=True
    )
    assert done.stdout.endswith("True\n"), done.stderr
