"""The Lambda's work over the embedded S3: what is written, in which order, and what a second run or a crash leaves."""

import csv
import dataclasses
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pyarrow.parquet as pq
import pytest

from localaws.server import Server
from millrace import contracts
from millrace.convert.job import Job, ObjectGone, RawFile, files_in

ROOT = Path(__file__).resolve().parents[2]
KEY = "retraced/user_login_locations/2024-01-15 Zürich+1.csv"
UNCHECKED = {"seconds", "target", "rejects", "absent_columns", "etag"}
GOOD = b"user_id,login_at\nu1,2024-01-15T10:00:00Z\nu2,2024-01-15\n"
DIRTY = GOOD + b",2024-01-15\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture(scope="module")
def s3(server):
    client = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    for name in ("raw", "processed", "rejects"):
        client.create_bucket(Bucket=f"t-{name}")
    return client


@pytest.fixture
def job(s3):
    return Job(s3, "t-processed", "t-rejects")


def objects(s3):
    found = {}
    for bucket in ("t-processed", "t-rejects"):
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[f"{bucket}/{item['Key']}"] = body if "_ledger" not in item["Key"] else b""
    return found


def convert(s3, job, body, key=KEY):
    s3.put_object(Bucket="t-raw", Key=key, Body=body)
    return job.run([RawFile("t-raw", key, "2024-01-15")])[0]


def test_target_rejects_and_ledger(s3, job):
    row = convert(s3, job, DIRTY)
    path = row["target"].removeprefix("s3://t-processed/").removesuffix(".parquet")
    assert path.startswith("retraced/user_login_locations/upload_date=2024-01-15/2024-01-15-Z-rich-1-")
    assert {name: row[name] for name in row.keys() - UNCHECKED} == {
        "pipeline": "retraced", "table": "user_login_locations", "bucket": "t-raw", "key": KEY, "bytes": len(DIRTY),
        "upload_date": "2024-01-15", "status": "loaded", "reason": None, "rows_in": 3, "rows_out": 2,
        "rows_rejected": 1, "encoding": "utf-8", "delimiter": ",", "extra_columns": [],
    }  # fmt: skip
    ledger = s3.get_object(Bucket="t-processed", Key=f"_ledger/{path}.json")["Body"].read()
    assert json.loads(ledger) == row
    assert pq.read_table(io.BytesIO(objects(s3)[f"t-processed/{path}.parquet"])).num_rows == 2
    rejects = list(csv.reader(io.StringIO(objects(s3)[f"t-rejects/{path}.csv"].decode())))
    assert rejects[1:] == [[KEY, "4", "user_id", "user_id is empty", ",2024-01-15"]]
    assert row["rejects"] == f"s3://t-rejects/{path}.csv"


def test_a_contract_may_have_its_files_stored_as_csv(s3, job, monkeypatch):
    contract = dataclasses.replace(contracts.get("retraced", "user_login_locations"), stored="csv")
    monkeypatch.setattr(contracts, "get", lambda pipeline, table: contract)
    row = convert(s3, job, DIRTY, "retraced/user_login_locations/as-csv.csv")
    assert row["target"].endswith(".csv") and row["rows_rejected"] == 1
    stored = objects(s3)[row["target"].removeprefix("s3://")].decode().splitlines()
    assert stored[0].startswith("user_id,company_id,login_at,")
    assert [line.split(",")[:3] for line in stored[1:]] == [
        ["u1", "", "2024-01-15 10:00:00.000"],
        ["u2", "", "2024-01-15 00:00:00.000"],
    ]


def test_the_same_again_changes_nothing(s3, job):
    convert(s3, job, DIRTY)
    before = objects(s3)
    convert(s3, job, DIRTY)
    assert objects(s3) == before


def test_a_new_version_leaves_nothing_of_the_old(s3, job):
    row = convert(s3, job, DIRTY)
    names = {row["target"].removeprefix("s3://"), row["rejects"].removeprefix("s3://")}
    assert names <= set(objects(s3))
    assert convert(s3, job, GOOD)["rejects"] is None
    assert names & set(objects(s3)) == {row["target"].removeprefix("s3://")}
    refused = convert(s3, job, b"who,when\na,b\nc,d\n")
    assert (refused["status"], refused["target"], refused["rows_in"], refused["rows_rejected"]) == (
        "refused",
        None,
        2,
        2,
    )
    assert names & set(objects(s3)) == {row["rejects"].removeprefix("s3://")}


def test_many_files_and_the_order_of_answers(s3, job):
    files = []
    for number in range(40):
        key = f"retraced/user_login_locations/many-{number}.csv"
        s3.put_object(Bucket="t-raw", Key=key, Body=GOOD + b"x,2024-01-14\n" * number)
        files.append(RawFile("t-raw", key, "2024-01-15"))
    assert [(row["key"], row["rows_out"]) for row in job.run(files)] == [
        (file.key, 2 + number) for number, file in enumerate(files)
    ]


def test_a_file_that_is_gone(job):
    with pytest.raises(ObjectGone, match=r"s3://t-raw/retraced/user_companies/no\.csv is gone"):
        job.run([RawFile("t-raw", "retraced/user_companies/no.csv")])


def test_events():
    assert files_in({"bucket": "b", "files": [{"key": "k", "etag": "e", "upload_date": "2024-01-15"}]}) == [
        RawFile("b", "k", "2024-01-15")
    ]
    record = {"s3": {"bucket": {"name": "b"}, "object": {"key": "a/b/Z%C3%BCrich+1%2B2.csv"}}}
    assert files_in({"Records": [record]}) == [RawFile("b", "a/b/Zürich 1+2.csv")]


def test_the_handler(s3, server, monkeypatch):
    s3.put_object(Bucket="t-raw", Key=KEY, Body=GOOD)
    settings = {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "PROCESSED_BUCKET": "t-processed", "REJECTS_BUCKET": "t-rejects",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("csv_to_parquet", ROOT / "lambdas/csv_to_parquet/handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answer = module.handler({"bucket": "t-raw", "files": [{"key": KEY, "upload_date": "2024-01-15"}]}, None)
    assert [row["rows_out"] for row in answer["files"]] == [2]


KILLED = """
import sys, boto3
from millrace.convert import sinks
from millrace.convert.job import Job, RawFile
sinks.PART_BYTES = 1 << 16  # an upload of several parts from early on
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x",
                      aws_secret_access_key="x")
Job(client, "t-processed", "t-rejects").run([RawFile("t-raw", sys.argv[2], "2024-01-15")])
"""


def test_a_kill_in_the_middle_shows_nothing_and_a_second_run_mends_it(s3, server, job):
    key = "retraced/user_login_locations/large.csv"
    rows = b"".join(b"user-%d,2024-01-15T10:00:00Z,city %d,\n" % (n * 7919 % 1_000_003, n) for n in range(600_000))
    body = b"user_id,login_at,city,country\n" + rows + b",,,\n"
    s3.put_object(Bucket="t-raw", Key=key, Body=body)
    process = subprocess.Popen([sys.executable, "-c", KILLED, server.endpoint, key], cwd=ROOT, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not s3.list_multipart_uploads(Bucket="t-processed").get("Uploads") and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not [name for name in objects(s3) if "large" in name]
    assert job.run([RawFile("t-raw", key, "2024-01-15")])[0]["rows_out"] == 600_000
    assert len([name for name in objects(s3) if "large" in name]) == 3
