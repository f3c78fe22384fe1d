"""Kinesis streams that feed functions: order, retries, bisecting, partial failures, and what is given up."""

import base64
import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from localaws.server import Server

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setenv("LOCALAWS_LAMBDA_STREAM_RETRY_SECONDS", "0.01")


@pytest.fixture
def kinesis(client):
    return client("kinesis")


@pytest.fixture
def stream(kinesis):
    """Makes a stream: (name, ARN)."""
    names = []

    def make(shards=1):
        name = f"s-{uuid.uuid4().hex[:12]}"
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        names.append(name)
        return name, f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"

    yield make
    for name in names:
        kinesis.delete_stream(StreamName=name)


@pytest.fixture
def connect(lambda_):
    """Maps a stream to a function; the mapping's UUID; removed after the test."""
    made = []

    def make(name, arn, **settings):
        settings = {"StartingPosition": "TRIM_HORIZON", **settings}
        answer = lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **settings)
        made.append(answer["UUID"])
        return answer["UUID"]

    yield make
    for identifier in made:
        lambda_.delete_event_source_mapping(UUID=identifier)


@pytest.fixture
def dead_letters(client):
    """A queue: (ARN, function that waits for its JSON messages, in order of their first record)."""
    sqs = client("sqs")
    name = f"d-{uuid.uuid4().hex[:12]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    def messages(count):
        found = []
        until(lambda: found.extend(_take(sqs, url)) or len(found) >= count)
        return sorted(found, key=lambda record: int(record["KinesisBatchInfo"]["startSequenceNumber"]))

    yield f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", messages
    sqs.delete_queue(QueueUrl=url)


def _take(sqs, url):
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def put(kinesis, stream, texts, key="k"):
    records = [{"Data": text.encode(), "PartitionKey": key} for text in texts]
    for at in range(0, len(records), 500):
        assert kinesis.put_records(StreamName=stream, Records=records[at : at + 500])["FailedRecordCount"] == 0


def writes(log, verdict="pass"):
    """A function that appends a batch's texts to a log, a line each time; verdict may use ``texts``."""
    return f"""
        import base64, json
        def main(event, context):
            texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
            with open({str(log)!r}, "a") as log:
                log.write(json.dumps(texts) + chr(10))
            {verdict}
        """


