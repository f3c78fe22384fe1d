"""From an event on the bus to the inbox: the declared rules, the deployed function, the topic and its e-mail."""

import asyncio
import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from millrace import callbacks, kinds, resources
from millrace.local import STATE
from millrace.provision import alarms, events, functions, quality, storage, topics
from millrace.provision.account import Account

PREFIX = "alerts-e2e"
FUNCTIONS = ("alerts", "start_job", "watch")


@pytest.fixture(scope="module")
def bus(client):
    """EventBridge, with all that alerts are declared to need behind it."""
    STATE.mkdir(exist_ok=True)
    account, common = Account(client, PREFIX, STATE / "packages"), resources.common()
    storage.make_buckets(
        account, [bucket for bucket in common.buckets if bucket.name in ("raw", "processed", "artifacts")]
    )
    functions.make(account, [function for function in common.functions if function.name in FUNCTIONS])
    topics.make(account, common.topics)
    topics.make(account, common.topics)  # again, which must not subscribe twice
    rules = [rule for rule in common.rules if rule.name.startswith("alerts_")]
    events.make_rules(account, rules)
    alarms.make(account, common.alarms)
    yield client("events")
    for rule in rules:
        client("events").remove_targets(Rule=rule.name, Ids=["alerts"])
        client("events").delete_rule(Name=rule.name)
    client("cloudwatch").delete_alarms(AlarmNames=[alarm.name for alarm in common.alarms])
    for name in FUNCTIONS:
        client("lambda").delete_function(FunctionName=name)


@pytest.fixture
def environment(aws, monkeypatch):
    for name, value in {"ENDPOINT_URL": aws.endpoint, "ACCESS_KEY_ID": "local", "SECRET_ACCESS_KEY": "local"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def messages(aws, subject, count=1, seconds=30):
    """The messages of a subject that are in the inbox, once there are so many."""
    end = time.monotonic() + seconds
    while True:
        with urllib.request.urlopen(f"{aws.endpoint}/_localaws/inbox?format=json") as answer:
            found = [each for each in json.load(answer) if each["subject"] == subject]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.05)


def put(bus, source, kind, detail):
    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
    assert bus.put_events(Entries=[entry])["FailedEntryCount"] == 0


def context(task="load", error="no rows came"):
    ti = SimpleNamespace(
        dag_id="e2e",
        task_id=task,
        map_index=-1,
        run_id="manual__1",
        try_number=3,
        start_date=datetime(2026, 11, 21, 14, tzinfo=UTC),
        log_url="http://airflow/log",
    )
    return {"ti": ti, "exception": ValueError(error)}


def test_a_task_that_fails_again_and_again_is_one_message(bus, aws, environment):
    for number in range(5):
        callbacks.failed(context(error=f"file {number}.csv has no rows"))
    callbacks.failed(context("gate", "10 checks are broken"))
    (gate,) = messages(aws, "Data check failed: e2e.gate")
    (message,) = messages(aws, "Task failed: e2e.load")
    assert message["to"] == "data-platform@example.com"
    lines = dict(line.split(": ", 1) for line in message["text"].splitlines())
    assert lines["Where"].strip() == "e2e.load"
    assert lines["Link"].strip() == "http://airflow/log"
    assert lines["Since"].strip() == "2026-11-21T14:00:00+00:00"
    assert "has no rows (run manual__1, try 3)" in message["text"]
    assert "10 checks are broken" in gate["text"]


def test_a_job_that_fails_is_told_of(bus, aws, client):
    client("glue").create_job(
        Name="alerts-e2e-job",
        Role="arn:aws:iam::123456789012:role/r",
        GlueVersion="5.0",
        Command={"Name": "glueetl", "ScriptLocation": "s3://alerts-e2e-processed/nowhere.py", "PythonVersion": "3"},
    )
    run = client("glue").start_job_run(JobName="alerts-e2e-job")["JobRunId"]
    (message,) = messages(aws, "Glue job failed: alerts-e2e-job")
    assert "nowhere.py" in message["text"]
    assert f"--run-id {run}" in message["text"]
    client("glue").delete_job(JobName="alerts-e2e-job")


def test_a_broken_data_quality_rule_is_told_of(bus, aws, client):
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": "alerts_e2e"})
    client("s3").put_object(Bucket=f"{PREFIX}-processed", Key="few/one.csv", Body=b"1\n")
    glue.create_table(
        DatabaseName="alerts_e2e",
        TableInput={
            "Name": "few",
            "StorageDescriptor": {
                "Columns": [{"Name": "id", "Type": "string"}],
                "Location": f"s3://{PREFIX}-processed/few/",
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
            },
        },
    )
    glue.create_data_quality_ruleset(Name="alerts-e2e-few", Ruleset='Rules = [ RowCount > 1, IsComplete "id" ]')
    source = {"GlueTable": {"DatabaseName": "alerts_e2e", "TableName": "few"}}
    glue.start_data_quality_ruleset_evaluation_run(DataSource=source, Role="r", RulesetNames=["alerts-e2e-few"])
    (message,) = messages(aws, "Data quality: alerts_e2e.few by alerts-e2e-few")
    assert "1 of 2 rules failed." in message["text"]


