import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError


def code_of(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    "key", ["a b/c+d", "ünï/💧.csv", "../../up", "/lead", "a//b", "per%20cent", "q?x=y&z#f", "~-_.!*'()", "a/"]
)
def test_what_was_put_is_got_whatever_the_key(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"body of " + key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"body of " + key.encode()
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_an_object_keeps_its_headers_and_metadata(s3, bucket):
    put = s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"hello",
        ContentType="text/csv",
        ContentEncoding="gzip",
        CacheControl="max-age=1",
        ContentDisposition="attachment",
        ContentLanguage="de",
        Metadata={"one": "1", "two_2": "zwei"},
        StorageClass="STANDARD_IA",
        Tagging="a=b&c=d%20e",
    )
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert answer["ETag"] == put["ETag"]
        assert answer["ContentLength"] == 5
        assert (answer["ContentType"], answer["ContentEncoding"]) == ("text/csv", "gzip")
        assert (answer["CacheControl"], answer["ContentDisposition"]) == ("max-age=1", "attachment")
        assert answer["ContentLanguage"] == "de"
        assert answer["Metadata"] == {"one": "1", "two_2": "zwei"}
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["AcceptRanges"] == "bytes"
        assert datetime.now(UTC) - answer["LastModified"] < timedelta(minutes=1)
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2


def test_a_missing_key_or_bucket_is_named(s3, bucket):
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="no")
    assert code_of(error) == ("NoSuchKey", 404)
    assert error.value.response["Error"]["Key"] == "no"
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="no")
    assert code_of(error) == ("404", 404)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="no-such-bucket-here", Key="k", Body=b"")
    assert code_of(error) == ("NoSuchBucket", 404)


@pytest.mark.parametrize(
    ("asked", "body", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_answered_with_206(s3, bucket, asked, body, content_range):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["Body"].read() == body
    assert answer["ContentRange"] == content_range
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.head_object(Bucket=bucket, Key="k", Range=asked)["ContentLength"] == len(body)


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-"])
def test_a_range_that_s3_does_not_understand_is_ignored(s3, bucket, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert (answer["Body"].read(), answer["ResponseMetadata"]["HTTPStatusCode"]) == (b"0123456789", 200)


@pytest.mark.parametrize(
    ("body", "asked"), [(b"0123456789", "bytes=10-"), (b"0123456789", "bytes=-0"), (b"", "bytes=0-")]
)
def test_a_range_without_a_byte_is_refused(s3, bucket, body, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert code_of(error) == ("InvalidRange", 416)
    assert error.value.response["Error"]["ActualObjectSize"] == str(len(body))


def test_conditional_gets(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    before, after = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    cases = [
        ({"IfMatch": etag}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": '"other"'}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": '"other"'}, 200),
        ({"IfModifiedSince": before}, 200),
        ({"IfModifiedSince": after}, 304),
        ({"IfUnmodifiedSince": before}, 412),
        ({"IfUnmodifiedSince": after}, 200),
        ({"IfMatch": etag, "IfUnmodifiedSince": before}, 200),
        ({"IfNoneMatch": '"other"', "IfModifiedSince": after}, 200),
        ({"IfNoneMatch": etag, "IfModifiedSince": before}, 304),
    ]
    for method in (s3.get_object, s3.head_object):
        for condition, expected in cases:
            try:
                status = method(Bucket=bucket, Key="k", **condition)["ResponseMetadata"]["HTTPStatusCode"]
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == expected, condition


def test_conditional_puts_and_deletes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch='"other"')
    assert code_of(error) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="missing", Body=b"2", IfMatch=etag)
    assert code_of(error) == ("NoSuchKey", 404)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)["ETag"]
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert code_of(error) == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=second)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_copy_keeps_or_replaces_what_is_stored_with_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b+ü", Body=b"1", Metadata={"m": "1"}, ContentType="text/csv", Tagging="t=1")
    source = {"Bucket": bucket, "Key": "a b+ü"}
    kept = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    assert kept["CopyObjectResult"]["ETag"] == '"c4ca4238a0b923820dcc509a6f75849b"'
    head = s3.head_object(Bucket=bucket, Key="kept")
    assert (head["Metadata"], head["ContentType"]) == ({"m": "1"}, "text/csv")
    assert s3.get_object_tagging(Bucket=bucket, Key="kept")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket,
        Key="new",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
        TaggingDirective="REPLACE",
    )
    head = s3.head_object(Bucket=bucket, Key="new")
    assert (head["Metadata"], head["ContentType"]) == ({"n": "2"}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == []
    s3.put_object(Bucket=bucket, Key="a b+ü", Body=b"changed")
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"1"


def test_a_copy_that_cannot_be_is_refused(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    cases = [
        ({"CopySource": f"{bucket}/k"}, "InvalidRequest"),
        ({"CopySource": f"{bucket}/no"}, "NoSuchKey"),
        ({"CopySource": "no-such-bucket-at-all/k"}, "NoSuchBucket"),
        ({"CopySource": f"{bucket}/k", "CopySourceIfNoneMatch": etag}, "PreconditionFailed"),
        ({"CopySource": f"{bucket}/k", "CopySourceIfMatch": '"other"'}, "PreconditionFailed"),
    ]
    for arguments, expected in cases:
        with pytest.raises(ClientError) as error:
            s3.copy_object(Bucket=bucket, Key="k", **arguments)
        assert code_of(error)[0] == expected


def test_tags_are_set_read_and_deleted_and_leave_the_bytes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    with pytest.raises(ClientError) as error:
        s3.put_object_tagging(
            Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
        )
    assert code_of(error) == ("BadRequest", 400)


def test_many_are_deleted_at_once(s3, bucket):
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k {number}", Body=b"")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k {n}"} for n in (0, 1, 2, 9)]})
    assert [each["Key"] for each in answer["Deleted"]] == ["k 0", "k 1", "k 2", "k 9"]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k 3", "k 4"]
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "k 3"}, {"Key": "k 4", "ETag": "x"}]}
    )
    assert "Deleted" not in answer
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("k 4", "PreconditionFailed")]


def test_attributes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "ObjectSize", "StorageClass", "Checksum"]
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert (answer["ETag"], answer["ObjectSize"], answer["StorageClass"]) == (
        hashlib.md5(b"hello").hexdigest(),
        5,
        "STANDARD",
    )
    assert answer["Checksum"]["ChecksumSHA256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "NhCmhg=="),
        ("SHA1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ("SHA256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ],
)
def test_checksums_are_verified_kept_and_given_back(s3, bucket, algorithm, expected):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == expected
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (expected, "FULL_OBJECT")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", **{f"Checksum{algorithm}": expected})
    assert code_of(error) == ("BadDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_what_cannot_be_done_for_real_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    refused = [
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", ObjectLockLegalHoldStatus="ON"),
        lambda: s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1}),
        lambda: s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold={"Status": "ON"}),
        lambda: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}}),
    ]
    for attempt in refused:
        with pytest.raises(ClientError) as error:
            attempt()
        assert code_of(error) == ("NotSupportedByLocalAws", 501)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", ACL="public-read")
    assert code_of(error) == ("AccessControlListNotSupported", 400)


def test_an_empty_put_leaves_its_connection_good(s3, bucket):
    """Botocore misreads the next answer on a connection whose put was answered without "100 Continue"."""
    for body in (b"", b"1", b"", b"22"):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
