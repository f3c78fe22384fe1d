"""``millrace stream``: send live purchases to the Kinesis stream, so many a second for so many seconds.

At least once: what the stream refuses is sent again, and an answer that got lost sends a record twice. Nothing
personal is sent: of the customer a keyed hash, of the note nothing (see ``millrace.purchases``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from millrace import contracts
from millrace.purchases import customer_key, encode
from millrace.screen import Screen

STREAMS = {"transactions": "millrace/pii-key"}  # which pipelines have one, and the secret that they hash with
_BATCH = 500  # what PutRecords takes
_EVERY_S = 0.1  # between two batches, where the rate needs no more
_TRIES = 10
_STATUS_SHARES = {"COMPLETED": 905, "REFUNDED": 50, "CANCELLED": 42, "OUT": 3}
_MISSING = 0.05


class NotTaken(RuntimeError):
    """Records that the stream went on refusing: how many, why, and what to do."""


@dataclass
class Sent:
    """records: taken by the stream; again: how many had to be sent more than once."""

    records: int = 0
    again: int = 0


def purchases(key: bytes, *, first_id: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Purchases of today, without end, numbered from first_id on."""
    contract = contracts.get("transactions", "transactions")
    regions = contract.column("region").allowed or ()
    rng = random.Random(seed)
    keys = [customer_key(f"C{number:07}", key) for number in range(1, 2001)]
    for purchase_id in itertools.count(first_id):
        (status,) = rng.choices(list(_STATUS_SHARES), list(_STATUS_SHARES.values()))
        cents = rng.randint(300, 19_300) * (rng.randint(40, 400) if status == "OUT" else 1)
        yield {
            "purchase_id": purchase_id,
            "purchase_date": dt.datetime.now(dt.UTC).date(),
            "customer_key": rng.choice(keys),
            "product_id": f"P{int(rng.random() ** 2 * 200) + 1:04}",
            "amount": None if rng.random() < _MISSING else Decimal(cents).scaleb(-2),
            "region": rng.choice(regions),
            "status": status,
        }


def send(
    kinesis: Any,
    stream: str,
    rows: Iterator[Mapping[str, Any]],
    *,
    rate: float,
    seconds: float,
    told: Callable[[int], None] = lambda count: None,
) -> Sent:
    """Send rate × seconds purchases, evenly, in order of each purchase's number; told how many more are sent.

    A producer that the stream holds up catches up. Raises NotTaken.
    """
    total = round(rate * seconds)
    sent = Sent()
    started = time.monotonic()
    while sent.records < total:
        due = min(total, int((time.monotonic() - started) * rate) + 1)
        batch = list(itertools.islice(rows, min(_BATCH, due - sent.records)))
        if not batch:
            time.sleep(min(_EVERY_S, max(0.001, 1 / rate)))
            continue
        records = [{"Data": encode(row), "PartitionKey": str(row["purchase_id"])} for row in batch]
        sent.again += _put(kinesis, stream, records)
        sent.records += len(batch)
        told(len(batch))
        if sent.records == due:
            time.sleep(_EVERY_S)
    return sent


def _put(kinesis: Any, stream: str, records: Sequence[Mapping[str, Any]]) -> int:
    """Put records until all are taken; how many were sent again."""
    again = 0
    for attempt in range(_TRIES):
        answer = kinesis.put_records(StreamName=stream, Records=records)
        if not answer["FailedRecordCount"]:
            return again
        told = zip(records, answer["Records"], strict=True)
        records = [record for record, response in told if "ErrorCode" in response]
        again += len(records)
        time.sleep(min(0.1 * 2**attempt, 5) * random.uniform(0.5, 1))
    problem = next(response for response in answer["Records"] if "ErrorCode" in response)
    raise NotTaken(
        f"the stream {stream} refuses {len(records)} records, the first with {problem['ErrorCode']}: "
        f"{problem.get('ErrorMessage')}; a lower --rate or more shards (infra/resources) may help"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--rate", type=float, default=100, metavar="N", help="purchases a second (default 100)")
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="for how long (default 60)")


def main(options: argparse.Namespace) -> int:
    """Send to the AWS that is set."""
    import boto3  # which only commands against an AWS need

    if options.slug not in STREAMS:
        raise ValueError(f"{options.slug} has no stream; {', '.join(STREAMS)} has")
    if options.rate <= 0 or options.seconds <= 0:
        raise ValueError("--rate and --seconds must be greater than 0")
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=STREAMS[options.slug])["SecretString"]
    screen = Screen()
    # Numbers that no other start of this command gives, far above those of uploads.
    rows = purchases(secret.encode(), first_id=int(time.time()) * 1_000_000)
    with screen.step("stream") as step:
        total = round(options.rate * options.seconds)
        done = 0

        def told(more: int) -> None:
            nonlocal done
            done += more
            step.advance(done, total)

        sent = send(boto3.client("kinesis"), options.slug, rows, rate=options.rate, seconds=options.seconds, told=told)
        step.done(f"{sent.records:,} purchases, {sent.again:,} of them sent again")
    return 0