def test_a_function_that_fails_in_the_background_is_told_of(bus, aws, client):
    client("lambda").put_function_event_invoke_config(
        FunctionName="start_job",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:events:us-east-1:123456789012:event-bus/default"}},
    )
    client("lambda").invoke(
        FunctionName="start_job",
        InvocationType="Event",
        Payload=b'{"job": "is-not-there", "time": "2024-03-01T00:00:00Z"}',
    )
    (message,) = messages(aws, "Function failed: start_job")
    assert "calling the StartJobRun operation" in message["text"]


def test_an_alarm_and_its_end_are_told_of(bus, aws, client):
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="alerts-e2e",
        AlarmDescription="Too many wait",
        Namespace="alerts-e2e",
        MetricName="waiting",
        Statistic="Maximum",
        Period=86400,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName="alerts-e2e", StateValue="ALARM", StateReason="5 wait")
    (message,) = messages(aws, "Alarm: alerts-e2e")
    assert "Too many wait. 5 wait" in message["text"]
    cloudwatch.set_alarm_state(AlarmName="alerts-e2e", StateValue="OK", StateReason="none waits")
    (over,) = messages(aws, "Over: Alarm: alerts-e2e")
    assert "none waits" in over["text"]
    cloudwatch.delete_alarms(AlarmNames=["alerts-e2e"])


def test_that_alerts_fail_is_told_by_the_alarm_itself(bus, aws, client):
    client("cloudwatch").set_alarm_state(AlarmName="alerts_failing", StateValue="ALARM", StateReason="3 errors")
    (message,) = messages(aws, 'ALARM: "alerts_failing" in US East (N. Virginia)')
    assert "The function alerts fails" in message["text"]
    (cloudwatch,) = client("cloudwatch").describe_alarms(AlarmNames=["alerts_failing"])["MetricAlarms"]
    assert (cloudwatch["Threshold"], cloudwatch["Statistic"], cloudwatch["TreatMissingData"]) == (
        0,
        "Sum",
        "notBreaching",
    )
    assert cloudwatch["Dimensions"] == [{"Name": "FunctionName", "Value": "alerts"}]


def test_declared_rulesets_are_made_and_brought_up_to_date(bus, client):
    account = Account(client, PREFIX, STATE / "packages")
    for rules in (("RowCount > 0",), ("RowCount > 0", 'IsComplete "id"')):
        ruleset = kinds.Ruleset("alerts-e2e-declared", "few", "few", rules)
        quality.make(account, SimpleNamespace(rulesets=(ruleset,), database="alerts_e2e"))
    made = client("glue").get_data_quality_ruleset(Name="alerts-e2e-declared")
    assert made["Ruleset"] == 'Rules = [\n  RowCount > 0,\n  IsComplete "id"\n]'
    assert made["TargetTable"] == {"DatabaseName": "alerts_e2e", "TableName": "few"}


def test_a_run_that_misses_its_deadline_is_told_of(bus, aws, environment):
    deadline = {"id": "1", "deadline_time": datetime(2026, 11, 21, 15, tzinfo=UTC)}
    run = {"dag_id": "late-e2e", "dag_run_id": "scheduled__1"}
    asyncio.run(callbacks.late(context={"dag_run": run, "deadline": deadline}))
    (message,) = messages(aws, "Run is late: late-e2e")
    assert "scheduled__1 has not ended by its deadline, 2026-11-21 15:00:00+00:00" in message["text"]
    assert "/dags/late-e2e/runs/scheduled__1" in message["text"]
    alert = callbacks.deadline(timedelta(hours=2))
    assert alert.callback.path == "millrace.callbacks.late"
    assert alert.interval == timedelta(hours=2)


def test_a_source_that_stays_away_is_told_of(bus, aws, client):
    client("s3").put_object(Bucket=f"{PREFIX}-raw", Key="signups/signups/2026-01-02.csv", Body=b"id\n1\n")
    event = {"pipeline": "signups", "table": "signups", "fresh_days": 2}
    answer = client("lambda").invoke(FunctionName="watch", Payload=json.dumps(event))
    assert json.load(answer["Payload"]) == {"found": ["Data is stale"]}
    (message,) = messages(aws, "Data is stale: signups.signups")
    assert "The latest upload is of 2026-01-02; one is expected within 2 days." in message["text"]


def test_a_callback_never_fails_where_nobody_listens(monkeypatch, caplog):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    callbacks.failed(context(error="what was wrong"))
    assert "nobody could be told of this" in caplog.text
    assert "what was wrong" in caplog.text
