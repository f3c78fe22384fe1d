"""EventBridge Scheduler: schedules are due, once, and reach their targets."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/scheduler"
OFF = {"Mode": "OFF"}


@pytest.fixture
def scheduler(client):
    return client("scheduler")


def at(seconds):
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def test_a_schedule_is_due_once_and_goes_away(scheduler, name, make_queue, eventually):
    arn, messages = make_queue()
    text = '{"when": "<aws.scheduler.scheduled-time>", "who": "<aws.scheduler.schedule-arn>"}'
    target = {"Arn": arn, "RoleArn": ROLE, "Input": text}
    made = scheduler.create_schedule(
        Name=name,
        ScheduleExpression=at(3),
        FlexibleTimeWindow=OFF,
        ActionAfterCompletion="DELETE",
        Target=target,
    )["ScheduleArn"]
    assert made == f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"
    body = json.loads(messages(1)[0]["Body"])
    assert body["who"] == made
    assert abs(datetime.fromisoformat(body["when"]) - datetime.now(UTC)) < timedelta(seconds=10)

    def gone():
        try:
            scheduler.get_schedule(Name=name)
        except scheduler.exceptions.ResourceNotFoundException:
            return True
        return False

    eventually(gone)


def test_a_schedule_puts_an_event_on_a_bus(aws, scheduler, events, name, make_queue):
    arn, messages = make_queue()
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    about = {"Source": name, "DetailType": "tick"}
    target = {"Arn": bus, "RoleArn": ROLE, "EventBridgeParameters": about, "Input": '{"n": 1}'}
    scheduler.create_schedule(Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target)
    aws.engines["scheduler"]._due(f"default/{name}", datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    event = json.loads(messages(1)[0]["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == (name, "tick", {"n": 1})
    assert event["time"] == "2026-01-02T03:04:00Z"
    scheduler.delete_schedule(Name=name)
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_what_cannot_be_sent_goes_to_the_dead_letters(aws, scheduler, name, make_queue):
    dead, messages = make_queue()
    nowhere = "arn:aws:sqs:us-east-1:123456789012:nowhere"
    target = {"Arn": nowhere, "RoleArn": ROLE, "Input": "{}", "DeadLetterConfig": {"Arn": dead}}
    arn = scheduler.create_schedule(
        Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target
    )["ScheduleArn"]
    aws.engines["scheduler"]._due(f"default/{name}", datetime.now(UTC))
    attributes = messages(1)[0]["MessageAttributes"]
    assert (attributes["SCHEDULE_ARN"]["StringValue"], attributes["TARGET_ARN"]["StringValue"]) == (arn, nowhere)
    scheduler.delete_schedule(Name=name)


def test_schedules_and_groups_are_kept_changed_and_listed(scheduler, name):
    scheduler.create_schedule_group(Name=name, Tags=[{"Key": "k", "Value": "v"}])
    target = {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE}
    given = {
        "Name": "s",
        "GroupName": name,
        "FlexibleTimeWindow": OFF,
        "Target": target,
        "ScheduleExpression": "cron(0 9 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
    }
    scheduler.create_schedule(**given)
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(**given)
    scheduler.update_schedule(**{**given, "State": "DISABLED"})
    found = scheduler.get_schedule(Name="s", GroupName=name)
    assert {key: found[key] for key in given} == given
    assert (found["State"], found["ActionAfterCompletion"]) == ("DISABLED", "NONE")
    (listed,) = scheduler.list_schedules(GroupName=name)["Schedules"]
    assert (listed["Name"], listed["Target"]) == ("s", {"Arn": target["Arn"]})
    group = scheduler.get_schedule_group(Name=name)
    assert scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    scheduler.delete_schedule_group(Name=name)
    assert scheduler.list_schedules(GroupName=name)["Schedules"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "ValidationException"),
        ({"GroupName": "nowhere"}, "ResourceNotFoundException"),
        ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:s3:listBuckets", "RoleArn": ROLE}}, "NotSupportedByLocalAws"),
        ({"Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo", "RoleArn": ROLE}}, "ValidationException"),
    ],
)
def test_what_is_refused(scheduler, name, change, code):
    target = {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE}
    given = {"Name": name, "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": OFF, "Target": target}
    with pytest.raises(ClientError) as error:
        scheduler.create_schedule(**{**given, **change})
    assert error.value.response["Error"]["Code"] == code
