"""Asynchronous events: retries, destinations, the dead-letter queue."""

import json
import re
import time

import pytest

from localaws.lambda_ import asynchronous


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(asynchronous, "_RETRY_SECONDS", (0.05, 0.05))
    monkeypatch.setattr(asynchronous, "_THROTTLED_SECONDS", 0.05)


@pytest.fixture
def queue(client):
    """A new SQS queue: (ARN, function that waits for one message)."""
    sqs = client("sqs")
    name = f"lambda-events-{time.monotonic_ns()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    def receive():
        (message,) = sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message

    yield f"arn:aws:sqs:us-east-1:123456789012:{name}", receive
    sqs.delete_queue(QueueUrl=url)


def fails(log, times):
    return f"""
        import pathlib
        def main(event, context):
            with pathlib.Path({str(log)!r}).open("a") as log:
                log.write(context.aws_request_id + chr(10))
            if len(pathlib.Path({str(log)!r}).read_text().split()) <= {times}:
                raise ValueError("again")
            return "done"
        """


def attempts(log):
    return log.read_text().split() if log.exists() else []


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_an_event_is_queued_and_run_once(deploy, invoke, tmp_path):
    log = tmp_path / "log"
    payload, answer = invoke(deploy(fails(log, 0)), {"a": 1}, InvocationType="Event")
    assert (payload, answer["StatusCode"]) == (None, 202)
    until(lambda: attempts(log))
    time.sleep(0.3)
    assert len(attempts(log)) == 1


def test_a_failing_event_is_tried_three_times_under_one_id(deploy, invoke, tmp_path, queue):
    log, (arn, receive) = tmp_path / "log", queue
    name = deploy(fails(log, 9), DeadLetterConfig={"TargetArn": arn})
    invoke(name, {"a": 1}, InvocationType="Event")
    message = receive()
    assert json.loads(message["Body"]) == {"a": 1}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes == {"RequestID": attempts(log)[0], "ErrorCode": "200", "ErrorMessage": "again"}
    assert attempts(log) == [attempts(log)[0]] * 3


def test_a_retry_that_succeeds_ends_it(deploy, invoke, tmp_path, lambda_, queue):
    log, (arn, receive) = tmp_path / "log", queue
    name = deploy(fails(log, 1))
    lambda_.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}}
    )
    invoke(name, {"a": 1}, InvocationType="Event")
    record = json.loads(receive()["Body"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": attempts(log)[0],
            "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": "done",
    }


def test_the_functions_own_number_of_retries_and_its_failure_destination(deploy, invoke, tmp_path, lambda_, queue):
    log, (arn, receive) = tmp_path / "log", queue
    name = deploy(fails(log, 9))
    lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    invoke(name, {"a": 1}, InvocationType="Event")
    record = json.loads(receive()["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == len(attempts(log)) == 1
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_a_failure_can_go_to_a_topic(deploy, invoke, tmp_path, lambda_, queue, client):
    arn, receive = queue
    topic = client("sns").create_topic(Name=arn.rpartition(":")[2])["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    name = deploy(fails(tmp_path / "log", 9))
    lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}}
    )
    invoke(name, {"a": 3}, InvocationType="Event")
    assert json.loads(receive()["Body"])["requestPayload"] == {"a": 3}


def test_a_failure_can_go_to_another_function(deploy, invoke, tmp_path, lambda_):
    log = tmp_path / "log"
    told = deploy(f"""
        import json
        def main(event, context):
            open({str(tmp_path / "told")!r}, "w").write(json.dumps(event))
        """)
    name = deploy(fails(log, 9))
    target = lambda_.get_function(FunctionName=told)["Configuration"]["FunctionArn"]
    lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": target}}
    )
    invoke(name, {"a": 2}, InvocationType="Event")
    until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text())
    assert json.loads((tmp_path / "told").read_text())["requestPayload"] == {"a": 2}


def test_a_throttled_event_waits_for_its_turn(deploy, invoke, tmp_path, lambda_):
    log = tmp_path / "log"
    name = deploy(fails(log, 0))
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    invoke(name, InvocationType="Event")
    time.sleep(0.3)
    assert attempts(log) == []
    lambda_.delete_function_concurrency(FunctionName=name)
    until(lambda: len(attempts(log)) == 1)


