"""Delivery streams with buckets of their own, functions from source, and what was delivered."""

import io
import itertools
import json
import textwrap
import time
import zipfile

import pyarrow.parquet as pq
import pytest

ROLE = "arn:aws:iam::123456789012:role/firehose"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def firehose(client):
    return client("firehose")


class Delivered:
    """A stream, its bucket and what lies there."""

    def __init__(self, aws, firehose):
        self.number = next(_numbers)
        self.aws, self.firehose = aws, firehose
        self.name, self.bucket = f"stream-{self.number}", f"firehose-{self.number}"
        aws.store.create_bucket(self.bucket)

    def create(self, seconds=0, size=None, kind="DirectPut", source=None, processors=(), **settings):
        hints = {"IntervalInSeconds": seconds, "SizeInMBs": size or (64 if _large(settings) else 1)}
        s3 = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{self.bucket}",
            "BufferingHints": hints,
            **settings,
        }
        if processors:
            s3["ProcessingConfiguration"] = {"Enabled": True, "Processors": [_processor(one) for one in processors]}
        extra = {"KinesisStreamSourceConfiguration": {"KinesisStreamARN": source, "RoleARN": ROLE}} if source else {}
        answer = self.firehose.create_delivery_stream(
            DeliveryStreamName=self.name, DeliveryStreamType=kind, ExtendedS3DestinationConfiguration=s3, **extra
        )
        return answer["DeliveryStreamARN"]

    def put(self, *records):
        """One batch, so that with an interval of no seconds they are delivered together."""
        data = [{"Data": one if isinstance(one, bytes) else json.dumps(one).encode()} for one in records]
        answer = self.firehose.put_record_batch(DeliveryStreamName=self.name, Records=data)
        assert answer["FailedPutCount"] == 0
        return [one["RecordId"] for one in answer["RequestResponses"]]

    def describe(self):
        return self.firehose.describe_delivery_stream(DeliveryStreamName=self.name)["DeliveryStreamDescription"]

    def objects(self, prefix="", bucket=None):
        """Bytes by key."""
        found = {}
        for info in self.aws.store.list(bucket or self.bucket, prefix):
            with self.aws.store.open(info.bucket, info.key) as body:
                found[info.key] = body.read()
        return found

    def wait(self, count=1, prefix="", seconds=20, bucket=None):
        """The objects, once there are so many and none more comes."""
        end = time.monotonic() + seconds
        while len(found := self.objects(prefix, bucket)) < count:
            assert time.monotonic() < end, f"only {sorted(found)} in {seconds} s"
            time.sleep(0.02)
        assert len(found) == count, sorted(found)
        return found

    def parquet(self, count=1, prefix=""):
        """The rows of the Parquet objects, by key."""
        return {key: pq.read_table(io.BytesIO(body)).to_pylist() for key, body in self.wait(count, prefix).items()}

    def errors(self, count=1, prefix="processing-failed/"):
        """The documents in the error objects."""
        return [json.loads(line) for body in self.wait(count, prefix).values() for line in body.splitlines()]


def _large(settings):
    return "DynamicPartitioningConfiguration" in settings or "DataFormatConversionConfiguration" in settings


def _processor(given):
    kind, parameters = given if isinstance(given, tuple) else (given, {})
    return {
        "Type": kind,
        "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()],
    }


@pytest.fixture
def stream(aws, firehose):
    made = Delivered(aws, firehose)
    yield made
    if made.name in firehose.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]:
        firehose.delete_delivery_stream(DeliveryStreamName=made.name)


@pytest.fixture
def function(client):
    """Deploys a handler; returns its ARN."""
    names = []

    def make(source, **settings):
        name = f"firehose-f-{next(_numbers)}"
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("handler.py", textwrap.dedent(source))
        made = client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=ROLE,
            Handler="handler.main",
            Timeout=settings.pop("Timeout", 10),
            Code={"ZipFile": target.getvalue()},
        )
        names.append(name)
        return made["FunctionArn"]

    yield make
    for name in names:
        client("lambda").delete_function(FunctionName=name)
