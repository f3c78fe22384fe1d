"""SNS: each kind of subscriber, filters, FIFO, dead letters, and the inbox of e-mails."""

import json
import threading
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ClientError

from localaws.core import AwsError
from localaws.messaging.tasks import TaskQueue

ACCOUNT = "123456789012"


@pytest.fixture
def sns(client):
    return client("sns")


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def topic(sns):
    """Makes a topic; its ARN."""
    made = []

    def make(suffix="", **attributes):
        arn = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:12]}{suffix}", Attributes=attributes)["TopicArn"]
        made.append(arn)
        return arn

    yield make
    for arn in made:
        sns.delete_topic(TopicArn=arn)


@pytest.fixture
def queue(sqs):
    """Makes a queue: (ARN, function that takes so many messages)."""
    urls = []

    def make(suffix="", **attributes):
        name = f"q-{uuid.uuid4().hex[:12]}{suffix}"
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        urls.append(url)

        def take(count):
            found = []
            while len(found) < count:
                answer = sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, MessageAttributeNames=["All"]
                )
                assert "Messages" in answer, f"{len(found)} messages came, not {count}"
                for message in answer["Messages"]:
                    found.append(message)
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            assert len(found) == count
            return found

        return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", take

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def inbox(aws, address):
    page = f"{aws.endpoint}/_localaws/inbox?format=json&to={address}"
    with urllib.request.urlopen(page) as answer:
        return json.loads(answer.read())


def test_a_queue_gets_the_envelope_or_the_raw_message(sns, topic, queue):
    arn = topic()
    wrapped, take = queue()
    raw, take_raw = queue()
    subscription = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=wrapped)["SubscriptionArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=raw, Attributes={"RawMessageDelivery": "true"})
    attributes = {
        "s": {"DataType": "String", "StringValue": "v"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x01"},
    }
    sent = sns.publish(TopicArn=arn, Message="héllo", Subject="hi", MessageAttributes=attributes)
    envelope = json.loads(take(1)[0]["Body"])
    assert envelope.pop("Timestamp").endswith("Z")
    assert envelope.pop("UnsubscribeURL").endswith(subscription)
    assert {envelope.pop(name) for name in ("Signature", "SigningCertURL", "SignatureVersion")}
    assert envelope == {
        "Type": "Notification",
        "MessageId": sent["MessageId"],
        "TopicArn": arn,
        "Subject": "hi",
        "Message": "héllo",
        "MessageAttributes": {"s": {"Type": "String", "Value": "v"}, "b": {"Type": "Binary", "Value": "AQ=="}},
    }
    (message,) = take_raw(1)
    assert message["Body"] == "héllo"
    assert message["MessageAttributes"] == {
        "s": {"DataType": "String", "StringValue": "v"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x01"},
    }


def test_a_function_gets_snss_record(aws, sns, topic, monkeypatch):
    heard, called = [], threading.Event()

    class Functions:
        service = "lambda"
        operations = {}  # noqa: RUF012

        def invoke(self, name, payload, *, event=False, sender=None):
            heard.append((name, json.loads(payload), event, sender.service, sender.arn))
            called.set()

    monkeypatch.setitem(aws.engines, "lambda", Functions())
    arn = topic()
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    subscription = sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    attributes = {"n": {"DataType": "Number", "StringValue": "7"}}
    sent = sns.publish(TopicArn=arn, Message="hello", MessageAttributes=attributes)
    assert called.wait(5)
    ((name, event, is_event, service, source),) = heard
    assert (name, is_event, service, source) == (function, True, "sns.amazonaws.com", arn)
    (record,) = event["Records"]
    message = record.pop("Sns")
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription}
    known = {key: message[key] for key in ("Type", "MessageId", "TopicArn", "Subject", "Message", "MessageAttributes")}
    assert known == {
        "Type": "Notification",
        "MessageId": sent["MessageId"],
        "TopicArn": arn,
        "Subject": None,
        "Message": "hello",
        "MessageAttributes": {"n": {"Type": "Number", "Value": "7"}},
    }


@pytest.mark.parametrize(
    ("policy", "scope", "numbers"),
    [
        ({"kind": ["a"]}, None, [1]),
        ({"kind": [{"anything-but": "a"}]}, None, [2]),
        ({"size": [{"numeric": [">", 5]}]}, None, [2]),
        ({"many": ["y"]}, None, [2]),
        ({"kind": [{"exists": False}]}, None, [3]),
        ({"detail": {"n": [{"numeric": ["<=", 2]}]}}, "MessageBody", [1, 2]),
        ({"detail": {"none": [1]}}, "MessageBody", []),
    ],
)
def test_a_filter_policy_chooses(sns, topic, queue, policy, scope, numbers):
    arn = topic()
    endpoint, take = queue()
    settings = {"FilterPolicy": json.dumps(policy), "RawMessageDelivery": "true"}
    if scope:
        settings["FilterPolicyScope"] = scope
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint, Attributes=settings)
    messages = [
        (1, {"kind": ("String", "a"), "size": ("Number", "5")}),
        (2, {"kind": ("String", "b"), "size": ("Number", "5.5"), "many": ("String.Array", '["x", "y"]')}),
        (3, {}),
    ]
    for number, given in messages:
        typed = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in given.items()}
        sns.publish(TopicArn=arn, Message=json.dumps({"detail": {"n": number}}), MessageAttributes=typed)
    if scope:
        sns.publish(TopicArn=arn, Message="no json")
    # A queue gets its messages within the publish, so that this is all.
    found = [json.loads(message["Body"])["detail"]["n"] for message in take(len(numbers))]
    assert found == numbers


