"""Which uploads a run takes on, how they are dealt out, and when their account does not add up."""

import json

import pytest

from millrace import loads
from millrace.published import Published
from millrace.uploads import Upload

PREFIX = "loads"
LOGINS, COMPANIES = "retraced/user_login_locations", "retraced/user_companies"


@pytest.fixture(scope="module")
def s3(client):
    s3 = client("s3")
    for name in ("raw", "processed"):
        s3.create_bucket(Bucket=f"{PREFIX}-{name}")
    for key in (
        f"{COMPANIES}/2024-01-01.csv",
        f"{LOGINS}/2024-01-01 ü+1.csv",
        f"{LOGINS}/2024-01-02.csv",
        f"{LOGINS}/folder/",
        "retraced/other/2024-01-01.csv",
    ):
        s3.put_object(Bucket=f"{PREFIX}-raw", Key=key, Body=key.encode())
    return s3


def keys(uploads):
    return [upload.key for upload in uploads]


def test_what_is_not_published_and_not_later_than_the_day_is_pending(s3):
    first = loads.pending(s3, PREFIX, "retraced", upto="2024-01-01")
    assert keys(first) == [f"{COMPANIES}/2024-01-01.csv", f"{LOGINS}/2024-01-01 ü+1.csv"]
    Published(s3, f"{PREFIX}-processed", "retraced").add({"key": u.key, "etag": u.etag} for u in first)
    assert keys(loads.pending(s3, PREFIX, "retraced", upto="2024-01-01")) == []
    assert keys(loads.pending(s3, PREFIX, "retraced", upto="2024-01-02")) == [f"{LOGINS}/2024-01-02.csv"]
    assert keys(loads.pending(s3, PREFIX, "retraced", upto="2024-01-01", again="2024-01-01")) == keys(first)
    s3.put_object(Bucket=f"{PREFIX}-raw", Key=f"{COMPANIES}/2024-01-01.csv", Body=b"replaced")
    assert keys(loads.pending(s3, PREFIX, "retraced", upto="2024-01-01")) == [f"{COMPANIES}/2024-01-01.csv"]


def uploads(*sizes):
    return [Upload(f"{LOGINS}/{number:05}.csv", "etag", size, "2024-01-01") for number, size in enumerate(sizes)]


def files(payload):
    return [file["key"] for file in json.loads(payload)["files"]]


def test_a_few_uploads_have_a_payload_each():
    payloads = loads.payloads("retraced", "raw", uploads(10, 5_000_000_000, 0))
    assert [len(files(payload)) for payload in payloads] == [1, 1, 1]
    assert json.loads(payloads[0]) == {
        "pipeline": "retraced",
        "bucket": "raw",
        "files": [{"key": f"{LOGINS}/00000.csv", "etag": "etag", "upload_date": "2024-01-01"}],
    }
    assert loads.payloads("retraced", "raw", []) == []


def test_a_backlog_is_dealt_out_evenly_and_whole():
    backlog = uploads(*[1000] * 2000)
    payloads = loads.payloads("retraced", "raw", backlog)
    assert len(payloads) == 8
    assert [key for payload in payloads for key in files(payload)] == keys(backlog)
    assert max(len(files(payload)) for payload in payloads) <= 251


def test_a_huge_backlog_has_more_payloads_than_usual():
    payloads = loads.payloads("retraced", "raw", uploads(*[2 << 30] * 100))
    assert max(len(files(payload)) for payload in payloads) <= 3


def row(**changes):
    plain = {
        "table": "user_login_locations", "key": f"{LOGINS}/a.csv", "etag": "1", "upload_date": "2024-01-01",
        "status": "loaded", "reason": None, "rows_in": 10, "rows_out": 8, "rows_rejected": 2, "rejects": "s3://r/a.csv",
    }  # fmt: skip
    return {**plain, **changes}


def reconcile(s3, *rows):
    return loads.reconcile(s3, PREFIX, "retraced", [json.dumps({"files": [row]}) for row in rows])


def test_the_account_of_a_load(s3):
    other = row(key=f"{LOGINS}/b.csv", upload_date="2023-12-31", rows_in=5, rows_out=5, rows_rejected=0)
    assert reconcile(s3, row(), other) == {
        "upload_dates": ["2023-12-31", "2024-01-01"],
        "uploads": [{"key": f"{LOGINS}/a.csv", "etag": "1"}, {"key": f"{LOGINS}/b.csv", "etag": "1"}],
        "published": len(Published(s3, f"{PREFIX}-processed", "retraced").read()),
        "replaced": False,
        "rows_in": 15,
        "rows_out": 13,
        "rows_rejected": 2,
    }


def test_a_published_upload_with_another_etag_is_replaced(s3):
    Published(s3, f"{PREFIX}-processed", "retraced").add([{"key": f"{LOGINS}/old.csv", "etag": "1"}])
    assert reconcile(s3, row(key=f"{LOGINS}/old.csv", etag="2"))["replaced"] is True
    assert reconcile(s3, row(key=f"{LOGINS}/old.csv", etag="1"))["replaced"] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows_out": 7}, "a.csv has 10 rows, but 7 are in the table and 2 in the rejects"),
        ({"status": "refused", "reason": "no column login_at"}, "a.csv was refused: no column login_at"),
        (
            {"rows_in": 1000, "rows_out": 900, "rows_rejected": 100},
            r"100 of 1000 rows were rejected, over the contract's 5\.0% \(see s3://r/a\.csv\)",
        ),
    ],
)
def test_a_load_that_does_not_add_up_is_not_published(s3, changes, message):
    with pytest.raises(loads.LoadError, match=f"1 of 2 uploads cannot be published, so none is: .*{message}.*Mend"):
        reconcile(s3, row(**changes), row(key=f"{LOGINS}/good.csv"))


def test_months_come_in_statements_of_a_hundred():
    months = [str(number) for number in range(250)]
    assert [len(chunk) for chunk in loads.month_chunks(months)] == [100, 100, 50]
    assert [month for chunk in loads.month_chunks(months) for month in chunk] == months
    assert loads.month_chunks([]) == [[]]
