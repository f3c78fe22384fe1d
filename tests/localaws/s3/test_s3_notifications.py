import json
import time

import pytest
from botocore.exceptions import ClientError

from localaws.s3.notifications import Rule


@pytest.fixture
def queue(client, bucket):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def messages(count):
        found = []
        end = time.monotonic() + 60
        while len(found) < count and time.monotonic() < end:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return arn, messages


def configure(s3, bucket, arn, events, **filters):
    rule = {"QueueArn": arn, "Events": events, "Id": "mine"}
    if filters:
        rules = [{"Name": name, "Value": value} for name, value in filters.items()]
        rule["Filter"] = {"Key": {"FilterRules": rules}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [rule]})


def test_a_put_is_told_with_s3s_record(s3, bucket, queue):
    arn, messages = queue
    configure(s3, bucket, arn, ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], prefix="in/", suffix=".csv")
    assert messages(1)[0]["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="other/a.csv", Body=b"no")
    s3.put_object(Bucket=bucket, Key="in/a.txt", Body=b"no")
    s3.put_object(Bucket=bucket, Key="in/a b+ü.csv", Body=b"12")
    s3.copy_object(Bucket=bucket, Key="in/copy.csv", CopySource={"Bucket": bucket, "Key": "in/a b+ü.csv"})
    s3.delete_object(Bucket=bucket, Key="in/copy.csv")
    records = [record for message in messages(3) for record in message["Records"]]
    assert sorted(record["eventName"] for record in records) == [
        "ObjectCreated:Copy",
        "ObjectCreated:Put",
        "ObjectRemoved:Delete",
    ]
    put = next(record for record in records if record["eventName"] == "ObjectCreated:Put")
    assert (put["eventSource"], put["awsRegion"], put["eventVersion"]) == ("aws:s3", "us-east-1", "2.1")
    assert put["s3"]["configurationId"] == "mine"
    assert (put["s3"]["bucket"]["name"], put["s3"]["bucket"]["arn"]) == (bucket, f"arn:aws:s3:::{bucket}")
    described = put["s3"]["object"]
    assert (described["key"], described["size"]) == ("in/a+b%2B%C3%BC.csv", 2)
    assert described["eTag"] == "c20ad4d76fe97759aa27a0c99bff6710"
    removed = next(record for record in records if record["eventName"] == "ObjectRemoved:Delete")
    assert "size" not in removed["s3"]["object"]


def test_a_configuration_is_given_back(s3, bucket, queue):
    arn, _ = queue
    configure(s3, bucket, arn, ["s3:ObjectCreated:Put"], prefix="a/")
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    rules = [{"Name": "Prefix", "Value": "a/"}]
    expected = {"Id": "mine", "QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]}
    assert answer == [{**expected, "Filter": {"Key": {"FilterRules": rules}}}]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_events_reach_a_lambda_function(aws, s3, bucket, monkeypatch):
    heard = []

    class Lambda:
        service = "lambda"

        def check_sender(self, name, sender):
            heard.append((name, sender.service, sender.arn))

        def invoke(self, name, payload, *, event=False, sender=None):
            heard.append((name, json.loads(payload)["Records"][0]["s3"]["object"]["key"], event))

    monkeypatch.setitem(aws.engines, "lambda", Lambda())
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    configuration = {"LambdaFunctionConfigurations": [rule]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"")
    end = time.monotonic() + 60
    while len(heard) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert heard == [(arn, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}"), (arn, "a+b", True)]


def test_what_could_not_be_delivered_is_refused(s3, bucket, queue):
    arn, _ = queue
    put = s3.put_bucket_notification_configuration
    created = ["s3:ObjectCreated:*"]
    nowhere = "arn:aws:sqs:us-east-1:123456789012:nowhere"
    cases = [
        ({"QueueConfigurations": [{"QueueArn": nowhere, "Events": created}]}, "InvalidArgument"),
        ({"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRestore:*"]}]}, "NotSupportedByLocalAws"),
        (
            {
                "QueueConfigurations": [
                    {"QueueArn": arn, "Events": created},
                    {"QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]},
                ]
            },
            "InvalidArgument",
        ),
    ]
    for configuration, expected in cases:
        with pytest.raises(ClientError) as error:
            put(Bucket=bucket, NotificationConfiguration=configuration)
        assert error.value.response["Error"]["Code"] == expected
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


@pytest.mark.parametrize(
    ("wanted", "event", "expected"),
    [
        ("s3:ObjectCreated:*", "ObjectCreated:Put", True),
        ("s3:ObjectCreated:Put", "ObjectCreated:Put", True),
        ("s3:ObjectCreated:Put", "ObjectCreated:Copy", False),
        ("s3:ObjectRemoved:*", "ObjectCreated:Put", False),
    ],
)
def test_which_events_a_rule_is_for(wanted, event, expected):
    assert Rule("id", "sqs", "arn", (wanted,)).matches(event, "k") is expected


def test_eventbridge_is_told_in_its_own_shape(s3, bucket, queue, client):
    arn, messages = queue
    events = client("events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "in/"}]}}}
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=bucket, Targets=[{"Id": "q", "Arn": arn}])
    s3.put_object(Bucket=bucket, Key="in/before", Body=b"")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["EventBridgeConfiguration"] == {}
    s3.put_object(Bucket=bucket, Key="in/a b", Body=b"12")
    s3.put_object(Bucket=bucket, Key="out/c", Body=b"12")
    s3.copy_object(Bucket=bucket, Key="in/copy", CopySource={"Bucket": bucket, "Key": "in/a b"})
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    s3.put_object_tagging(Bucket=bucket, Key="in/a b", Tagging=tags)
    s3.delete_object(Bucket=bucket, Key="in/a b")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket=bucket, Key="in/copy")["VersionId"]
    found = sorted(messages(5), key=lambda event: event["detail"]["request-id"])
    events.remove_targets(Rule=bucket, Ids=["q"])
    events.delete_rule(Name=bucket)
    put = found[0]
    assert (put["source"], put["resources"]) == ("aws.s3", [f"arn:aws:s3:::{bucket}"])
    sequencer = put["detail"]["object"].pop("sequencer")
    assert put["detail"] == {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": "in/a b", "size": 2, "etag": "c20ad4d76fe97759aa27a0c99bff6710"},
        "request-id": sequencer,
        "requester": "123456789012",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
    told = [
        (event["detail-type"], event["detail"].get("reason"), event["detail"].get("deletion-type")) for event in found
    ]
    assert told == [
        ("Object Created", "PutObject", None),
        ("Object Created", "CopyObject", None),
        ("Object Tags Added", None, None),
        ("Object Deleted", "DeleteObject", "Permanently Deleted"),
        ("Object Deleted", "DeleteObject", "Delete Marker Created"),
    ]
    assert found[4]["detail"]["object"]["version-id"] == marker