def test_a_fifo_topic_keeps_order_and_drops_doubles(sns, topic, queue):
    arn = topic(".fifo", FifoTopic="true", ContentBasedDeduplication="true")
    endpoint, take = queue(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint, Attributes={"RawMessageDelivery": "true"})
    answers = [sns.publish(TopicArn=arn, Message=text, MessageGroupId="g") for text in ("1", "2", "1", "3")]
    assert answers[0]["MessageId"] == answers[2]["MessageId"]
    assert answers[0]["SequenceNumber"] < answers[1]["SequenceNumber"] < answers[3]["SequenceNumber"]
    assert [message["Body"] for message in take(3)] == ["1", "2", "3"]
    with pytest.raises(ClientError, match="MessageGroupId"):
        sns.publish(TopicArn=arn, Message="x")


def test_emails_are_read_in_the_inbox_newest_first(aws, sns, topic):
    arn, address = topic(), f"{uuid.uuid4().hex[:8]}@example.com"
    subscription = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True)
    found = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
    assert found["PendingConfirmation"] == "false"
    sns.publish(TopicArn=arn, Message="first <b>", Subject="One")
    sns.publish(TopicArn=arn, Message=json.dumps({"default": "d", "email": "second"}), MessageStructure="json")
    assert [(each["subject"], each["text"], each["topic"]) for each in inbox(aws, address)] == [
        ("AWS Notification Message", "second", arn),
        ("One", "first <b>", arn),
    ]
    with urllib.request.urlopen(f"{aws.endpoint}/_localaws/inbox?to={address}") as answer:
        page = answer.read().decode()
    assert "2 messages" in page
    assert "first &lt;b&gt;" in page
    assert page.index("second") < page.index("first")


def test_an_http_endpoint_is_posted_to_and_tried_again(sns, topic, monkeypatch):
    monkeypatch.setenv("LOCALAWS_SNS_RETRY_SECONDS", "0.01")
    heard, done = [], threading.Event()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["x-amz-sns-message-type"], json.loads(body)["Message"]))
            self.send_response(500 if len(heard) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(heard) == 2:
                done.set()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    arn = topic()
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
    sns.publish(TopicArn=arn, Message="hello")
    assert done.wait(5)
    server.shutdown()
    server.server_close()
    assert heard == [("Notification", "hello")] * 2


def test_what_cannot_be_delivered_goes_to_the_subscriptions_dead_letters(sns, topic, queue):
    arn = topic()
    dead, take = queue()
    nowhere = f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere"
    redrive = json.dumps({"deadLetterTargetArn": dead})
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=nowhere, Attributes={"RedrivePolicy": redrive})
    sns.publish(TopicArn=arn, Message="kept")
    assert json.loads(take(1)[0]["Body"])["Message"] == "kept"


