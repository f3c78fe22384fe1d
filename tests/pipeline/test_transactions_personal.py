"""After uploads, stream, warehouse, a failed load and alerts: nothing personal of the sample is anywhere but in raw.

What is looked for are the sample's own e-mail addresses, phone and card numbers, IBANs and customers' numbers. What is
looked through: every object of every bucket but raw in all its versions, what queues, tables, streams' dead letters,
logs and the inbox hold, Redshift's tables, Airflow's logs and database, and every file of the embedded AWS beside that;
packages of code, which were built before, aside, and the stream itself, which Firehose's buffer is a part of: that
holds for a day what a producer sent.
"""

import datetime as dt
import gzip
import io
import json
import re
import time
import urllib.request

import pyarrow.parquet as pq
import pytest

from millrace import stream, warehouse
from millrace.local import BUCKET_PREFIX
from millrace.samples.transactions import generate
from tests.pipeline.conftest import Machine, Stack, wait_until

pytestmark = pytest.mark.whole
SLUG = "transactions"
CODE = (".zip", ".whl", ".py")
ASIDE = ("aws/s3/", "aws/lambda/content/")  # objects are read as such
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
CUSTOMER = re.compile(r"\bC\d{7}\b")
# Groups of letters and digits with what people write between them.
GROUPED = re.compile(r"[A-Z0-9]+(?:[ ()./-]{1,2}[A-Z0-9]+)*")
NOTE = re.compile(r"(?:call|card|refund to) ([+(]?[A-Z0-9][A-Z0-9 ()-]+[0-9])")
PLANTED = "stream.person@example.org"


def numbers(text):
    """Every run of neighbouring groups in the text, joined: ``+41 79 555 01 23`` as 41795550123 and all its parts."""
    for match in GROUPED.finditer(text):
        groups = re.findall(r"[A-Z0-9]+", match[0])
        for start in range(len(groups)):
            joined = ""
            for group in groups[start : start + 9]:
                joined += group
                if len(joined) > 8:
                    yield joined


class Personal:
    """What is personal in the sample's lines."""

    def __init__(self, lines):
        self.emails = {found.lower() for line in lines for found in EMAIL.findall(line)} | {PLANTED}
        self.customers = {found for line in lines for found in CUSTOMER.findall(line)}
        self.numbers = {re.sub(r"[^A-Z0-9]", "", found) for line in lines for found in NOTE.findall(line)}

    def within(self, text):
        """What of it is in a text."""
        found = {each for each in EMAIL.findall(text) if each.lower() in self.emails}
        found |= self.customers.intersection(CUSTOMER.findall(text))
        return found | self.numbers.intersection(numbers(text))


def readable(key, body):
    """An object's or a file's content as text, unpacked."""
    if body[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(body))
        return "\n".join(str(value) for column in table.columns for value in column.unique().to_pylist())
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return body.decode("latin-1")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A machine of its own, so that no other pipeline's data are there."""
    machine = Machine(tmp_path_factory.mktemp("personal"))
    machine.airflow.wait_ready()
    yield Stack(SLUG, machine, listens=True)
    machine.close()


@pytest.fixture(scope="module")
def personal(stack, tmp_path_factory):
    """All has run; what must not be found."""
    raw = tmp_path_factory.mktemp("raw")
    generate(raw, rows=24_000, broken_share=0.01)
    files = sorted((raw / SLUG).glob("*.csv"))
    stack.upload_folder(raw)
    state, tasks = stack.run("2025-08-26")
    assert state == "success", tasks
    warehouse_run = stack.airflow.run({"dag": f"{SLUG}_warehouse", "logical_date": "2025-08-26T08:00:00Z"}, print)
    assert warehouse_run["result"] == "success"

    def live():
        return stack.query("SELECT count(*) FROM transactions_live")

    kinesis = stack.aws.client("kinesis")
    key = stack.aws.client("secretsmanager").get_secret_value(SecretId="millrace/pii-key")["SecretString"].encode()
    poison = [f'{{"purchase_id": 1, "note": "{PLANTED}"}}', f"{PLANTED} no JSON at all", f'"{PLANTED}"']
    kinesis.put_records(
        StreamName=SLUG, Records=[{"Data": each.encode(), "PartitionKey": str(n)} for n, each in enumerate(poison)]
    )
    stream.send(kinesis, SLUG, stream.purchases(key, first_id=90_000_000), rate=1000, seconds=0.2)
    wait_until(lambda: live() == [("200",)])
    live_run = stack.airflow.run({"dag": f"{SLUG}_live", "logical_date": "2025-08-26T09:00:00Z"}, print)
    assert live_run["result"] == "success"
    # A load that is refused, with what is wrong and whose it is in its lines, which is told of by alerts.
    header = files[0].read_text().splitlines()[0]
    refused = [f"{n},2025-08-26,C0000001,P0001,USD 1.00,EUROPE,COMPLETED,mail {PLANTED}" for n in range(1, 20)]
    stack.upload("transactions/2025-08-27.csv", "\n".join([header, *refused, ""]))
    assert stack.run("2025-08-27")[0] == "failed"
    lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    return Personal([*lines, *refused])


