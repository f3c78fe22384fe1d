"""Nothing that was acknowledged is lost or delivered twice, whenever the server is killed."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import boto3
import pytest

from localaws.firehose.buffer import Buffer

ROLE = "arn:aws:iam::123456789012:role/firehose"


class Process:
    """``python -m localaws`` on a data folder."""

    def __init__(self, data):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localaws", "--port", "0", "--data", str(data)], stdout=subprocess.PIPE, text=True
        )
        self.endpoint = self.process.stdout.readline().split()[3].rstrip(",")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def end(self, number):
        os.kill(self.process.pid, number)
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    running = []

    def make():
        running.append(Process(tmp_path / "data"))
        return running[-1]

    yield make
    for one in running:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)


def create(firehose, seconds, **settings):
    firehose.create_delivery_stream(
        DeliveryStreamName="s",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::landing",
            "BufferingHints": {"IntervalInSeconds": seconds, "SizeInMBs": 1},
            **settings,
        },
    )


def delivered(server):
    s3 = server.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="landing").get("Contents", [])]
    return [int(part) for key in keys for part in s3.get_object(Bucket="landing", Key=key)["Body"].read().split()]


def test_killed_while_it_takes_and_delivers(start):
    server = start()
    server.client("s3").create_bucket(Bucket="landing")
    firehose = server.client("firehose")
    create(firehose, 0)
    acknowledged = 0
    for kill_at in (7, 15, 26):
        while acknowledged < kill_at * 100:
            data = [{"Data": b"%d " % (acknowledged + place) + b" " * 2000} for place in range(100)]
            assert firehose.put_record_batch(DeliveryStreamName="s", Records=data)["FailedPutCount"] == 0
            acknowledged += 100
        server.end(signal.SIGKILL)
        server = start()
        firehose = server.client("firehose")
    end = time.monotonic() + 30
    while len(found := delivered(server)) < acknowledged and time.monotonic() < end:
        time.sleep(0.1)
    assert sorted(found) == list(range(acknowledged))


def test_stopped_with_a_full_buffer_it_delivers_at_its_time(start):
    server = start()
    server.client("s3").create_bucket(Bucket="landing")
    create(server.client("firehose"), 3)
    server.client("firehose").put_record(DeliveryStreamName="s", Record={"Data": b"1"})
    began = time.monotonic()
    server.end(signal.SIGTERM)
    assert time.monotonic() - began < 3
    server = start()
    end = time.monotonic() + 20
    while delivered(server) != [1]:
        assert time.monotonic() < end
        time.sleep(0.1)


FUNCTION = """
import base64, boto3
def main(event, context):
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"]).decode()
        boto3.client("s3").put_object(Bucket="counted", Key=record["kinesis"]["sequenceNumber"] + ":" + data)
"""


def test_after_a_restart_a_stream_that_is_made_anew_is_read_from_its_beginning(start):
    """Kinesis is in memory: its streams go with the server, and the next one's sequence numbers begin anew."""
    source = "arn:aws:kinesis:us-east-1:123456789012:stream/source"
    server = start()
    for bucket in ("landing", "counted"):
        server.client("s3").create_bucket(Bucket=bucket)
    server.client("kinesis").create_stream(StreamName="source", ShardCount=1)
    server.client("firehose").create_delivery_stream(
        DeliveryStreamName="s",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": source, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::landing", "BufferingHints": {"IntervalInSeconds": 0}
        },
    )  # fmt: skip
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", FUNCTION)
    server.client("lambda").create_function(
        FunctionName="f", Runtime="python3.11", Role=ROLE, Handler="handler.main", Code={"ZipFile": code.getvalue()}
    )
    server.client("lambda").create_event_source_mapping(
        EventSourceArn=source, FunctionName="f", StartingPosition="TRIM_HORIZON"
    )

    def put_and_wait(*numbers, delivered_by_then):
        entries = [{"Data": b"%d " % number, "PartitionKey": "k"} for number in numbers]
        server.client("kinesis").put_records(StreamName="source", Records=entries)
        end = time.monotonic() + 30
        while sorted(delivered(server)) != delivered_by_then or len(counted(server)) < len(delivered_by_then):
            assert time.monotonic() < end, (delivered(server), counted(server))
            time.sleep(0.1)

    put_and_wait(1, 2, 3, delivered_by_then=[1, 2, 3])
    server.end(signal.SIGTERM)
    server = start()
    time.sleep(1.5)  # for a while there is no such stream
    server.client("kinesis").create_stream(StreamName="source", ShardCount=1)
    put_and_wait(4, 5, delivered_by_then=[1, 2, 3, 4, 5])
    assert sorted(counted(server)) == ["1:1 ", "1:4 ", "2:2 ", "2:5 ", "3:3 "]


def counted(server):
    """The keys of what the function wrote: a record's sequence number and its data."""
    return [one["Key"] for one in server.client("s3").list_objects_v2(Bucket="counted").get("Contents", [])]


def test_a_delivery_that_was_interrupted_keeps_its_name(tmp_path):
    """Killed after its objects were put and before its records were forgotten, it writes the same objects again."""
    buffer = Buffer(tmp_path / "buffer.sqlite")
    buffer.append([(1, b"a", None), (2, b"b", None)])
    first = buffer.begin(1)
    buffer.append([(3, b"c", None)])
    buffer.close()
    again = Buffer(tmp_path / "buffer.sqlite")
    assert (again.count, again.bytes, again.oldest, again.open_delivery()) == (3, 3, 1, True)
    second = again.begin(100)
    assert (second.name, [one.data for one in second.records]) == (first.name, [b"a"])
    again.end(second)
    third = again.begin(100)
    assert third.name != first.name and [one.data for one in third.records] == [b"b", b"c"]
    assert third.records[0].id not in {one.id for one in first.records}


def test_ids_are_never_used_again(tmp_path):
    buffer = Buffer(tmp_path / "buffer.sqlite")
    ids = []
    for number in range(3):
        ids += buffer.append([(number, json.dumps(number).encode(), {"shard": 1})])
        buffer.end(buffer.begin(100))
    assert len(set(ids)) == 3 and buffer.count == 0 and buffer.oldest is None
