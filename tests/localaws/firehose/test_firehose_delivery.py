"""What is delivered, when, and under which keys."""

import gzip
import io
import json
import re
import time
import zipfile
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_records_are_joined_in_order_under_the_default_name(stream):
    stream.create()
    before = datetime.now(UTC)
    stream.put(b"one", b"", b"two", {"three": 3})
    ((key, body),) = stream.wait().items()
    assert body == b'onetwo{"three": 3}'
    match = re.fullmatch(rf"(\d{{4}}/\d\d/\d\d/\d\d)/{stream.name}-1-(\d{{4}}(?:-\d\d){{5}})-{UUID}", key)
    named = datetime.strptime(match.group(2), "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
    assert match.group(1) == f"{named:%Y/%m/%d/%H}" and -2 < (named - before).total_seconds() < 2
    assert stream.aws.store.head(stream.bucket, key).content_type == "application/octet-stream"


def test_the_time_and_the_size_are_honoured(stream):
    stream.create(seconds=2, size=1)
    began = time.monotonic()
    stream.put(b"early")
    time.sleep(1)
    assert stream.objects() == {}
    stream.put(b"late")
    (body,) = stream.wait().values()
    assert body == b"earlylate" and 1.9 < time.monotonic() - began < 8
    full = time.monotonic()
    stream.put(*[b"x" * 300_000] * 8)  # two objects of 900 kB by size, and 600 kB by time
    assert [len(body) for body in stream.wait(3).values() if len(body) == 900_000] == [900_000] * 2
    assert time.monotonic() - full < 1.9
    stream.wait(4)


def test_prefixes_are_evaluated(stream):
    stream.create(
        Prefix="a/y=!{timestamp:yyyy}/m=!{timestamp:MM}/!{timestamp:'day'-dd}/r=!{firehose:random-string}/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        CustomTimeZone="Asia/Tokyo",
        FileExtension=".json",
    )
    stream.put(b"x")
    (key,) = stream.wait()
    assert re.fullmatch(rf"a/y=\d{{4}}/m=\d\d/day-\d\d/r=[0-9a-f]{{11}}/{stream.name}-1-[-\d]{{19}}-{UUID}\.json", key)


def test_a_prefix_without_expressions_gets_the_hour(stream):
    stream.create(Prefix="plain/")
    stream.put(b"x")
    (key,) = stream.wait()
    assert re.match(r"plain/\d{4}/\d\d/\d\d/\d\d/stream-", key)


def snappy_framed(body):
    """What the framing format holds; its checksums have a test of their own."""
    assert body[:10] == b"\xff\x06\x00\x00sNaPpY"
    at, out = 10, b""
    while at < len(body):
        kind, size = body[at], int.from_bytes(body[at + 1 : at + 4], "little")
        piece = body[at + 8 : at + 4 + size]
        out += piece if kind == 1 else pa.Codec("snappy").decompress(piece, _raw_length(piece), asbytes=True)
        at += 4 + size
    return out


def _raw_length(piece):
    """The varint in front of a raw Snappy block."""
    length = shift = 0
    for byte in piece:
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return length
    raise AssertionError


def hadoop_snappy(body):
    size, packed = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    assert len(body) == 8 + packed
    return pa.Codec("snappy").decompress(body[8:], size, asbytes=True)


def unzip(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


@pytest.mark.parametrize(
    ("form", "extension", "read"),
    [
        ("GZIP", ".gz", gzip.decompress),
        ("ZIP", ".zip", unzip),
        ("Snappy", ".snappy", snappy_framed),
        ("HADOOP_SNAPPY", ".hsnappy", hadoop_snappy),
    ],
)
def test_objects_are_compressed(stream, form, extension, read):
    stream.create(CompressionFormat=form)
    stream.put(b"a line\n" * 20_000)
    ((key, body),) = stream.wait().items()
    assert key.endswith(extension) and len(body) < 50_000 and read(body) == b"a line\n" * 20_000


def test_the_snappy_checksum_is_the_masked_crc32c(stream):
    stream.create(CompressionFormat="Snappy")
    stream.put(b"123456789")
    (body,) = stream.wait().values()
    crc = 0xE3069283  # of "123456789", the CRC's published check value
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert int.from_bytes(body[14:18], "little") == masked


def test_delimiters_are_appended_and_aggregates_taken_apart(stream):
    stream.create(
        processors=[
            ("RecordDeAggregation", {"SubRecordType": "JSON"}),
            ("AppendDelimiterToRecord", {"Delimiter": "\\n"}),
        ]
    )
    stream.put(b'{"a":1}{"a":2}\n{"a":{"b":"}"}}', b'{"a":3}', b'[{"a":4}]', b'{"a":')
    found = stream.wait(2)
    (good,) = (body for key, body in found.items() if "failed" not in key)
    assert good == b'{"a":1}\n{"a":2}\n{"a":{"b":"}"}}\n{"a":3}\n'
    errors = stream.errors()
    assert [(one["errorCode"], one["rawData"]) for one in errors] == [
        ("DynamicPartitioning.DeaggregationFailed", "W3siYSI6NH1d"),
        ("DynamicPartitioning.DeaggregationFailed", "eyJhIjo="),
    ]


def test_delimited_aggregates_are_taken_apart(stream):
    stream.create(
        processors=[
            ("RecordDeAggregation", {"SubRecordType": "DELIMITED", "Delimiter": "IyMjIw=="}),
            ("AppendDelimiterToRecord", {"Delimiter": "|"}),
        ]
    )
    stream.put(b"one####two####", b"three")
    assert list(stream.wait().values()) == [b"one|two|three|"]


def test_dynamic_partitions_by_query(stream):
    stream.create(
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="data/region=!{partitionKeyFromQuery:region}/day=!{partitionKeyFromQuery:day}/",
        ErrorOutputPrefix="bad/!{firehose:error-output-type}/",
        processors=[
            (
                "MetadataExtraction",
                {
                    "JsonParsingEngine": "JQ-1.6",
                    "MetadataExtractionQuery": '{region:.region, day:(.at/1000)|strftime("%Y-%m-%d"), n:.n}',
                },
            ),
            ("AppendDelimiterToRecord", {"Delimiter": "\\n"}),
        ],
    )
    rows = [{"region": region, "at": at, "n": 1} for region in ("north", "süd/1") for at in (0, 86_400_000, 1)]
    stream.put(
        *rows, {"region": "", "at": 0, "n": 1}, {"at": 0, "n": 1}, b"no json", {"region": "x", "at": "y", "n": 1}
    )
    found = stream.wait(4, "data/")
    by_folder = {key.rpartition("/")[0]: body for key, body in found.items()}
    assert {key: [json.loads(line)["at"] for line in body.splitlines()] for key, body in by_folder.items()} == {
        "data/region=north/day=1970-01-01": [0, 1],
        "data/region=north/day=1970-01-02": [86_400_000],
        "data/region=süd/1/day=1970-01-01": [0, 1],
        "data/region=süd/1/day=1970-01-02": [86_400_000],
    }
    errors = stream.errors(prefix="bad/processing-failed/")
    assert {one["errorCode"] for one in errors} == {"DynamicPartitioning.MetadataExtractionFailed"}
    assert [one["errorMessage"] for one in errors] == [
        "partitionKeys values must not be null or empty",
        "partitionKeys values must not be null or empty",
        "Non JSON record provided",
        'string ("y") and number (1000) cannot be divided',
    ]
    assert errors[0].keys() == {
        "attemptsMade",
        "arrivalTimestamp",
        "errorCode",
        "errorMessage",
        "attemptEndingTimestamp",
        "rawData",
    }


def test_too_many_partitions_fail_record_by_record(stream, monkeypatch):
    monkeypatch.setattr("localaws.firehose.delivery.MOST_PARTITIONS", 2)
    stream.create(
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="!{partitionKeyFromQuery:k}/",
        ErrorOutputPrefix="bad/",
        processors=[("MetadataExtraction", {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{k:.k}"})],
    )
    stream.put({"k": 1}, {"k": 2}, {"k": 3}, {"k": 1})
    (error,) = stream.errors(prefix="bad/")
    assert error["errorCode"] == "DynamicPartitioning.ActivePartitionsLimitExceeded"
    assert sorted(key[0] for key in stream.objects() if not key.startswith("bad/")) == ["1", "2"]


def test_a_missing_bucket_is_waited_for(stream):
    """A delivery that fails is tried again: nothing is lost while the destination is away."""
    stream.create(
        CloudWatchLoggingOptions={"Enabled": True, "LogGroupName": f"/fh/{stream.name}", "LogStreamName": "s"}
    )
    stream.aws.store.delete_bucket(stream.bucket)
    stream.put(b"kept")
    deadline = time.monotonic() + 60
    while not (logs := _logged(stream)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert logs[0]["errorCode"] == "S3.NoSuchBucket" and logs[0]["destination"] == f"arn:aws:s3:::{stream.bucket}"
    stream.aws.store.create_bucket(stream.bucket)
    assert list(stream.wait().values()) == [b"kept"]


def _logged(stream):
    import boto3

    client = boto3.client(
        "logs",
        endpoint_url=stream.aws.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    try:
        events = client.filter_log_events(logGroupName=f"/fh/{stream.name}")["events"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [json.loads(event["message"]) for event in events]


def test_the_source_is_backed_up(stream):
    backup = f"{stream.bucket}-backup"
    stream.aws.store.create_bucket(backup)
    stream.create(
        S3BackupMode="Enabled",
        S3BackupConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/firehose",
            "BucketARN": f"arn:aws:s3:::{backup}",
            "Prefix": "raw/",
            "CompressionFormat": "GZIP",
        },
        processors=[("RecordDeAggregation", {"SubRecordType": "JSON"}), "AppendDelimiterToRecord"],
    )
    stream.put(b'{"a":1}{"a":2}', b"not json")
    (body,) = stream.wait(bucket=backup, prefix="raw/").values()
    assert gzip.decompress(body) == b'{"a":1}{"a":2}not json'
    s3 = stream.describe()["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert s3["S3BackupDescription"]["Prefix"] == "raw/" and "S3BackupConfiguration" not in s3


def test_deliveries_are_measured(stream, client):
    stream.create()
    stream.put(b"12345", b"678")
    stream.wait()
    ask = {
        "Namespace": "AWS/Firehose",
        "Dimensions": [{"Name": "DeliveryStreamName", "Value": stream.name}],
        "StartTime": datetime.now(UTC) - timedelta(hours=1),
        "EndTime": datetime.now(UTC) + timedelta(hours=1),
        "Period": 60,
        "Statistics": ["Sum"],
    }
    end = time.monotonic() + 60
    while not (points := client("cloudwatch").get_metric_statistics(MetricName="IncomingBytes", **ask)["Datapoints"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert sum(point["Sum"] for point in points) == 8
