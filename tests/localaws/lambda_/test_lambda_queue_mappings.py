"""SQS queues that feed functions: batches, filters, partial failures, dead letters."""

import json
import time
import uuid
from collections import Counter

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def queue(sqs):
    """Makes a queue: (URL, ARN)."""
    urls = []

    def make(suffix="", **attributes):
        name = f"m-{uuid.uuid4().hex[:12]}{suffix}"
        url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "10", **attributes})["QueueUrl"]
        urls.append(url)
        return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def connect(lambda_):
    """Maps a source to a function; the mapping's UUID; removed after the test."""
    made = []

    def make(name, arn, **settings):
        answer = lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **settings)
        made.append(answer["UUID"])
        return answer["UUID"]

    yield make
    for identifier in made:
        lambda_.delete_event_source_mapping(UUID=identifier)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def writes(log, verdict="pass"):
    """A function that appends its event to a log, a line each, and then does what verdict says."""
    return f"""
        import json
        def main(event, context):
            with open({str(log)!r}, "a") as log:
                log.write(json.dumps(event) + chr(10))
            {verdict}
        """


def events_of(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def bodies_of(log):
    return [record["body"] for event in events_of(log) for record in event["Records"]]


def is_empty(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"}


def test_a_message_reaches_the_function_in_sqss_record_and_is_deleted(deploy, connect, queue, sqs, tmp_path):
    url, arn = queue()
    name = deploy(writes(tmp_path / "log"))
    connect(name, arn)
    attributes = {
        "s": {"DataType": "String", "StringValue": "v"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="héllo", MessageAttributes=attributes)
    until(lambda: is_empty(sqs, url))
    ((record,),) = [event["Records"] for event in events_of(tmp_path / "log")]
    times = [record["attributes"].pop(key) for key in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")]
    assert all(len(each) == 13 and each.isdigit() for each in times)
    assert record.pop("receiptHandle")
    assert record.pop("attributes").pop("ApproximateReceiveCount") == "1"
    assert record == {
        "messageId": sent["MessageId"],
        "body": "héllo",
        "messageAttributes": {
            "s": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "b": {"binaryValue": "AQI=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
        },
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    }


def test_batches_are_no_greater_than_asked_for_and_nothing_is_lost(deploy, connect, queue, sqs, tmp_path):
    url, arn = queue()
    texts = [str(number) for number in range(100)]
    for at in range(0, 100, 10):
        entries = [{"Id": text, "MessageBody": text} for text in texts[at : at + 10]]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    connect(deploy(writes(tmp_path / "log")), arn, BatchSize=7)
    until(lambda: is_empty(sqs, url))
    sizes = [len(event["Records"]) for event in events_of(tmp_path / "log")]
    assert max(sizes) == 7
    assert sorted(bodies_of(tmp_path / "log"), key=int) == texts


def test_a_window_collects_what_comes(deploy, connect, queue, sqs, tmp_path):
    url, arn = queue()
    connect(deploy(writes(tmp_path / "log")), arn, BatchSize=20, MaximumBatchingWindowInSeconds=1)
    for number in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    until(lambda: is_empty(sqs, url))
    assert len(events_of(tmp_path / "log")) <= 2  # one for each poller
    assert sorted(bodies_of(tmp_path / "log")) == list("012345")


def test_only_the_named_messages_come_again(deploy, connect, queue, sqs, tmp_path):
    """A poison message is received as often as the queue allows, then ends in its dead-letter queue."""
    dead, dead_arn = queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = queue(VisibilityTimeout="1", RedrivePolicy=redrive)
    verdict = (
        'return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] '
        'if r["body"] == "poison"]}'
    )
    name = deploy(writes(tmp_path / "log", verdict), Timeout=1)
    for text in ("a", "poison", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    connect(name, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    (message,) = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == "poison"
    assert sorted(bodies_of(tmp_path / "log")) == ["a", "b", "poison", "poison"]
    assert is_empty(sqs, url)


@pytest.mark.parametrize(
    "verdict",
    ['raise ValueError("no")', 'return {"batchItemFailures": [{"itemIdentifier": "unknown"}]}'],
)
def test_a_whole_batch_comes_again(deploy, connect, queue, sqs, tmp_path, verdict):
    url, arn = queue(VisibilityTimeout="1")
    again = f'if event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1": {verdict}'
    name = deploy(writes(tmp_path / "log", again), Timeout=1)
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": text, "MessageBody": text} for text in "ab"])
    connect(name, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    until(lambda: is_empty(sqs, url))
    # At least once: where a start takes longer than the queue hides messages, they come once more.
    assert all(times >= 2 for times in Counter(bodies_of(tmp_path / "log")).values())
    assert set(bodies_of(tmp_path / "log")) == {"a", "b"}


def test_a_filter_drops_what_does_not_match(deploy, connect, queue, sqs, tmp_path):
    url, arn = queue()
    pattern = json.dumps({"body": {"region": ["EU"], "amount": [{"numeric": [">", 10]}]}})
    connect(deploy(writes(tmp_path / "log")), arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    wanted = json.dumps({"region": "EU", "amount": 11})
    for body in (wanted, json.dumps({"region": "EU", "amount": 9}), json.dumps({"region": "US", "amount": 99}), "text"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    until(lambda: is_empty(sqs, url))
    assert bodies_of(tmp_path / "log") == [wanted]


def test_a_fifo_queue_keeps_its_order(deploy, connect, queue, sqs, tmp_path):
    url, arn = queue(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=f"{number:02}", MessageGroupId="g")
    connect(deploy(writes(tmp_path / "log")), arn, BatchSize=3)
    until(lambda: is_empty(sqs, url))
    assert bodies_of(tmp_path / "log") == [f"{number:02}" for number in range(20)]
    assert events_of(tmp_path / "log")[0]["Records"][0]["attributes"]["MessageGroupId"] == "g"


def test_a_mapping_is_made_changed_listed_stopped_and_deleted(deploy, lambda_, queue, sqs, tmp_path):
    url, arn = queue()
    name = deploy(writes(tmp_path / "log"))
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    made = lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, Tags={"k": "v"})
    identifier = made["UUID"]
    uuid.UUID(identifier)
    assert (made["State"], made["BatchSize"], made["FunctionArn"]) == ("Creating", 10, function)
    shown = lambda_.get_event_source_mapping(UUID=identifier)
    assert (shown["State"], shown["StateTransitionReason"]) == ("Enabled", "USER_INITIATED")
    assert shown["EventSourceMappingArn"].endswith(f":event-source-mapping:{identifier}")
    assert lambda_.list_tags(Resource=shown["EventSourceMappingArn"])["Tags"] == {"k": "v"}
    for filters in ({"EventSourceArn": arn}, {"FunctionName": name}, {"FunctionName": function}):
        found = lambda_.list_event_source_mappings(**filters)["EventSourceMappings"]
        assert [each["UUID"] for each in found] == [identifier]
    with pytest.raises(ClientError, match=f"already exists.*{identifier}") as error:
        lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
    assert error.value.response["Error"]["Code"] == "ResourceConflictException"
    changed = lambda_.update_event_source_mapping(UUID=identifier, Enabled=False, BatchSize=5)
    assert (changed["State"], changed["BatchSize"]) == ("Disabling", 5)
    assert lambda_.get_event_source_mapping(UUID=identifier)["State"] == "Disabled"
    sqs.send_message(QueueUrl=url, MessageBody="waits")
    time.sleep(0.5)
    assert bodies_of(tmp_path / "log") == []
    lambda_.update_event_source_mapping(UUID=identifier, Enabled=True)
    until(lambda: bodies_of(tmp_path / "log") == ["waits"])
    assert lambda_.delete_event_source_mapping(UUID=identifier)["State"] == "Deleting"
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_event_source_mapping(UUID=identifier)


def test_what_is_refused(deploy, lambda_, queue):
    _, arn = queue(VisibilityTimeout="5")
    name = deploy("def main(event, context): pass", Timeout=5)
    slow = deploy("def main(event, context): pass", Timeout=6)
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t/stream/2026"
    cases = [
        ({"FunctionName": "nobody", "EventSourceArn": arn}, "ResourceNotFoundException"),
        ({"FunctionName": name, "EventSourceArn": f"{arn}x"}, "InvalidParameterValueException"),
        ({"FunctionName": slow, "EventSourceArn": arn}, "InvalidParameterValueException"),
        ({"FunctionName": name, "EventSourceArn": arn, "BatchSize": 11}, "InvalidParameterValueException"),
        ({"FunctionName": name, "EventSourceArn": arn, "MaximumRetryAttempts": 1}, "InvalidParameterValueException"),
        (
            {"FunctionName": name, "EventSourceArn": arn, "FilterCriteria": {"Filters": [{"Pattern": '{"body": 1}'}]}},
            "InvalidParameterValueException",
        ),
        ({"FunctionName": name, "EventSourceArn": table}, "NotSupportedByLocalAws"),
        ({"FunctionName": name, "EventSourceArn": arn, "KMSKeyArn": "arn:aws:kms:x:1:key/y"}, "NotSupportedByLocalAws"),
    ]
    for params, code in cases:
        with pytest.raises(ClientError) as error:
            lambda_.create_event_source_mapping(**params)
        assert error.value.response["Error"]["Code"] == code, params
