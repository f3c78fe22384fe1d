import dataclasses
import datetime as dt

import pytest

from millrace import uploads


def upload(key, day=20):
    stored = dt.datetime(2024, 2, day, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-2)))
    return uploads.of_object({"Key": key, "ETag": '"abc"', "Size": 3, "LastModified": stored})


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2024-01-15.csv", "2024-01-15"),
        ("logins_20240115.csv.gz", "2024-01-15"),
        ("2024-13-45 2024-01-16.csv", "2024-01-16"),
        ("2024-01-20/part.csv", "2024-01-20"),
        ("2024-01-20/2024-01-21.csv", "2024-01-21"),
        ("export-1705312800123.csv", "2024-02-21"),
        ("2024-0115.csv", "2024-02-21"),
        ("plain.csv", "2024-02-21"),
    ],
)
def test_the_upload_date(name, date):
    assert upload(f"retraced/logins/{name}").upload_date == date


def test_the_keys_of_what_is_made():
    made = upload("retraced/logins/a b+ü 2024-01-15.csv.gz")
    assert (made.pipeline, made.table, made.etag, made.size) == ("retraced", "logins", "abc", 3)
    path = "retraced/logins/upload_date=2024-01-15/a-b-2024-01-15-3d2782528f"
    assert made.target_key == f"{path}.parquet"
    assert dataclasses.replace(made, stored="csv").target_key == f"{path}.csv"
    assert made.rejects_key == f"{path}.csv"
    assert made.ledger_key == f"_ledger/{path}.json"


def test_names_that_athena_would_hide_or_that_differ_little_get_keys_of_their_own():
    keys = {upload(f"retraced/logins/{name}").target_key for name in ("_a.csv", ".a.csv", "a.csv", "a.csv.gz", "ä.csv")}
    assert len(keys) == 5
    assert not [key for key in keys if key.rsplit("/", 1)[1][0] in "._"]


@pytest.mark.parametrize("key", ["a.csv", "retraced/a.csv", "retraced//a.csv", "retraced/logins/"])
def test_a_key_without_a_table(key):
    with pytest.raises(uploads.UnknownUpload, match="is not <pipeline>/<table>/<file>"):
        upload(key)