@pytest.mark.parametrize("arn", ["arn:aws:s3:::a-bucket", "nowhere"])
def test_a_destination_that_cannot_be_served_is_refused(deploy, lambda_, arn):
    with pytest.raises(lambda_.exceptions.ClientError) as error:
        lambda_.put_function_event_invoke_config(
            FunctionName=deploy(""), DestinationConfig={"OnFailure": {"Destination": arn}}
        )
    assert error.value.response["Error"]["Code"] in ("InvalidParameterValueException", "ParamValidationError")


def test_results_go_to_an_event_bus(deploy, invoke, lambda_, queue, client, tmp_path):
    arn, receive = queue
    name = deploy(fails(tmp_path / "log", 1))
    function = f"arn:aws:lambda:us-east-1:123456789012:function:{name}:$LATEST"
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    destinations = {"OnSuccess": {"Destination": bus}, "OnFailure": {"Destination": bus}}
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0, DestinationConfig=destinations)
    events = client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["lambda"], "resources": [function]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    for kind, condition in (("Failure", "RetriesExhausted"), ("Success", "Success")):
        invoke(name, {"a": 1}, InvocationType="Event")
        event = json.loads(receive()["Body"])
        assert event["detail-type"] == f"Lambda Function Invocation Result - {kind}"
        assert event["resources"] == [function, bus]
        assert event["detail"]["requestContext"]["condition"] == condition
        assert event["detail"]["requestPayload"] == {"a": 1}
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_an_upload_runs_the_function_that_allows_it(deploy, lambda_, client, tmp_path):
    """S3 asks for the permission when it is told to notify, by prefix and suffix, and delivers each upload once."""
    s3, log = client("s3"), tmp_path / "log"
    bucket = f"b-{time.monotonic_ns()}"
    s3.create_bucket(Bucket=bucket)
    name = deploy(f"""
        def main(event, context):
            with open({str(log)!r}, "a") as log:
                for record in event["Records"]:
                    log.write(record["s3"]["object"]["key"] + chr(10))
        """)
    function = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".csv"}]
    rule = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    told = {"Bucket": bucket, "NotificationConfiguration": {"LambdaFunctionConfigurations": [rule]}}
    with pytest.raises(s3.exceptions.ClientError, match="Unable to validate the following destination"):
        s3.put_bucket_notification_configuration(**told)
    lambda_.add_permission(
        FunctionName=name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
        SourceAccount="123456789012",
    )
    s3.put_bucket_notification_configuration(**told)
    for key in ("in/a.csv", "in/b.txt", "out/c.csv", "in/d e.csv"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    until(lambda: len(attempts(log)) == 2)
    assert sorted(attempts(log)) == ["in/a.csv", "in/d+e.csv"]


def test_events_that_wait_or_run_outlive_a_stop(tmp_path, make_zip):
    """Of three events one runs and two wait when the server stops; the next server runs all of them."""
    import boto3

    from localaws.server import Server

    keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    started, done = tmp_path / "started", tmp_path / "done"
    source = f"""
import pathlib, time
def main(event, context):
    with open({str(started)!r}, "a") as log:
        log.write(event["n"] + chr(10))
    if not pathlib.Path({str(tmp_path / "go")!r}).exists():
        time.sleep(60)
    with open({str(done)!r}, "a") as log:
        log.write(event["n"] + chr(10))
"""
    with Server(tmp_path / "aws") as server:
        lambda_ = boto3.client("lambda", endpoint_url=server.endpoint, **keys)
        lambda_.create_function(
            FunctionName="f",
            Runtime="python3.11",
            Role="arn:aws:iam::123456789012:role/lambda",
            Handler="handler.main",
            Timeout=60,
            Code={"ZipFile": make_zip({"handler.py": source})},
        )
        lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
        for number in "123":
            lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps({"n": number}))
        until(lambda: attempts(started))
        (tmp_path / "go").touch()
    assert attempts(done) == []
    with Server(tmp_path / "aws"):
        until(lambda: len(attempts(done)) == 3)
    assert sorted(attempts(done)) == ["1", "2", "3"]
