"""What the stream of purchases needs, provisioned once: the stream, the functions, the queue, the tables, Firehose."""

import base64
import dataclasses
import io
import json
import time
import zipfile
from pathlib import Path

import pytest

from millrace import package, resources
from millrace.local import STATE
from millrace.provision import Provisioner, catalog, functions, streams
from millrace.provision.account import Account

KILLER = '''
import os, pathlib, signal
import handler
real = handler._publish

def die(name):
    marker = pathlib.Path(os.environ["MARKERS"]) / name.replace(":", "-")
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def after(event, context):
    """Dies when all is done, before anyone hears of it: the first time for each batch."""
    answer = handler.handler(event, context)
    die(event["Records"][0]["eventID"])
    return answer

def between(event, context):
    """Dies when the first minute is counted and nothing else is."""
    def publish(minute, totals):
        die(event["Records"][0]["eventID"])
        real(minute, totals)
    handler._publish = publish
    return handler.handler(event, context)
'''


class Live:
    """The pipeline's live part, and what is in it. number: part of the names of a test's own stream and table."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.account = Account(client, "millrace", STATE / "packages")
        self.stream, self.queue, self.table = f"purchases-{number}", f"dead-{number}", f"minutes-{number}"
        self.function = f"metrics-{number}"
        whole = resources.pipeline("transactions")
        (stream,), (queue,), (table,), (mapping,) = whole.streams, whole.queues, whole.tables, whole.mappings
        self.declared = dataclasses.replace(
            whole,
            streams=(dataclasses.replace(stream, name=self.stream, shards=2),),
            queues=(dataclasses.replace(queue, name=self.queue),),
            tables=(dataclasses.replace(table, name=self.table),),
            mappings=(
                dataclasses.replace(
                    mapping,
                    stream=self.stream,
                    function=self.function,
                    dead_letters=self.queue,
                    batch=50,
                    window_s=0,
                    retries=1,
                ),
            ),
        )
        self.kinesis, self.lambda_ = client("kinesis"), client("lambda")

    def deploy(self, handler="handler.handler", markers=None):
        """The function as it is deployed, with a handler beside its own that dies now and then."""
        content = io.BytesIO(package.build_function("transactions_metrics", STATE / "packages").read_bytes())
        with zipfile.ZipFile(content, "a") as archive:
            archive.writestr("killer.py", KILLER)
        layers = self.client("lambda").get_function_configuration(FunctionName="transactions_metrics")["Layers"]
        self.lambda_.create_function(
            FunctionName=self.function,
            Role="arn:aws:iam::123456789012:role/metrics",
            Runtime="python3.12",
            Handler=handler,
            Timeout=30,
            MemorySize=256,
            Layers=[layer["Arn"] for layer in layers],
            Code={"ZipFile": content.getvalue()},
            Environment={
                "Variables": {
                    "TABLE": self.table,
                    "NAMESPACE": f"Test/{self.number}",
                    "MARKERS": str(markers or Path("/nowhere")),
                }
            },
        )

    def start(self, *, enabled=True):
        streams.make(self.account, self.declared, enabled=enabled)

    def stop(self):
        for mapping in self.lambda_.list_event_source_mappings(FunctionName=self.function)["EventSourceMappings"]:
            self.lambda_.delete_event_source_mapping(UUID=mapping["UUID"])

    def put(self, *records):
        """Records, each a text or what becomes JSON, by its partition key."""
        for at in range(0, len(records), 500):
            entries = [
                {"Data": data if isinstance(data, bytes) else json.dumps(data).encode(), "PartitionKey": key}
                for key, data in records[at : at + 500]
            ]
            assert self.kinesis.put_records(StreamName=self.stream, Records=entries)["FailedRecordCount"] == 0

    def records(self):
        """All that is in the stream: shard → its records."""
        found = {}
        for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]:
            name = shard["ShardId"]
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=name, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found[name] = self.kinesis.get_records(ShardIterator=iterator, Limit=10000)["Records"]
        return found

    def event(self, shard, records):
        """The event that a function gets of records."""
        return {
            "Records": [
                {
                    "eventID": f"{shard}:{record['SequenceNumber']}",
                    "kinesis": {
                        "sequenceNumber": record["SequenceNumber"],
                        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
                        "data": base64.b64encode(record["Data"]).decode(),
                    },
                }
                for record in records
            ]
        }

    def counted(self):
        """The table's rows: (minute, region, status) → purchases, missing amounts, cents."""
        found = {}
        for item in self.client("dynamodb").scan(TableName=self.table)["Items"]:
            for name, value in item.items():
                if name.count("/") == 2:
                    region, status, what = name.split("/")
                    row = found.setdefault((f"{item['day']['S']} {item['minute']['S']}", region, status), {})
                    row[what] = int(value["N"])
        return {key: (row["purchases"], row["missing_amounts"], row["cents"]) for key, row in found.items()}

    def dead(self):
        """The sequence numbers, by shard, that the dead letters tell of."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.queue)["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["KinesisBatchInfo"] for message in messages]


def expected(live):
    """What must be counted, worked out of the stream's records one by one."""
    found = {}
    for records in live.records().values():
        for record in records:
            try:
                row = json.loads(record["Data"])
            except ValueError:
                continue
            if row.get("region") not in ("EUROPE", "APAC"):
                continue
            minute = time.strftime("%Y-%m-%d %H:%M", time.gmtime(record["ApproximateArrivalTimestamp"].timestamp()))
            one = found.setdefault((minute, row["region"], row["status"]), [0, 0, 0])
            one[0] += 1
            one[1] += row["amount"] is None
            one[2] += round(float(row["amount"] or 0) * 100)
    return {key: tuple(row) for key, row in found.items()}


def wait(true, seconds=60):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"still not true after {seconds} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def provisioned(client):
    """The functions as they are deployed."""
    provisioner = Provisioner(client, "millrace", STATE / "packages")
    provisioner.common()
    account = Account(client, "millrace", STATE / "packages")
    declared = resources.pipeline("transactions")
    functions.make(account, declared.functions)
    catalog.make(account, dataclasses.replace(declared, crawlers=()))
    return account


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setenv("LOCALAWS_LAMBDA_STREAM_RETRY_SECONDS", "0.01")


_numbers = iter(range(1000))


@pytest.fixture
def live(client, provisioned):
    made = Live(client, next(_numbers))
    yield made
    made.stop()
