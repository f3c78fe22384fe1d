"""The runbook has a section for every message that can be sent, and its recipes do what they say."""

import ast
import json
import re

import pytest

from millrace import contracts, publish
from millrace.local import LocalAws
from millrace.published import Published
from millrace.resources import ROOT
from millrace.uploads import of_object
from tests.docs.pages import blocks

PAGE = ROOT / "docs" / "runbook.md"
RECIPES = {block.info[1]: block.text for block in blocks(PAGE) if block.language == "python"}
HEADINGS = set(re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def kinds(source):
    """What messages can be called that a module makes: of alerts, of details of our own events, of findings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if name == "Alert" and "kind" in given:
                yield from constants(given["kind"])
            elif name == "_finding":
                yield from constants(node.args[0])
            elif ast.unparse(node.func) == "_GUARDS.get":
                yield from constants(node.args[1].elts[0])
        elif isinstance(node, ast.Dict):
            keys = [getattr(key, "value", None) for key in node.keys]
            if {"kind", "where", "what", "next"} <= set(keys):
                yield from constants(node.values[keys.index("kind")])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_GUARDS":
            for guard in node.value.values:  # a kind and its next step
                yield from constants(guard.elts[0])


def constants(node):
    return [node.value] if isinstance(node, ast.Constant) else []


def test_every_message_has_its_section():
    sent = set()
    for folder in ("millrace", "lambdas", "dags", "glue"):
        for path in (ROOT / folder).rglob("*.py"):
            sent |= set(kinds(path.read_text(encoding="utf-8")))
    assert {"Rows are missing", "Task failed", "Data is stale", "Alarm", "Run is late", "Function failed"} <= sent
    assert sent - HEADINGS == set()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """An embedded AWS of its own, with empty buckets."""
    folder = tmp_path_factory.mktemp("runbook")
    with LocalAws(folder / "aws", folder / "log") as aws:
        s3 = aws.client("s3")
        for name in ("raw", "processed", "final"):
            s3.create_bucket(Bucket=f"millrace-{name}")
            s3.put_bucket_versioning(Bucket=f"millrace-{name}", VersioningConfiguration={"Status": "Enabled"})
        yield aws


@pytest.fixture
def follow(lake, monkeypatch, capsys):
    """Runs a recipe as it stands; what it prints."""
    for name, value in lake.environment.items():
        monkeypatch.setenv(name, value)

    def run(name):
        exec(compile(RECIPES[name], f"{PAGE.name}: {name}", "exec"), {})
        return capsys.readouterr().out

    return run


def put(lake, bucket, key, text):
    lake.client("s3").put_object(Bucket=f"millrace-{bucket}", Key=key, Body=text.encode())


def text(lake, bucket, key):
    return lake.client("s3").get_object(Bucket=f"millrace-{bucket}", Key=key)["Body"].read().decode()


def test_no_recipe_is_left_out():
    tested = re.findall(r'follow\("([a-z-]+)"\)', (ROOT / "tests/docs/test_runbook.py").read_text(encoding="utf-8"))
    assert set(tested) == set(RECIPES)


@pytest.mark.parametrize("lost", ["overwritten", "deleted"])
def test_an_upload_comes_back(lake, follow, lost):
    key = "retraced/user_companies/2024-01-31.csv"
    put(lake, "raw", key, "good")
    put(lake, "raw", key + ".gz", "another")
    if lost == "overwritten":
        put(lake, "raw", key, "bad")
    else:
        lake.client("s3").delete_object(Bucket="millrace-raw", Key=key)
    assert "bytes" in follow("restore-upload")
    assert text(lake, "raw", key) == "good"


def test_an_upload_tells_why_it_is_not_loaded(lake, follow):
    key = "signups/signups/2024-05-03.csv"
    put(lake, "raw", key, "id\n")
    assert follow("why-not-loaded") == "published: False\nnot converted yet: trigger the DAG\n"
    s3 = lake.client("s3")
    upload = of_object(s3.list_objects_v2(Bucket="millrace-raw", Prefix=key)["Contents"][0])
    put(lake, "processed", upload.ledger_key, '{"status": "loaded"}')
    Published(s3, "millrace-processed", "signups").add([{"key": key, "etag": upload.etag}])
    assert follow("why-not-loaded") == 'published: True\n{"status": "loaded"}\n'
    follow("forget-published")
    assert Published(s3, "millrace-processed", "signups").read() == {}


def test_tables_point_to_an_older_build_again(lake, follow):
    glue, s3 = lake.client("glue"), lake.client("s3")
    tables = [table for table in contracts.of_pipeline("sales").values() if table.kind == "derived"]
    glue.create_database(DatabaseInput={"Name": "sales"})
    for table in tables:
        folders = [f"{table.uri('millrace')}build={build}/" for build in ("jr_0001", "jr_0002")]
        for folder in folders:
            put(lake, "final", folder.removeprefix("s3://millrace-final/") + "part.parquet", folder)
        storage = {"Columns": [{"Name": "a", "Type": "int"}], "Location": folders[0]}
        glue.create_table(DatabaseName="sales", TableInput={"Name": table.table, "StorageDescriptor": storage})
        publish.switch(glue, s3, "sales", table.table, [], None, folders[1])
    shown = follow("restore-tables")
    assert len(shown.splitlines()) == len(tables)
    for table in tables:
        location = glue.get_table(DatabaseName="sales", Name=table.table)["Table"]["StorageDescriptor"]["Location"]
        assert location == f"{table.uri('millrace')}build=jr_0001/"

        def tags(build, table=table):
            key = f"{table.location.removeprefix('final/')}build={build}/part.parquet"
            return s3.get_object_tagging(Bucket="millrace-final", Key=key)["TagSet"]

        assert tags("jr_0001") == []
        assert tags("jr_0002") == [{"Key": "superseded", "Value": "true"}]


def test_the_key_is_another_and_the_old_one_is_kept(lake, follow):
    secrets = lake.client("secretsmanager")
    secrets.create_secret(Name="millrace/pii-key", SecretString="old")
    follow("rotate-pii-key")
    assert re.fullmatch("[0-9a-f]{64}", secrets.get_secret_value(SecretId="millrace/pii-key")["SecretString"])
    before = secrets.get_secret_value(SecretId="millrace/pii-key", VersionStage="AWSPREVIOUS")
    assert before["SecretString"] == "old"


def test_dead_letters_show_their_records(lake, follow):
    kinesis, sqs = lake.client("kinesis"), lake.client("sqs")
    kinesis.create_stream(StreamName="transactions", ShardCount=1)
    sent = [kinesis.put_record(StreamName="transactions", Data=data, PartitionKey="1") for data in (b"good", b"bad")]
    queue = sqs.create_queue(QueueName="transactions-dead")["QueueUrl"]
    letter = {
        "KinesisBatchInfo": {
            "shardId": sent[1]["ShardId"], "startSequenceNumber": sent[1]["SequenceNumber"], "batchSize": 1,
        }
    }  # fmt: skip
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(letter))
    assert follow("dead-letters") == f"{sent[1]['SequenceNumber']} b'bad'\n"
