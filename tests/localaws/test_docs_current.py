"""docs/localaws.md is what the generator writes now, and the generator tells the truth."""

import pytest

from localaws import docs


@pytest.fixture(scope="module")
def executed():
    return docs.executed()


def test_the_page_is_current():
    assert docs.PAGE.read_text(encoding="utf-8") == docs.render(), "run: python -m localaws.docs"


def test_what_is_executed(executed):
    assert {"StartCrawler", "GetPartitions"} <= executed["glue"]
    assert {"Invoke", "CreateFunction"} <= executed["lambda"]
    assert {"StartQueryExecution", "GetQueryResults"} <= executed["athena"]
    assert {"CreateIngestion", "DescribeIngestion"} <= executed["quicksight"]


def test_s3_operations_are_told_apart_by_their_requests(executed):
    assert {
        "ListBuckets",
        "CreateBucket",
        "GetObject",
        "CopyObject",
        "UploadPartCopy",
        "ListObjectsV2",
        "CompleteMultipartUpload",
        "PutBucketNotificationConfiguration",
    } <= executed["s3"]
    assert not {"SelectObjectContent", "RestoreObject", "CreateSession"} & executed["s3"]


def test_a_page_gives_its_first_paragraph():
    assert docs.first_paragraph("# Title\n\nThe first,\non two lines.\n\nThe second.\n") == "The first,\non two lines."
    with pytest.raises(ValueError, match="no paragraph"):
        docs.first_paragraph("# Title\n\n| a |\n")
