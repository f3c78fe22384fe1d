"""A Kinesis data stream as the source."""

import time

import pytest
from botocore.exceptions import ClientError

from localaws.server import Server


@pytest.fixture
def kinesis(client):
    return client("kinesis")


@pytest.fixture
def source(kinesis, stream):
    name = f"source-{stream.number}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    yield name
    kinesis.delete_stream(StreamName=name)


ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/"


def put(kinesis, name, *records):
    entries = [{"Data": record, "PartitionKey": str(record)} for record in records]
    assert kinesis.put_records(StreamName=name, Records=entries)["FailedRecordCount"] == 0


def test_records_of_all_shards_are_delivered_from_now_on(stream, kinesis, source, function):
    put(kinesis, source, b"before")
    time.sleep(0.01)
    arn = function(
        """
        import base64, json
        def main(event, context):
            out = []
            for one in event["records"]:
                about = one["kinesisRecordMetadata"]
                assert event["sourceKinesisStreamArn"].endswith("stream/NAME")
                assert about.keys() == {"sequenceNumber", "subsequenceNumber", "partitionKey", "shardId",
                                        "approximateArrivalTimestamp"}
                data = base64.b64encode(base64.b64decode(one["data"]) + about["shardId"][-1:].encode() + b";")
                out.append({"recordId": one["recordId"], "result": "Ok", "data": data.decode()})
            return {"records": out}
        """.replace("NAME", source)
    )
    stream.create(
        seconds=1, kind="KinesisStreamAsSource", source=ARN + source, processors=[("Lambda", {"LambdaArn": arn})]
    )
    put(kinesis, source, *[b"r%02d-" % number for number in range(20)])
    end = time.monotonic() + 20
    while len(found := sorted(b"".join(stream.objects().values()).split(b";"))[1:]) < 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [one[:4] for one in found] == [b"r%02d-" % number for number in range(20)]
    assert {one[4:] for one in found} == {b"0", b"1"}
    described = stream.describe()
    assert described["DeliveryStreamType"] == "KinesisStreamAsSource"
    assert described["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == ARN + source


def test_it_takes_no_records_itself_and_needs_its_source(stream, source):
    with pytest.raises(ClientError, match="cannot be read"):
        stream.create(kind="KinesisStreamAsSource", source=ARN + "none-such")
    stream.create(kind="KinesisStreamAsSource", source=ARN + source)
    with pytest.raises(ClientError, match="not permitted on KinesisStreamAsSource"):
        stream.put(b"x")


def test_a_restart_reads_on_where_it_was(tmp_path, client, kinesis, source):
    """What came while it was away is read, and nothing twice: moto's Kinesis outlives this server, in one process."""
    name = f"restarted-{source}"
    with Server(tmp_path) as server:
        server.store.create_bucket("landing")
        firehose = _client("firehose", server)
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={
                "KinesisStreamARN": ARN + source,
                "RoleARN": "arn:aws:iam::123456789012:role/r",
            },
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/r",
                "BucketARN": "arn:aws:s3:::landing",
                "BufferingHints": {"IntervalInSeconds": 0},
            },
        )
        put(kinesis, source, b"1;", b"2;")
        _wait(server, 2)
    put(kinesis, source, b"3;", b"4;")
    with Server(tmp_path) as server:
        put(kinesis, source, b"5;")
        assert _wait(server, 5) == [b"1", b"2", b"3", b"4", b"5"]


def test_a_stream_that_is_made_anew_while_it_is_read_is_read_from_its_beginning(stream, kinesis, source):
    stream.create(seconds=0, kind="KinesisStreamAsSource", source=ARN + source)

    def put_and_wait(*records, count):
        put(kinesis, source, *records)
        end = time.monotonic() + 20
        while len(found := b"".join(stream.objects().values()).split(b";")[:-1]) < count:
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return sorted(found)

    assert len(put_and_wait(*[b"a%02d;" % number for number in range(20)], count=20)) == 20
    kinesis.delete_stream(StreamName=source)
    kinesis.create_stream(StreamName=source, ShardCount=2)  # its sequence numbers begin anew
    assert put_and_wait(b"b00;", b"b01;", count=22)[20:] == [b"b00", b"b01"]


def _wait(server, count):
    end = time.monotonic() + 20
    while True:
        found = []
        for info in server.store.list("landing"):
            with server.store.open("landing", info.key) as body:
                found += body.read().split(b";")[:-1]
        if len(found) >= count:
            return sorted(found)
        assert time.monotonic() < end, found
        time.sleep(0.05)


def _client(service, server):
    import boto3

    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
