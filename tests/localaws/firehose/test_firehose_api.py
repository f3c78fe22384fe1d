"""The streams' API: shapes, defaults, refusals, limits."""

import re

import pytest
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ROLE = "arn:aws:iam::123456789012:role/firehose"


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_stream_is_described_with_its_defaults(stream):
    arn = stream.firehose.create_delivery_stream(
        DeliveryStreamName=stream.name,
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{stream.bucket}"},
        Tags=[{"Key": "team", "Value": "data"}],
    )["DeliveryStreamARN"]
    assert arn == f"arn:aws:firehose:us-east-1:123456789012:deliverystream/{stream.name}"
    described = stream.describe()
    assert described.pop("CreateTimestamp").tzinfo is not None
    (destination,) = described.pop("Destinations")
    assert described == {
        "DeliveryStreamName": stream.name,
        "DeliveryStreamARN": arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
        "DeliveryStreamType": "DirectPut",
        "VersionId": "1",
        "HasMoreDestinations": False,
    }
    common = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{stream.bucket}",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    assert destination == {
        "DestinationId": "destinationId-000000000001",
        "S3DestinationDescription": common,
        "ExtendedS3DestinationDescription": {**common, "S3BackupMode": "Disabled"},
    }
    tags = stream.firehose.list_tags_for_delivery_stream(DeliveryStreamName=stream.name)
    assert tags["Tags"] == [{"Key": "team", "Value": "data"}] and tags["HasMoreTags"] is False