def test_a_batch_tells_of_each_entry(sns, topic, queue):
    arn = topic()
    endpoint, take = queue()
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint, Attributes={"RawMessageDelivery": "true"})
    entries = [{"Id": "a", "Message": "1"}, {"Id": "b", "Message": "2", "Subject": "x" * 101}]
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a"]
    assert [(each["Id"], each["Code"], each["SenderFault"]) for each in answer["Failed"]] == [
        ("b", "InvalidParameter", True)
    ]
    assert [message["Body"] for message in take(1)] == ["1"]


def test_what_is_refused(sns, topic):
    arn = topic()
    cases = [
        (lambda: sns.publish(TopicArn=f"{arn}x", Message="m"), "NotFound"),
        (lambda: sns.publish(TopicArn=arn, Message=""), "InvalidParameter"),
        (lambda: sns.publish(TopicArn=arn, Message="x" * 262_145), "InvalidParameter"),
        (lambda: sns.publish(TopicArn=arn, Message="{}", MessageStructure="json"), "InvalidParameter"),
        (lambda: sns.publish(PhoneNumber="+491234567", Message="m"), "NotSupportedByLocalAws"),
        (lambda: sns.subscribe(TopicArn=arn, Protocol="sms", Endpoint="+491234567"), "NotSupportedByLocalAws"),
    ]
    for call, code in cases:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == code


def test_sends_receives_and_deletes_at_once_lose_nothing(client, queue):
    """Without a lock a message sent while moto rebuilt its list on a delete was lost."""
    from localaws.messaging import moto_queues

    arn, _ = queue()
    name = arn.rpartition(":")[2]
    backend = moto_queues.backend_of(arn)
    seen, sent = [], 400

    def receive():
        while len(seen) < sent:
            for message in backend.receive_message(name, 10, 0.05, 30, ["All"]):
                seen.append(message.body)
                backend.delete_message(name, message.receipt_handle)

    threads = [threading.Thread(target=receive, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(sent):
        backend.send_message(name, str(number))
    for thread in threads:
        thread.join(10)
    assert sorted(seen, key=int) == [str(number) for number in range(sent)]


def test_a_task_queue_is_bounded_and_keeps_what_waits(tmp_path):
    ran, done = [], threading.Event()

    def run(task):
        ran.append(task["n"])
        done.set()

    keep = tmp_path / "waiting.json"
    first = TaskQueue("test", run, limit=2, keep=keep)
    first.start()
    assert [first.put({"n": number}, delay=60) for number in range(3)] == [True, True, False]
    first.close()
    assert (ran, len(json.loads(keep.read_text()))) == ([], 2)
    second = TaskQueue("test", run, keep=keep)
    second.start()
    assert second.put({"n": 9})
    assert done.wait(5)
    second.close()
    assert ran == [9]
    assert [task["n"] for _, task in json.loads(keep.read_text())] == [0, 1]


def test_a_function_must_allow_the_sender():
    from localaws.lambda_.permissions import Sender, check_sender

    statement = {
        "Sid": "s",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:*:*:alerts-*"}},
    }
    document = {"name": "f", "policies": {"": {"statements": [statement]}}}
    check_sender(document, None, Sender("sns.amazonaws.com", "arn:aws:sns:us-east-1:1:alerts-a"))
    for qualifier, sender in (
        (None, Sender("s3.amazonaws.com", "arn:aws:sns:us-east-1:1:alerts-a")),
        (None, Sender("sns.amazonaws.com", "arn:aws:sns:us-east-1:1:other")),
        ("1", Sender("sns.amazonaws.com", "arn:aws:sns:us-east-1:1:alerts-a")),
    ):
        with pytest.raises(AwsError, match=r"lambda:InvokeFunction.*add-permission"):
            check_sender(document, qualifier, sender)
