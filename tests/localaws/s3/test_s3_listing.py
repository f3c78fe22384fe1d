import pytest
from botocore.exceptions import ClientError

KEYS = ["a", "a b", "a/1", "a/2", "a/b/1", "b/1", "c", "ä", "z/1"]


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def keys_of(answer):
    return [each["Key"] for each in answer.get("Contents", [])]


def prefixes_of(answer):
    return [each["Prefix"] for each in answer.get("CommonPrefixes", [])]


def test_one_page_has_all_in_utf8_order(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled)
    assert keys_of(answer) == ["a", "a b", "a/1", "a/2", "a/b/1", "b/1", "c", "z/1", "ä"]
    assert (answer["KeyCount"], answer["IsTruncated"], answer["Name"]) == (9, False, filled)
    assert (answer["Contents"][1]["Size"], answer["Contents"][1]["StorageClass"]) == (3, "STANDARD")


def test_prefix_and_delimiter(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled, Delimiter="/")
    assert (keys_of(answer), prefixes_of(answer)) == (["a", "a b", "c", "ä"], ["a/", "b/", "z/"])
    answer = s3.list_objects_v2(Bucket=filled, Prefix="a/", Delimiter="/")
    assert (keys_of(answer), prefixes_of(answer)) == (["a/1", "a/2"], ["a/b/"])
    answer = s3.list_objects_v2(Bucket=filled, Prefix="a", Delimiter="b")
    assert (keys_of(answer), prefixes_of(answer)) == (["a", "a/1", "a/2"], ["a b", "a/b"])
    assert s3.list_objects_v2(Bucket=filled, Prefix="none")["KeyCount"] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects", "list_object_versions"])
def test_pages_of_any_size_give_the_same(s3, filled, size, delimiter, operation):
    whole = s3.list_objects_v2(Bucket=filled, Delimiter=delimiter)
    field = "Versions" if operation == "list_object_versions" else "Contents"
    keys, prefixes = [], []
    pages = s3.get_paginator(operation).paginate(
        Bucket=filled, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    for page in pages:
        assert len(page.get(field, [])) + len(page.get("CommonPrefixes", [])) <= size
        keys += [each["Key"] for each in page.get(field, [])]
        prefixes += prefixes_of(page)
    assert (keys, prefixes) == (keys_of(whole), prefixes_of(whole))


def test_start_after_and_marker(s3, filled):
    assert keys_of(s3.list_objects_v2(Bucket=filled, StartAfter="a/2")) == ["a/b/1", "b/1", "c", "z/1", "ä"]
    assert keys_of(s3.list_objects_v2(Bucket=filled, StartAfter="bb")) == ["c", "z/1", "ä"]
    assert keys_of(s3.list_objects(Bucket=filled, Marker="c")) == ["z/1", "ä"]
    answer = s3.list_objects_v2(Bucket=filled, StartAfter="a/2", Delimiter="/")
    assert (keys_of(answer), prefixes_of(answer)) == (["c", "ä"], ["a/", "b/", "z/"])


def test_no_keys_may_be_asked_for(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False)


def test_bad_arguments_are_refused(s3, filled):
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.list_objects_v2(Bucket=filled, MaxKeys=-1)
    with pytest.raises(ClientError, match="continuation token"):
        s3.list_objects_v2(Bucket=filled, ContinuationToken="ü!")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.list_objects_v2(Bucket="no-such-bucket-here")


def test_a_control_character_in_a_key_arrives(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a\x01\nb<&>\"'", Body=b"")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["a\x01\nb<&>\"'"]


def test_common_prefixes_do_not_cost_their_keys(aws, s3, bucket):
    for folder in range(3):
        for number in range(400):
            aws.store.put(bucket, f"{folder}/{number:04}", b"")
    assert prefixes_of(s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=3)) == ["0/", "1/", "2/"]
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
    assert [len(page["Contents"]) for page in pages] == [1000, 200]
