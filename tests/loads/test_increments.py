"""What a table by contract takes on: new uploads, those beside them, and everything where order or content changed."""

import json

import pytest

from millrace import contracts, increments
from millrace.loads import LoadError
from millrace.published import Published
from millrace.uploads import Upload

PREFIX = "increments"
SOURCE = contracts.get("signups", "signups")


class Lake:
    """Uploads that are converted and published as a test says."""

    def __init__(self, s3):
        self.s3 = s3
        self.etags = {}

    def upload(self, name, content="x", rows=2, converted=True, **ledger):
        key = f"signups/signups/{name}.csv"
        etag = self.s3.put_object(Bucket=f"{PREFIX}-raw", Key=key, Body=content.encode())["ETag"].strip('"')
        self.etags[key] = etag
        if converted:
            upload = Upload(key, etag, 1, name[:10], "csv")
            row = {"key": key, "etag": etag, "table": "signups", "upload_date": name[:10], "status": "loaded",
                   "rows_in": rows, "rows_out": rows, "rows_rejected": 0, "target": f"s3://p/{upload.target_key}",
                   "reason": None, "rejects": None, **ledger}  # fmt: skip
            self.s3.put_object(Bucket=f"{PREFIX}-processed", Key=upload.ledger_key, Body=json.dumps(row).encode())

    def publish(self, increment):
        Published(self.s3, f"{PREFIX}-processed", "signups").add(increment.uploads)

    def pending(self, **settings):
        return increments.pending(self.s3, PREFIX, SOURCE, **settings)


@pytest.fixture
def lake(client):
    s3 = client("s3")
    for name in ("raw", "processed"):
        bucket = f"{PREFIX}-{name}"
        s3.create_bucket(Bucket=bucket)
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    return Lake(s3)


def test_nothing_is_pending_where_nothing_is_converted(lake):
    assert lake.pending() is None
    lake.upload("2024-01-01", converted=False)
    assert lake.pending() is None


def test_what_is_published_is_not_taken_on_again(lake):
    lake.upload("2024-01-01")
    lake.upload("2024-01-02", rows=3)
    first = lake.pending()
    assert (first.dates, first.rows, first.whole, len(first.files)) == (["2024-01-01", "2024-01-02"], 5, False, 2)
    assert [upload["key"][-14:] for upload in first.uploads] == ["2024-01-01.csv", "2024-01-02.csv"]
    lake.publish(first)
    assert lake.pending() is None
    assert lake.pending(again=True).whole


def test_a_file_of_a_published_day_brings_the_others_of_that_day_along(lake):
    lake.upload("2024-01-01")
    lake.upload("2024-01-02")
    lake.publish(lake.pending())
    lake.upload("2024-01-02 b", rows=5)
    increment = lake.pending()
    assert (increment.dates, increment.rows, increment.whole, len(increment.files)) == (["2024-01-02"], 7, False, 2)
    assert [upload["key"] for upload in increment.uploads] == ["signups/signups/2024-01-02 b.csv"]


def test_a_late_file_makes_all_be_taken_on(lake):
    lake.upload("2024-01-02")
    lake.publish(lake.pending())
    lake.upload("2024-01-01")
    increment = lake.pending()
    assert (increment.dates, increment.whole) == (["2024-01-01", "2024-01-02"], True)


def test_a_replaced_file_makes_all_be_taken_on_once_it_is_converted(lake):
    lake.upload("2024-01-01", rows=4)
    lake.upload("2024-01-02")
    lake.publish(lake.pending())
    lake.upload("2024-01-02", content="other", converted=False)
    assert lake.pending() is None
    # What is replaced but not converted again yet stays as it was.
    lake.upload("2024-01-03")
    assert lake.pending().dates == ["2024-01-03"]
    lake.upload("2024-01-02", content="other", rows=1)
    increment = lake.pending()
    assert (increment.dates, increment.rows, increment.whole) == (["2024-01-01", "2024-01-02", "2024-01-03"], 7, True)


def test_rows_that_are_unaccounted_for_stop_all(lake):
    lake.upload("2024-01-01")
    lake.upload("2024-01-02", rows_out=1)
    with pytest.raises(LoadError, match=r"2024-01-02\.csv has 2 rows, but 1 are in the table and 0 in the rejects"):
        lake.pending()


def test_a_file_without_good_rows_is_published_but_not_read(lake):
    lake.upload("2024-01-01", rows_out=0, rows_rejected=2)
    increment = lake.pending()
    assert (increment.files, increment.dates, increment.rows) == ([], ["2024-01-01"], 0)
    assert len(increment.uploads) == 1