def batches(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def texts(log):
    return [text for batch in batches(log) for text in batch]


def test_records_come_in_kinesiss_shape(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream()
    answer = kinesis.put_record(StreamName=name, Data=b"\xc3\xa4", PartitionKey="p")
    log = tmp_path / "log"
    connect(deploy(f"def main(event, context): open({str(log)!r}, 'w').write(__import__('json').dumps(event))"), arn)
    until(lambda: log.exists() and log.read_text())
    (record,) = json.loads(log.read_text())["Records"]
    assert abs(record["kinesis"].pop("approximateArrivalTimestamp") - time.time()) < 60
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": answer["SequenceNumber"],
            "data": base64.b64encode(b"\xc3\xa4").decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{answer['ShardId']}:{answer['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda",
        "awsRegion": "us-east-1",
        "eventSourceARN": arn,
    }


def test_every_record_comes_once_and_in_order(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream(shards=2)
    wanted = [f"{number:04}" for number in range(1000)]
    put(kinesis, name, wanted[:500])
    connect(deploy(writes(tmp_path / "log")), arn, BatchSize=70)
    put(kinesis, name, wanted[500:])
    until(lambda: len(texts(tmp_path / "log")) >= 1000)
    assert texts(tmp_path / "log") == wanted
    assert max(map(len, batches(tmp_path / "log"))) == 70


def test_latest_begins_with_what_comes_after(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream()
    put(kinesis, name, ["before"])
    connect(deploy(writes(tmp_path / "log")), arn, StartingPosition="LATEST")
    put(kinesis, name, ["after"])
    until(lambda: texts(tmp_path / "log"))
    assert texts(tmp_path / "log") == ["after"]


def test_a_window_collects_and_lanes_keep_each_keys_order(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream()
    connect(
        deploy(writes(tmp_path / "log")), arn, BatchSize=10, MaximumBatchingWindowInSeconds=1, ParallelizationFactor=3
    )
    for number in range(4):
        for key in "abcd":
            kinesis.put_record(StreamName=name, Data=f"{key}{number}".encode(), PartitionKey=key)
    until(lambda: len(texts(tmp_path / "log")) >= 16)
    found = texts(tmp_path / "log")
    for key in "abcd":
        assert [text for text in found if text[0] == key] == [f"{key}{number}" for number in range(4)]
    assert len(found) == 16
    assert len(batches(tmp_path / "log")) <= 6


def test_a_poison_record_is_found_by_bisecting_and_given_up(deploy, connect, stream, kinesis, tmp_path, dead_letters):
    """Of sixteen records one fails always: it alone is given up, the others succeed once each and in order."""
    name, arn = stream()
    target, messages = dead_letters
    wanted = [str(number) for number in range(16)]
    put(kinesis, name, wanted)
    fails = deploy(writes(tmp_path / "log", 'assert "11" not in texts, "poison"'))
    connect(
        fails,
        arn,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": target}},
    )
    (record,) = messages(1)
    until(lambda: "15" in [text for batch in batches(tmp_path / "log") if "11" not in batch for text in batch])
    succeeded = [text for batch in batches(tmp_path / "log") if "11" not in batch for text in batch]
    assert succeeded == [text for text in wanted if text != "11"]
    assert batches(tmp_path / "log").count(["11"]) == 2
    assert record["requestContext"].pop("requestId")
    assert record["requestContext"] == {
        "functionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{fails}",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    info = record["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == ("12", "12", 1)
    assert (info["shardId"], info["streamArn"]) == ("shardId-000000000000", arn)
    assert set(record) == {"requestContext", "responseContext", "version", "timestamp", "KinesisBatchInfo"}


def test_only_what_follows_the_reported_failure_comes_again(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream()
    put(kinesis, name, list("abcdef"))
    state = tmp_path / "failed"
    verdict = f"""
            import os
            if "d" in texts and not os.path.exists({str(state)!r}):
                open({str(state)!r}, "w").close()
                failed = event["Records"][texts.index("d")]["kinesis"]["sequenceNumber"]
                return {{"batchItemFailures": [{{"itemIdentifier": failed}}]}}
            return {{"batchItemFailures": []}}"""
    connect(deploy(writes(tmp_path / "log", verdict.strip())), arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    until(lambda: len(batches(tmp_path / "log")) == 2)
    assert batches(tmp_path / "log") == [list("abcdef"), list("def")]


def test_a_failing_batch_holds_back_its_shard_until_it_succeeds(deploy, connect, stream, kinesis, tmp_path, lambda_):
    name, arn = stream()
    put(kinesis, name, ["first"])
    fails = deploy(writes(tmp_path / "log", 'raise ValueError("no")'))
    identifier = connect(fails, arn, BatchSize=1)
    until(lambda: len(batches(tmp_path / "log")) >= 3)
    put(kinesis, name, ["second"])
    assert set(texts(tmp_path / "log")) == {"first"}
    assert lambda_.get_event_source_mapping(UUID=identifier)["LastProcessingResult"] == "PROBLEM: Function call failed"
    lambda_.put_function_concurrency(FunctionName=fails, ReservedConcurrentExecutions=0)
    time.sleep(0.1)
    tries = len(batches(tmp_path / "log"))
    time.sleep(0.1)
    assert len(batches(tmp_path / "log")) == tries
    assert set(texts(tmp_path / "log")) == {"first"}


def test_a_filter_sees_the_decoded_data(deploy, connect, stream, kinesis, tmp_path):
    name, arn = stream()
    pattern = json.dumps({"data": {"region": ["EU"]}, "partitionKey": ["k"]})
    connect(deploy(writes(tmp_path / "log")), arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    wanted = json.dumps({"region": "EU", "n": 1})
    put(kinesis, name, [json.dumps({"region": "US"}), "text", wanted])
    put(kinesis, name, [wanted], key="other")
    put(kinesis, name, [json.dumps({"region": "EU", "n": 2})])
    until(lambda: len(texts(tmp_path / "log")) >= 2)
    assert texts(tmp_path / "log") == [wanted, json.dumps({"region": "EU", "n": 2})]


def test_a_mapping_that_is_disabled_goes_on_where_it_was(deploy, connect, stream, kinesis, tmp_path, lambda_):
    name, arn = stream()
    identifier = connect(deploy(writes(tmp_path / "log")), arn)
    put(kinesis, name, ["1"])
    until(lambda: texts(tmp_path / "log") == ["1"])
    lambda_.update_event_source_mapping(UUID=identifier, Enabled=False)
    put(kinesis, name, ["2"])
    time.sleep(0.2)
    assert texts(tmp_path / "log") == ["1"]
    lambda_.update_event_source_mapping(UUID=identifier, Enabled=True)
    until(lambda: texts(tmp_path / "log") == ["1", "2"])


def test_mappings_outlive_a_restart(tmp_path, make_zip):
    """A stop in the middle of a batch ends at once; the next server has the mapping, and reads the stream made anew."""
    import boto3

    def clients(server):
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        return [boto3.client(name, endpoint_url=server.endpoint, **keys) for name in ("lambda", "kinesis")]

    log = tmp_path / "log"
    source = f"""
import base64, time
def main(event, context):
    for record in event["Records"]:
        text = base64.b64decode(record["kinesis"]["data"]).decode()
        with open({str(log)!r}, "a") as log:
            log.write(text + " ")
        if text == "slow":
            time.sleep(60)
"""
    stream = f"s-{uuid.uuid4().hex[:12]}"
    with Server(tmp_path / "aws") as server:
        lambda_, kinesis = clients(server)
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        lambda_.create_function(
            FunctionName="f",
            Runtime="python3.11",
            Role="arn:aws:iam::123456789012:role/lambda",
            Handler="handler.main",
            Timeout=60,
            Code={"ZipFile": make_zip({"handler.py": source})},
        )
        arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{stream}"
        made = lambda_.create_event_source_mapping(
            FunctionName="f", EventSourceArn=arn, StartingPosition="TRIM_HORIZON"
        )
        put(kinesis, stream, ["slow"])
        until(lambda: log.exists() and log.read_text() == "slow ")
        started = time.monotonic()
    assert time.monotonic() - started < 10
    with Server(tmp_path / "aws") as server:
        lambda_, kinesis = clients(server)
        assert lambda_.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled"
        kinesis.delete_stream(StreamName=stream)  # moto keeps it as long as this process
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        put(kinesis, stream, ["anew"])
        until(lambda: log.read_text().endswith("anew "))
        kinesis.delete_stream(StreamName=stream)


def test_what_is_refused(deploy, lambda_, stream):
    _, arn = stream()
    name = deploy("def main(event, context): pass")
    cases = [
        ({}, "InvalidParameterValueException"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "InvalidParameterValueException"),
        ({"StartingPosition": "LATEST", "EventSourceArn": f"{arn}x"}, "InvalidParameterValueException"),
        ({"StartingPosition": "LATEST", "MaximumRecordAgeInSeconds": 59}, "InvalidParameterValueException"),
        ({"StartingPosition": "LATEST", "TumblingWindowInSeconds": 10}, "NotSupportedByLocalAws"),
        (
            {"StartingPosition": "LATEST", "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}}},
            "NotSupportedByLocalAws",
        ),
    ]
    for params, code in cases:
        with pytest.raises(ClientError) as error:
            lambda_.create_event_source_mapping(**{"FunctionName": name, "EventSourceArn": arn, **params})
        assert error.value.response["Error"]["Code"] == code, params
