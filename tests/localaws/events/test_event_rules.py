"""Rules and targets over HTTP: what is put is delivered, tried again, or ends in the dead-letter queue."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from localaws.events.engine import EventsEngine
from localaws.events.ticker import Schedule, Ticker


@pytest.fixture
def rule(events, name):
    """Makes a rule for events of the source ``name`` with targets; its ARN."""
    made = []

    def make(targets, bus="default", **settings):
        pattern = settings.pop("pattern", {"source": [name]})
        arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern), EventBusName=bus, **settings)["RuleArn"]
        made.append(bus)
        if targets:
            answer = events.put_targets(Rule=name, EventBusName=bus, Targets=targets)
            assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
        return arn

    yield make
    for bus in made:
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        if targets:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=name, EventBusName=bus)


def put(events, source, detail=None, **more):
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail or {"n": 1}), **more}
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    return answer["Entries"][0]["EventId"]


def test_an_event_reaches_a_queue_as_it_was(events, name, rule, make_queue, bodies):
    arn, messages = make_queue()
    rule([{"Id": "q", "Arn": arn}])
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    put(events, f"{name}.other")
    identifier = put(events, name, {"ä": [1, 2]}, Time=moment, Resources=["arn:aws:x:::y"])
    assert bodies(messages(1)) == [
        {
            "version": "0",
            "id": identifier,
            "detail-type": "Test",
            "source": name,
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "us-east-1",
            "resources": ["arn:aws:x:::y"],
            "detail": {"ä": [1, 2]},
        }
    ]


def test_an_event_put_in_process_reaches_queues_streams_logs_and_topics(
    aws, client, events, name, rule, make_queue, bodies, eventually
):
    arn, messages = make_queue()
    fifo, fifo_messages = make_queue(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    client("kinesis").create_stream(StreamName=name, ShardCount=1)
    stream = f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
    client("logs").create_log_group(logGroupName=name)
    role = "arn:aws:iam::123456789012:role/events"
    rule(
        [
            {"Id": "fifo", "Arn": fifo, "SqsParameters": {"MessageGroupId": "g"}, "InputPath": "$.detail"},
            {"Id": "topic", "Arn": topic, "InputPath": "$.detail"},
            {"Id": "stream", "Arn": stream, "RoleArn": role, "KinesisParameters": {"PartitionKeyPath": "$.detail.job"}},
            {"Id": "log", "Arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{name}"},
        ],
        pattern={"source": ["aws.glue"], "detail": {"job": [name]}},
    )
    aws.engines["events"].put("aws.glue", "Glue Job State Change", {"job": name, "state": "FAILED"}, ["arn:x"])
    assert bodies(messages(1)) == [{"job": name, "state": "FAILED"}]
    (message,) = fifo_messages(1)
    assert (json.loads(message["Body"])["job"], message["Attributes"]["MessageGroupId"]) == (name, "g")
    (record,) = eventually(lambda: _records(client, name))
    assert (record["PartitionKey"], json.loads(record["Data"])["resources"]) == (name, ["arn:x"])
    (logged,) = eventually(lambda: client("logs").filter_log_events(logGroupName=name)["events"])
    assert json.loads(logged["message"])["detail-type"] == "Glue Job State Change"


def _records(client, stream):
    kinesis = client("kinesis")
    (shard,) = kinesis.list_shards(StreamName=stream)["Shards"]
    where = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, **where)["ShardIterator"]
    return kinesis.get_records(ShardIterator=iterator)["Records"]


def test_another_bus_passes_events_on_until_they_go_in_circles(events, name, rule, make_queue, bodies):
    arn, messages = make_queue()
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    circle = {"Id": "again", "Arn": bus}
    events.put_rule(Name="on", EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule="on", EventBusName=name, Targets=[circle, {"Id": "q", "Arn": arn, "InputPath": "$.detail"}])
    rule([{"Id": "bus", "Arn": bus}])
    put(events, name, {"passed": "on"})
    assert bodies(messages(8)) == [{"passed": "on"}] * 8
    with pytest.raises(ClientError, match="since it has rules"):
        events.delete_event_bus(Name=name)
    events.remove_targets(Rule="on", EventBusName=name, Ids=["again", "q"])
    events.delete_rule(Name="on", EventBusName=name)
    events.delete_event_bus(Name=name)


def test_what_will_never_arrive_goes_to_the_dead_letters(events, name, rule, make_queue, bodies):
    dead, messages = make_queue()
    nowhere = "arn:aws:lambda:us-east-1:123456789012:function:nowhere"
    arn = rule([{"Id": "f", "Arn": nowhere, "Input": '{"other": 1}', "DeadLetterConfig": {"Arn": dead}}])
    put(events, name, {"kept": True})
    (message,) = messages(1)
    assert json.loads(message["Body"])["detail"] == {"kept": True}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE").startswith("Function not found")
    assert attributes == {
        "RULE_ARN": arn,
        "TARGET_ARN": nowhere,
        "ERROR_CODE": "ResourceNotFoundException",
        "RETRY_ATTEMPTS": "0",
    }


def test_what_passes_is_tried_again_as_the_policy_says(aws, events, name, rule, make_queue, monkeypatch):
    dead, messages = make_queue()
    tries = []

    class Busy:
        service = "lambda"
        operations = {}  # noqa: RUF012

        def invoke(self, function, payload, *, event=False, sender=None):
            from localaws.core import AwsError

            tries.append((function, json.loads(payload)["detail"], sender.service, sender.arn))
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    monkeypatch.setenv("LOCALAWS_EVENTS_RETRY_SECONDS", "0.01")
    monkeypatch.setitem(aws.engines, "lambda", Busy())
    function = "arn:aws:lambda:us-east-1:123456789012:function:busy"
    target = {"Id": "f", "Arn": function, "DeadLetterConfig": {"Arn": dead}, "RetryPolicy": {"MaximumRetryAttempts": 2}}
    arn = rule([target])
    put(events, name)
    (message,) = messages(1)
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert (attributes["RETRY_ATTEMPTS"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")
    assert tries == [(function, {"n": 1}, "events.amazonaws.com", arn)] * 3


def test_a_disabled_rule_rests(events, name, rule, make_queue, bodies):
    resting, resting_messages = make_queue()
    other, other_messages = make_queue()
    rule([{"Id": "q", "Arn": resting, "InputPath": "$.detail"}], State="DISABLED")
    events.put_rule(Name=f"{name}-on", EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=f"{name}-on", Targets=[{"Id": "q", "Arn": other, "InputPath": "$.detail"}])
    put(events, name, {"n": 1})
    other_messages(1)  # so both rules have seen the event
    events.enable_rule(Name=name)
    put(events, name, {"n": 2})
    assert bodies(resting_messages(1)) == [{"n": 2}]
    events.remove_targets(Rule=f"{name}-on", Ids=["q"])
    events.delete_rule(Name=f"{name}-on")


def test_rules_are_described_listed_and_tagged(events, name, rule):
    target = {
        "Id": "q",
        "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}",
        "InputTransformer": {"InputPathsMap": {"a": "$.id"}, "InputTemplate": "<a>"},
    }
    arn = rule([target], Description="mine", Tags=[{"Key": "k", "Value": "v"}])
    described = events.describe_rule(Name=name)
    described.pop("ResponseMetadata")
    assert described == {
        "Name": name,
        "Arn": arn,
        "EventPattern": json.dumps({"source": [name]}),
        "State": "ENABLED",
        "Description": "mine",
        "EventBusName": "default",
        "CreatedBy": "123456789012",
    }
    assert [each["Name"] for each in events.list_rules(NamePrefix=name)["Rules"]] == [name]
    assert events.list_targets_by_rule(Rule=name)["Targets"] == [target]
    assert events.list_rule_names_by_target(TargetArn=target["Arn"])["RuleNames"] == [name]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    events.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    with pytest.raises(ClientError, match="Rule can't be deleted since it has targets"):
        events.delete_rule(Name=name)
    answer = events.remove_targets(Rule=name, Ids=["nobody"])
    assert answer["FailedEntries"][0]["ErrorCode"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"DetailType": "t", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "Detail": "{}"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "t"}, "InvalidArgument"),
        ({"Source": "s", "DetailType": "t", "Detail": "{"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "t", "Detail": "[]"}, "MalformedDetail"),
        ({"Source": "aws.s3", "DetailType": "t", "Detail": "{}"}, "NotAuthorizedForSourceException"),
    ],
)
def test_an_entry_that_is_refused_does_not_hinder_the_others(events, entry, code):
    good = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    answer = events.put_events(Entries=[entry, good])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert set(answer["Entries"][1]) == {"EventId"}


def test_requests_that_are_refused(events, name):
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    queue = "arn:aws:sqs:us-east-1:123456789012:x"
    schedule = {"Name": name, "ScheduleExpression": "rate(1 minutes)"}
    cases = [
        (lambda: events.put_events(Entries=[entry] * 11), "ValidationException"),
        (
            lambda: events.put_events(Entries=[{**entry, "Detail": json.dumps({"a": "x" * 262_144})}]),
            "ValidationException",
        ),
        (lambda: events.put_rule(Name=name), "ValidationException"),
        (lambda: events.put_rule(Name=name, EventPattern='{"source": "s"}'), "InvalidEventPatternException"),
        (lambda: events.put_rule(**schedule), "ValidationException"),
        (
            lambda: events.put_rule(Name=name, EventPattern='{"a": [1]}', EventBusName="none"),
            "ResourceNotFoundException",
        ),
        (lambda: events.describe_rule(Name=name), "ResourceNotFoundException"),
        (lambda: events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue}]), "ResourceNotFoundException"),
        (lambda: events.delete_event_bus(Name="default"), "ValidationException"),
        (lambda: events.create_event_bus(Name="default"), "ValidationException"),
        (lambda: events.create_archive(ArchiveName=name, EventSourceArn="arn:aws:x"), "NotSupportedByLocalAws"),
    ]
    for call, code in cases:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x"}, "NotSupportedByLocalAws"),
        ({"Arn": "arn:aws:glue:us-east-1:123456789012:workflow/x"}, "NotSupportedByLocalAws"),
        ({"Arn": "not an arn"}, "ValidationException"),
        ({"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/x"}, "ValidationException"),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:x.fifo"}, "ValidationException"),
        (
            {"Arn": "arn:aws:sqs:us-east-1:123456789012:x", "RetryPolicy": {"MaximumRetryAttempts": 186}},
            "ValidationException",
        ),
    ],
)
def test_targets_that_are_refused(events, name, rule, target, code):
    rule([])
    with pytest.raises(ClientError) as error:
        events.put_targets(Rule=name, Targets=[{"Id": "t", **target}])
    assert error.value.response["Error"]["Code"] == code


def test_rules_and_what_waits_outlive_a_stop(tmp_path, monkeypatch):
    """An engine that is stopped while a target fails goes on when it is made again."""
    from types import SimpleNamespace

    from localaws.core import AwsError, Call

    heard = []

    class Functions:
        def __init__(self, busy):
            self.busy = busy

        def invoke(self, name, payload, *, event=False, sender=None):
            if self.busy:
                heard.append("busy")
                raise AwsError("TooManyRequestsException", "later", 429)
            heard.append(json.loads(payload)["detail"])

    def engine(busy):
        return EventsEngine(SimpleNamespace(data=tmp_path, engines={"lambda": Functions(busy)}))

    def until(count):
        import time

        end = time.monotonic() + 60
        while len(heard) < count and time.monotonic() < end:
            time.sleep(0.01)
        assert len(heard) == count

    monkeypatch.setenv("LOCALAWS_EVENTS_RETRY_SECONDS", "0.2")
    first = engine(busy=True)
    first.operations["PutRule"](Call("events", "PutRule", {"Name": "r", "EventPattern": '{"source": ["aws.x"]}'}))
    target = {"Id": "f", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    first.operations["PutTargets"](Call("events", "PutTargets", {"Rule": "r", "Targets": [target]}))
    first.put("aws.x", "t", {"n": 7})
    until(1)
    first.close()
    second = engine(busy=False)
    until(2)
    second.put("aws.x", "t", {"n": 8})
    until(3)
    second.close()
    assert heard == ["busy", {"n": 7}, {"n": 8}]


def test_schedules_are_due_once_each_and_are_not_made_up(monkeypatch):
    monkeypatch.setattr(Ticker, "_run", lambda self: None)  # whose thread would take what is due here
    now = [datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)]
    ticker = Ticker(lambda key, due: None, lambda: now[0])
    held = {"hourly": Schedule("cron(0 * * * ? *)"), "often": Schedule("rate(5 minutes)")}
    ticker.set_all(held)
    assert ticker.take_due() == []
    now[0] = datetime(2026, 1, 1, 0, 5, 30, tzinfo=UTC)
    assert ticker.take_due() == [("often", now[0])]
    assert ticker.take_due() == []
    ticker.set_all(held)
    now[0] = datetime(2026, 1, 1, 3, 0, 0, tzinfo=UTC)
    assert [key for key, _ in ticker.take_due()] == ["often", "hourly"]
    assert ticker.take_due() == []
    ticker.close()


def test_a_scheduled_rule_sends_its_event(aws, events, name, make_queue, bodies):
    arn, messages = make_queue()
    rule = events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    aws.engines["events"]._due(name, datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    (event,) = bodies(messages(1))
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.events", "Scheduled Event", [rule])
    assert (event["time"], event["detail"]) == ("2026-01-02T03:04:00Z", {})
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_a_pattern_can_be_tried(events):
    event = {"id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": [], "detail-type": "d"}
    answer = events.test_event_pattern(EventPattern='{"source": ["a"]}', Event=json.dumps(event))
    assert answer["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["b"]}', Event=json.dumps(event))["Result"] is False