@pytest.fixture(scope="module")
def texts(stack, personal):
    """Where → what can be read there, of all but the raw bucket."""
    found = {}
    s3 = stack.s3
    for bucket in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        if bucket == f"{BUCKET_PREFIX}-raw":
            continue
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                key = version["Key"]
                if bucket == f"{BUCKET_PREFIX}-artifacts" and key.endswith(CODE):
                    continue
                body = s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])["Body"].read()
                found[f"s3://{bucket}/{key}?{version['VersionId']}"] = f"{key}\n{readable(key, body)}"
    logs = stack.aws.client("logs")
    for group in (group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]):
        for name in (each["logStreamName"] for each in logs.describe_log_streams(logGroupName=group)["logStreams"]):
            events = logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
            found[f"log {group} {name}"] = "\n".join(event["message"] for event in events)
    dynamo, sqs = stack.aws.client("dynamodb"), stack.aws.client("sqs")
    for table in dynamo.list_tables()["TableNames"]:
        found[f"table {table}"] = json.dumps(dynamo.scan(TableName=table)["Items"])
    for url in sqs.list_queues()["QueueUrls"]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        found[f"queue {url}"] = "\n".join(message["Body"] for message in messages)
    with urllib.request.urlopen(f"{stack.aws.endpoint}/_localaws/inbox?format=json") as answer:
        found["inbox"] = answer.read().decode()
    for table in ("purchases", "daily_sales", "loaded_partitions", "sales_by_region", "sales_by_product"):
        found[f"redshift {table}"] = str(redshift(stack, f"SELECT * FROM {table}"))
    folder = stack.folder
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).as_posix()
        if file.is_file() and not inside.startswith(ASIDE) and not file.name.startswith("buffer.sqlite"):
            found[inside] = readable(inside, file.read_bytes())
    return found


def redshift(stack, sql):
    data = stack.aws.client("redshift-data")
    identifier = data.execute_statement(WorkgroupName=SLUG, Database=SLUG, Sql=sql)["Id"]
    while data.describe_statement(Id=identifier, WaitTimeSeconds=30)["Status"] != "FINISHED":
        time.sleep(0.1)
    pages = data.get_paginator("get_statement_result").paginate(Id=identifier)
    return warehouse.rows(record for page in pages for record in page["Records"])


def test_the_search_finds_what_is_personal_where_it_may_be(stack, personal):
    """Else that nothing is found would say nothing."""
    assert len(personal.emails) > 1000 and len(personal.customers) > 1000 and len(personal.numbers) > 2000
    found = set()
    for key, body in stack.objects("raw", f"{SLUG}/").items():
        found |= personal.within(readable(key, body))
    assert personal.customers <= found
    assert personal.numbers <= found
    assert personal.emails - {PLANTED} <= {each.lower() for each in found}
    assert personal.within("('mail', 'Ana.Ito1@x.org', '+41 79 555')") == set()
    some = sorted(personal.numbers)[0]
    assert personal.within(f"x {some[:4]} {some[4:]} y") == {some}


def test_all_that_runs_left_its_traces(texts):
    """What is looked through is there: else nothing could be found in it."""
    wanted = (
        f"s3://{BUCKET_PREFIX}-final/{SLUG}/", f"s3://{BUCKET_PREFIX}-processed/_ledger/",
        f"s3://{BUCKET_PREFIX}-processed/_warehouse/", f"s3://{BUCKET_PREFIX}-rejects/{SLUG}/",
        f"s3://{BUCKET_PREFIX}-athena/", "log /aws/lambda/transactions_metrics", "table transactions_minutes",
        "queue ", "redshift purchases", "inbox", "airflow.log", "aws.log", "aws/",
    )  # fmt: skip
    for place in wanted:
        assert any(name.startswith(place) and text.strip() for name, text in texts.items()), place
    assert "[e-mail]" in str([text for name, text in texts.items() if f"-final/{SLUG}/" in name])
    assert "Rows are missing" in texts["inbox"] or "Task failed" in texts["inbox"] or "Glue job" in texts["inbox"]
    assert f"{dt.date.today():%Y}" in texts["table transactions_minutes"]


def test_nothing_personal_is_anywhere_but_in_raw(texts, personal):
    found = {place: sorted(seen)[:5] for place, text in texts.items() if (seen := personal.within(text))}
    assert found == {}
