"""Queues that events arrive in, and names of each test's own."""

import json
import time
import uuid

import pytest


@pytest.fixture
def name():
    return f"e-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def events(client):
    return client("events")


@pytest.fixture
def make_queue(client):
    """Makes an SQS queue: (ARN, function that waits for so many messages and gives them)."""
    sqs = client("sqs")
    urls = []

    def make(suffix="", **attributes):
        queue = f"q-{uuid.uuid4().hex[:12]}{suffix}"
        url = sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
        urls.append(url)

        def messages(count, seconds=60):
            found = []
            end = time.monotonic() + seconds
            while len(found) < count and time.monotonic() < end:
                answer = sqs.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                    AttributeNames=["All"],
                )
                for message in answer.get("Messages", []):
                    found.append(message)
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            assert len(found) == count
            return found

        return f"arn:aws:sqs:us-east-1:123456789012:{queue}", messages

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def bodies():
    """The JSON bodies of messages."""
    return lambda messages: [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def eventually():
    """Calls until the answer is true, and gives it."""

    def wait(call, seconds=60):
        end = time.monotonic() + seconds
        while not (answer := call()):
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)
        return answer

    return wait