def test_tags_change_and_streams_are_listed_in_pages(stream):
    stream.create()
    call = stream.firehose
    call.tag_delivery_stream(DeliveryStreamName=stream.name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    call.untag_delivery_stream(DeliveryStreamName=stream.name, TagKeys=["a"])
    assert call.list_tags_for_delivery_stream(DeliveryStreamName=stream.name)["Tags"] == [{"Key": "b", "Value": ""}]
    page = call.list_delivery_streams(Limit=1, ExclusiveStartDeliveryStreamName=stream.name[:-1])
    assert page["DeliveryStreamNames"] == [stream.name]
    listed = call.list_delivery_streams(Limit=100, DeliveryStreamType="KinesisStreamAsSource")
    assert stream.name not in listed["DeliveryStreamNames"]


def test_a_name_is_taken_once_and_gone_after_deletion(stream):
    stream.create()
    code, message = refused(stream.create)
    assert (code, message) == (
        "ResourceInUseException",
        f"Firehose {stream.name} under accountId 123456789012 already exists",
    )
    stream.put({"a": 1})
    stream.firehose.delete_delivery_stream(DeliveryStreamName=stream.name)
    code, message = refused(stream.describe)
    assert (code, message) == (
        "ResourceNotFoundException",
        f"Firehose {stream.name} under account 123456789012 not found.",
    )


def test_an_update_needs_the_current_version_and_keeps_what_it_does_not_name(stream):
    stream.create(seconds=900, Prefix="old/")
    update = {
        "DeliveryStreamName": stream.name,
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"Prefix": "new/", "BufferingHints": {"IntervalInSeconds": 0}},
    }
    code, message = refused(stream.firehose.update_destination, CurrentDeliveryStreamVersionId="7", **update)
    assert code == "ConcurrentModificationException" and "current version id: 1" in message
    stream.put(b"waits under the old settings, goes by the new ones")
    stream.firehose.update_destination(CurrentDeliveryStreamVersionId="1", **update)
    (key,) = stream.wait(prefix="new/")
    assert re.fullmatch(rf"new/\d{{4}}/\d\d/\d\d/\d\d/{stream.name}-2-[-0-9a-f]+", key)
    described = stream.describe()
    s3 = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert described["VersionId"] == "2" and "LastUpdateTimestamp" in described
    assert s3["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 0} and s3["RoleARN"] == ROLE


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix can't be null"),
        ({"Prefix": "!{timestamp:yyyy}/", "ErrorOutputPrefix": "e/!{timestamp:yyyy}"}, "must contain"),
        ({"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": "e/"}, "can't contain"),
        ({"Prefix": "a!{b"}, "the sequence !{"),
        ({"Prefix": "!{nothing:x}", "ErrorOutputPrefix": "e/"}, "namespace 'nothing'"),
        ({"Prefix": "!{timestamp:QQ}", "ErrorOutputPrefix": "e/"}, "'QQ' is not supported"),
        ({"Prefix": "!{partitionKeyFromQuery:a}/", "ErrorOutputPrefix": "e/"}, "needs DynamicPartitioning"),
        ({"size": 129}, "from 1 to 128"),
        ({"seconds": 901}, "from 0 to 900"),
        ({"CompressionFormat": "BROTLI"}, "'BROTLI' is none of"),
        ({"CustomTimeZone": "Europe/Nowhere"}, "not a time zone"),
        ({"BucketARN": "arn:aws:s3:::there-is-none-such"}, "does not exist"),
        ({"BucketARN": "arn:aws:s3:::b/../../etc"}, "not the ARN of a bucket"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration must be given"),
        ({"processors": [("MetadataExtraction", {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{a:.a}"})]},
         "only valid when Dynamic Partitioning"),
        ({"processors": [("Lambda", {"LambdaArn": "f"})]}, "the ARN of a function"),
        ({"processors": [("RecordDeAggregation", {"SubRecordType": "DELIMITED", "Delimiter": "??"})]}, "in base64"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_invalid(stream, settings, words):
    code, message = refused(stream.create, **settings)
    assert code == "InvalidArgumentException" and words in message
    assert stream.name not in stream.firehose.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]


QUERY = {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{a:.a}"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 5}, "at least 64"),
        ({"Prefix": "x/"}, "should contain Dynamic Partitioning namespaces"),
        ({"processors": []}, "MetadataExtraction processor should be present"),
        ({"Prefix": "!{partitionKeyFromLambda:a}/"}, "Lambda processor should be present"),
        ({"processors": [("MetadataExtraction", {**QUERY, "JsonParsingEngine": "JQ-1.7"})]}, "which is JQ-1.6"),
        ({"processors": [("MetadataExtraction", {**QUERY, "MetadataExtractionQuery": "{a:"})]}, "syntax error"),
        ({"processors": [("MetadataExtraction", {**QUERY, "MetadataExtractionQuery": "{a:env}"})]}, "env/0"),
    ],
)
def test_dynamic_partitioning_has_its_rules(stream, settings, words):
    given = {
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "Prefix": "!{partitionKeyFromQuery:a}/",
        "ErrorOutputPrefix": "e/",
        "processors": [("MetadataExtraction", QUERY)],
        **settings,
    }
    code, message = refused(stream.create, **given)
    assert code == "InvalidArgumentException" and words in message


@pytest.mark.parametrize(
    "settings",
    [
        {"EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": KEY}}},
        {"processors": ["Decompression"]},
        {"kind": "MSKAsSource"},
    ],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused(stream, settings):
    code, message = refused(stream.create, **settings)
    assert code == "NotSupportedByLocalAws" and "refused" in message


def test_other_destinations_are_refused(stream):
    iceberg = {
        "RoleARN": ROLE,
        "CatalogConfiguration": {},
        "S3Configuration": {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{stream.bucket}"},
    }
    code, message = refused(
        stream.firehose.create_delivery_stream,
        DeliveryStreamName=stream.name,
        IcebergDestinationConfiguration=iceberg,
    )
    assert code == "NotSupportedByLocalAws"
    assert message == "Destinations of Iceberg are refused: the embedded AWS delivers to S3 only."
    assert refused(stream.firehose.create_delivery_stream, DeliveryStreamName=stream.name) == (
        "InvalidArgumentException",
        "Exactly one destination configuration is supported for a Firehose",
    )


def test_records_and_batches_have_limits(stream):
    stream.create(seconds=900, size=128)
    put, batch = stream.firehose.put_record, stream.firehose.put_record_batch
    one = {"DeliveryStreamName": stream.name}
    code, message = refused(put, **one, Record={"Data": b"x" * 1_024_001})
    assert code == "ValidationException" and "less than or equal to 1024000" in message
    code, message = refused(batch, **one, Records=[{"Data": b"x"}] * 501)
    assert code == "ValidationException" and "less than or equal to 500" in message
    assert refused(batch, **one, Records=[{"Data": b"x" * 1_000_000}] * 5) == (
        "InvalidArgumentException",
        "Records size exceeds 4 MB limit",
    )
    answer = put(**one, Record={"Data": b"x" * 1_024_000})
    assert answer["Encrypted"] is False and answer["RecordId"]
    ids = stream.put(*[b"x"] * 500)
    assert len(set(ids) | {answer["RecordId"]}) == 501
    code, _ = refused(put, DeliveryStreamName="none-such", Record={"Data": b"x"})
    assert code == "ResourceNotFoundException"


def test_a_full_backlog_fails_record_by_record(stream, monkeypatch):
    monkeypatch.setattr("localaws.firehose.stream.MOST_WAITING", 10)
    stream.create(seconds=900)
    answer = stream.firehose.put_record_batch(
        DeliveryStreamName=stream.name, Records=[{"Data": b"12345"}, {"Data": b"12345"}, {"Data": b"x"}]
    )
    assert answer["FailedPutCount"] == 1
    assert ["RecordId" in one for one in answer["RequestResponses"]] == [True, True, False]
    assert answer["RequestResponses"][2] == {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
