import base64
import hashlib
import io
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

MIB = 1 << 20


def bytes_of(seed, size):
    block = hashlib.sha256(str(seed).encode()).digest()
    return (block * (size // len(block) + 1))[:size]


def code_of(error):
    return error.value.response["Error"]["Code"]


def part(s3, bucket, upload, number, body, **more):
    answer = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, **more)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def complete(s3, bucket, upload, parts, **more):
    claims = {"Parts": parts}
    return s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=claims, **more)


@pytest.fixture
def upload(s3, bucket):
    return s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/csv", Metadata={"m": "1"})["UploadId"]


def test_parts_in_any_order_become_one_object(s3, bucket, upload):
    bodies = [bytes_of(1, 5 * MIB), bytes_of(2, 5 * MIB + 1), b"end"]
    parts = [part(s3, bucket, upload, number, bodies[number - 1]) for number in (3, 1, 2)]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    answer = complete(s3, bucket, upload, sorted(parts, key=lambda each: each["PartNumber"]))
    etag = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
    assert answer["ETag"] == f'"{etag}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(bodies)
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (answer["ETag"], "text/csv", {"m": "1"})
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert second["Body"].read() == bodies[1]
    assert (second["PartsCount"], second["ContentRange"]) == (3, f"bytes {5 * MIB}-{10 * MIB}/{10 * MIB + 4}")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        complete(s3, bucket, upload, parts)
    assert code_of(error) == "NoSuchUpload"


def test_a_part_may_be_sent_again(s3, bucket, upload):
    first = part(s3, bucket, upload, 1, b"old")
    second = part(s3, bucket, upload, 1, b"new")
    with pytest.raises(ClientError) as error:
        complete(s3, bucket, upload, [first])
    assert code_of(error) == "InvalidPart"
    complete(s3, bucket, upload, [second])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_what_is_wrong_with_a_completion_is_said(s3, bucket, upload):
    one, two = part(s3, bucket, upload, 1, b"small"), part(s3, bucket, upload, 2, b"end")
    cases = [
        ([two, one], "InvalidPartOrder"),
        ([one, one], "InvalidPartOrder"),
        ([one, {"PartNumber": 3, "ETag": two["ETag"]}], "InvalidPart"),
        ([one, two], "EntityTooSmall"),
        ([], "MalformedXML"),
    ]
    for parts, expected in cases:
        with pytest.raises(ClientError) as error:
            complete(s3, bucket, upload, parts)
        assert code_of(error) == expected
    complete(s3, bucket, upload, [two])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"end"


def test_parts_and_uploads_are_listed_in_pages(s3, bucket, upload):
    for number in (1, 2, 7):
        part(s3, bucket, upload, number, b"x" * number)
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, MaxParts=2)
    assert [(each["PartNumber"], each["Size"]) for each in listed["Parts"]] == [(1, 1), (2, 2)]
    assert (listed["IsTruncated"], listed["NextPartNumberMarker"]) == (True, 2)
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, PartNumberMarker=2)
    assert [each["PartNumber"] for each in listed["Parts"]] == [7]
    other = s3.create_multipart_upload(Bucket=bucket, Key="ä b")["UploadId"]
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [(each["Key"], each["UploadId"]) for page in pages for each in page["Uploads"]] == [
        ("k", upload),
        ("ä b", other),
    ]


def test_an_aborted_upload_leaves_nothing(aws, s3, bucket, upload):
    part(s3, bucket, upload, 1, b"1")
    before = len(list((aws.store.root / "parts").iterdir()))
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert len(list((aws.store.root / "parts").iterdir())) == before - 1
    with pytest.raises(ClientError) as error:
        part(s3, bucket, upload, 2, b"2")
    assert code_of(error) == "NoSuchUpload"


def test_a_part_may_be_copied_from_an_object(s3, bucket, upload):
    body = bytes_of(3, 6 * MIB)
    s3.put_object(Bucket=bucket, Key="source ü", Body=body)
    arguments = {"Bucket": bucket, "Key": "k", "UploadId": upload, "CopySource": {"Bucket": bucket, "Key": "source ü"}}
    one = s3.upload_part_copy(PartNumber=1, CopySourceRange=f"bytes=1-{5 * MIB}", **arguments)["CopyPartResult"]
    two = s3.upload_part_copy(PartNumber=2, **arguments)["CopyPartResult"]
    assert one["ETag"] == f'"{hashlib.md5(body[1 : 5 * MIB + 1]).hexdigest()}"'
    with pytest.raises(ClientError) as error:
        s3.upload_part_copy(PartNumber=3, CopySourceRange=f"bytes=0-{6 * MIB}", **arguments)
    assert code_of(error) == "InvalidArgument"
    parts = [{"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["ETag"]}]
    complete(s3, bucket, upload, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body[1 : 5 * MIB + 1] + body


def test_a_completion_may_depend_on_what_is_there(s3, bucket, upload):
    s3.put_object(Bucket=bucket, Key="k", Body=b"first")
    claims = [part(s3, bucket, upload, 1, b"second")]
    with pytest.raises(ClientError) as error:
        complete(s3, bucket, upload, claims, IfNoneMatch="*")
    assert code_of(error) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_the_checksum_of_the_whole(s3, bucket, kind):
    bodies = [bytes_of(4, 5 * MIB), b"end"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType=kind)[
        "UploadId"
    ]
    parts = [part(s3, bucket, upload, number + 1, body) for number, body in enumerate(bodies)]
    if kind == "FULL_OBJECT":
        expected = crc32(b"".join(bodies))
        with pytest.raises(ClientError) as error:
            complete(s3, bucket, upload, parts, ChecksumCRC32="AAAAAA==")
        assert code_of(error) == "BadDigest"
    else:
        expected = crc32(b"".join(zlib.crc32(body).to_bytes(4, "big") for body in bodies)) + "-2"
    assert complete(s3, bucket, upload, parts)["ChecksumCRC32"] == expected
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == (expected, kind)


def test_boto3_transfers_large_files_in_parts(s3, bucket):
    body = bytes_of(5, 20 * MIB + 3)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=6 * MIB)
    s3.upload_fileobj(io.BytesIO(body), bucket, "k", Config=config)
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-4"')
    target = io.BytesIO()
    s3.download_fileobj(bucket, "k", target, Config=config)
    assert target.getvalue() == body
