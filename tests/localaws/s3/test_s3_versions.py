"""Versioning: ids, delete markers, reads, copies and deletes by version, listings, suspension, events."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from localaws.s3.store import Store


@pytest.fixture
def versioned(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    return bucket


def put(s3, bucket, key, body):
    return s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]


def body_of(s3, bucket, key, **version):
    answer = s3.get_object(Bucket=bucket, Key=key, **version)
    return answer["VersionId"], answer["Body"].read()


def fails(call, **params):
    with pytest.raises(ClientError) as error:
        call(**params)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def listed(s3, bucket, **more):
    """(key, version, is latest, is marker) of a listing, in the order of each kind."""
    answer = s3.list_object_versions(Bucket=bucket, **more)
    entries = [(each, False) for each in answer.get("Versions", [])]
    entries += [(each, True) for each in answer.get("DeleteMarkers", [])]
    return [(each["Key"], each["VersionId"], each["IsLatest"], marker) for each, marker in entries]


def test_every_put_is_kept(s3, versioned):
    first, second = put(s3, versioned, "k", b"1"), put(s3, versioned, "k", b"22")
    assert len(first) == len(second) == 32
    assert body_of(s3, versioned, "k") == (second, b"22")
    assert body_of(s3, versioned, "k", VersionId=first) == (first, b"1")
    head = s3.head_object(Bucket=versioned, Key="k", VersionId=first)
    assert (head["VersionId"], head["ContentLength"]) == (first, 1)
    assert fails(s3.get_object, Bucket=versioned, Key="k", VersionId="x" * 32) == ("NoSuchVersion", 404)
    assert listed(s3, versioned) == [("k", second, True, False), ("k", first, False, False)]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=versioned)["Contents"]] == ["k"]


def test_a_delete_puts_a_marker_that_may_be_taken_away(s3, versioned):
    version = put(s3, versioned, "k", b"1")
    answer = s3.delete_object(Bucket=versioned, Key="k")
    assert answer["DeleteMarker"] is True
    marker = answer["VersionId"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=versioned, Key="k")
    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert error.value.response["Error"]["Code"] == "NoSuchKey"
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    assert fails(s3.get_object, Bucket=versioned, Key="k", VersionId=marker) == ("MethodNotAllowed", 405)
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert listed(s3, versioned) == [("k", version, False, False), ("k", marker, True, True)]
    answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker)
    assert body_of(s3, versioned, "k") == (version, b"1")


def test_the_latest_deleted_for_good_gives_way_to_the_one_before(s3, versioned):
    first, second, third = (put(s3, versioned, "k", body) for body in (b"1", b"2", b"3"))
    assert s3.delete_object(Bucket=versioned, Key="k", VersionId=third)["VersionId"] == third
    assert body_of(s3, versioned, "k") == (second, b"2")
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    assert listed(s3, versioned) == [("k", second, True, False)]
    s3.delete_object(Bucket=versioned, Key="k", VersionId="never" * 6)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert listed(s3, versioned) == []


def test_an_older_version_is_restored_by_a_copy(s3, versioned):
    first = put(s3, versioned, "k", b"good")
    put(s3, versioned, "k", b"bad")
    source = {"Bucket": versioned, "Key": "k", "VersionId": first}
    answer = s3.copy_object(Bucket=versioned, Key="k", CopySource=source)
    assert answer["CopySourceVersionId"] == first
    assert body_of(s3, versioned, "k") == (answer["VersionId"], b"good")
    assert len(listed(s3, versioned)) == 3


def test_what_was_there_before_is_the_version_null(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert body_of(s3, bucket, "k") == ("null", b"old")
    version = put(s3, bucket, "k", b"new")
    assert body_of(s3, bucket, "k", VersionId="null") == ("null", b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert put(s3, bucket, "k", b"suspended") == "null"
    assert listed(s3, bucket) == [("k", "null", True, False), ("k", version, False, False)]
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert listed(s3, bucket) == [("k", version, False, False), ("k", "null", True, True)]
    assert put(s3, bucket, "k", b"again") == "null"
    assert listed(s3, bucket) == [("k", "null", True, False), ("k", version, False, False)]


def test_many_are_deleted_by_version(s3, versioned):
    a, b = put(s3, versioned, "a", b"1"), put(s3, versioned, "b", b"1")
    objects = [{"Key": "a", "VersionId": a}, {"Key": "b"}]
    deleted = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})["Deleted"]
    assert deleted[0] == {"Key": "a", "VersionId": a}
    assert (deleted[1]["Key"], deleted[1]["DeleteMarker"], "VersionId" in deleted[1]) == ("b", True, False)
    marker = deleted[1]["DeleteMarkerVersionId"]
    assert listed(s3, versioned) == [("b", b, False, False), ("b", marker, True, True)]


def test_tags_belong_to_a_version(s3, versioned):
    first, second = put(s3, versioned, "k", b"1"), put(s3, versioned, "k", b"2")
    for version, value in ((first, "one"), (second, "two")):
        tags = {"TagSet": [{"Key": "t", "Value": value}]}
        s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=version, Tagging=tags)
    found = [
        s3.get_object_tagging(Bucket=versioned, Key="k", **which)["TagSet"][0]["Value"]
        for which in ({"VersionId": first}, {"VersionId": second}, {})
    ]
    assert found == ["one", "two", "two"]
    assert body_of(s3, versioned, "k", VersionId=first) == (first, b"1")


def test_a_multipart_upload_is_a_version_too(s3, versioned):
    put(s3, versioned, "k", b"1")
    upload = s3.create_multipart_upload(Bucket=versioned, Key="k")["UploadId"]
    where = {"Bucket": versioned, "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"part")["ETag"]
    answer = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
    assert body_of(s3, versioned, "k") == (answer["VersionId"], b"part")


def test_a_listing_in_pages_misses_and_repeats_nothing(s3, versioned):
    for number in range(3):
        for key in ("a/1", "a/2", "b", "c"):
            put(s3, versioned, key, bytes(number))
    s3.delete_object(Bucket=versioned, Key="b")
    whole = sorted(listed(s3, versioned))
    assert len(whole) == 13
    assert sum(latest for _, _, latest, _ in whole) == 4
    pages, more = [], {}
    while True:
        answer = s3.list_object_versions(Bucket=versioned, MaxKeys=2, **more)
        kinds = (answer.get("Versions", []), answer.get("DeleteMarkers", []))
        pages += [(each["Key"], each["VersionId"], each["IsLatest"], bool(at)) for at in (0, 1) for each in kinds[at]]
        if not answer["IsTruncated"]:
            break
        more = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    assert sorted(pages) == whole
    assert [key for key, *_ in listed(s3, versioned, Prefix="a/")] == ["a/1"] * 3 + ["a/2"] * 3
    answer = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [each["Prefix"] for each in answer["CommonPrefixes"]] == ["a/"]
    assert {each["Key"] for each in answer["Versions"]} == {"b", "c"}


def test_a_bucket_with_versions_is_not_empty(s3, versioned):
    version = put(s3, versioned, "k", b"1")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    assert fails(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    for each in (version, marker):
        s3.delete_object(Bucket=versioned, Key="k", VersionId=each)
    s3.delete_bucket(Bucket=versioned)


def test_versions_outlive_a_crash(tmp_path):
    store = Store(tmp_path / "s3")
    store.create_bucket("bucket")
    store.versions.set_state("bucket", "Enabled")
    first = store.put("bucket", "k", b"1")
    store.put("bucket", "k", b"2")
    gone = store.put("bucket", "gone", b"3")
    store.delete("bucket", "gone")
    store.index.close()  # without noting that the store was closed: the next start sweeps what nobody names
    again = Store(tmp_path / "s3")
    assert again.versions.state("bucket") == "Enabled"
    assert again.open("bucket", "k").read() == b"2"
    for info, body in ((first, b"1"), (gone, b"3")):
        with again.open_object("bucket", info.key, info.version)[1] as file:
            assert file.read() == body
    again.delete_version("bucket", "k", first.version)
    assert not first.path.exists()
    again.close()


def test_events_tell_the_version(s3, versioned, client):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=versioned)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:123456789012:{versioned}"
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:DeleteMarkerCreated"]
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=versioned, NotificationConfiguration=configuration)
    version = put(s3, versioned, "k", b"1")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    found, end = [], time.monotonic() + 60
    while len(found) < 2 and time.monotonic() < end:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            found += json.loads(message["Body"]).get("Records", [])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert [(each["eventName"], each["s3"]["object"]["versionId"]) for each in found] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
    ]
    sqs.delete_queue(QueueUrl=url)
