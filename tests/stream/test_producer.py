"""The producer: so many a second, what is refused again, and an error when it goes on being refused."""

import hashlib
import hmac
import itertools
import json
import time

import pytest

from millrace import purchases, stream
from millrace.cli import main


class Kinesis:
    """A stream that refuses every so-manyth record of a call for some calls."""

    def __init__(self, refused=(), calls=0):
        self.refused, self.calls, self.taken, self.sizes = set(refused), calls, [], []

    def put_records(self, *, StreamName, Records):
        self.sizes.append(len(Records))
        self.calls -= 1
        answers = []
        for place, record in enumerate(Records):
            if self.calls >= 0 and place in self.refused:
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"})
            else:
                self.taken.append(record)
                answers.append({"SequenceNumber": "1", "ShardId": "s"})
        return {"FailedRecordCount": sum("ErrorCode" in answer for answer in answers), "Records": answers}


@pytest.fixture
def rows():
    return stream.purchases(b"key", first_id=10)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(stream, "_EVERY_S", 0.0)


def ids(kinesis):
    return [json.loads(record["Data"])["purchase_id"] for record in kinesis.taken]


def test_every_purchase_is_sent_once_in_calls_that_are_not_too_big(rows):
    kinesis = Kinesis()
    told = []
    sent = stream.send(kinesis, "s", rows, rate=1e9, seconds=1201 / 1e9, told=told.append)
    assert (sent.records, sent.again) == (1201, 0)
    assert ids(kinesis) == list(range(10, 1211))
    assert max(kinesis.sizes) <= 500 and sum(told) == 1201
    assert all(record["PartitionKey"] == str(n) for n, record in zip(ids(kinesis), kinesis.taken, strict=True))


def test_what_is_refused_is_sent_again_and_only_that(rows):
    kinesis = Kinesis(refused={0, 3}, calls=2)
    sent = stream.send(kinesis, "s", rows, rate=1e9, seconds=5 / 1e9)
    assert kinesis.sizes == [5, 2, 1]  # 0 and 3; then the first of these two
    assert (sent.records, sent.again) == (5, 3)
    assert sorted(ids(kinesis)) == [10, 11, 12, 13, 14]


def test_a_stream_that_goes_on_refusing_is_told(rows, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(stream.NotTaken, match=r"stream s refuses 1 records, the first with Prov.*: slow down; a "):
        stream.send(Kinesis(refused={0}, calls=1000), "s", rows, rate=1e9, seconds=3 / 1e9)


def test_the_rate_is_kept(rows):
    kinesis = Kinesis()
    started = time.monotonic()
    stream.send(kinesis, "s", rows, rate=100, seconds=0.5)
    assert len(kinesis.taken) == 50
    assert time.monotonic() - started >= 0.48


def test_purchases_are_by_the_contract_the_same_for_a_seed_and_hold_nobodys_name(rows):
    made = list(itertools.islice(rows, 300))
    assert [purchases.decode(purchases.encode(row)) for row in made] == made
    assert made == list(itertools.islice(stream.purchases(b"key", first_id=10), 300))
    assert 3 <= sum(row["amount"] is None for row in made) <= 40
    assert {row["status"] for row in made} >= {"COMPLETED", "REFUNDED", "CANCELLED"}
    known = {int(hmac.new(b"key", f"C{n:07}".encode(), hashlib.sha256).hexdigest()[:15], 16) for n in range(1, 2001)}
    assert {row["customer_key"] for row in made} <= known


def test_the_command_refuses_what_makes_no_sense(capsys):
    assert main(["stream", "signups"]) == 1
    assert "signups has no stream; transactions has" in capsys.readouterr().err
    assert main(["stream", "transactions", "--rate", "0"]) == 1
    assert "--rate and --seconds must be greater than 0" in capsys.readouterr().err


def test_the_command_sends_to_the_aws_that_is_set(client, aws, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    for name, value in (("ACCESS_KEY_ID", "local"), ("SECRET_ACCESS_KEY", "local"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    # A stream of the test's own, named as a pipeline that has none.
    monkeypatch.setattr(stream, "STREAMS", {"sales": "test/stream-key"})
    client("secretsmanager").create_secret(Name="test/stream-key", SecretString="key")
    client("kinesis").create_stream(StreamName="sales", ShardCount=1)
    assert main(["stream", "sales", "--rate", "200", "--seconds", "0.2"]) == 0
    assert "40 purchases, 0 of them sent again" in capsys.readouterr().out
