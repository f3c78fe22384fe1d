"""The stream: records a second through Kinesis → Lambda → minute metrics, and how long a record takes until it counts.

Throughput: a backlog that waits in the stream is counted, one shard, batches as declared. The peer does the same
without Lambda and DynamoDB: GetRecords, the contract's checks and the sums, in a plain loop. CPU: of the embedded AWS
and its functions, which says what a machine would do that has nothing else to do. Delay: purchases at a
steady rate, each from the answer to its PutRecords to the first look at the table that has it (a look each 10 ms).
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millrace import minutes, purchases, resources, stream
from millrace.local import BUCKET_PREFIX, STATE, LocalAws
from millrace.minutes import Arrival, MinuteTable
from millrace.provision import Provisioner, functions, streams
from millrace.provision.account import Account

BACKLOG = 50_000
RATES = (100, 500)
SECONDS = 20
SLUG = "transactions"


def main() -> None:
    STATE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as name:
        folder = Path(name)
        with LocalAws(folder / "aws", folder / "aws.log") as aws:
            Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages").common()
            account = Account(aws.client, BUCKET_PREFIX, STATE / "packages")
            declared = resources.pipeline(SLUG)
            functions.make(account, [each for each in declared.functions if each.name == "transactions_metrics"])
            streams.make(account, declared, enabled=False)
            table = MinuteTable(aws.client("dynamodb"), declared.tables[0].name)
            rows = stream.purchases(b"key", first_id=1)
            _throughput(aws, account, declared, table, rows)
            for window in (1, 0):
                mapping = dataclasses.replace(declared.mappings[0], window_s=window)
                streams.make(account, dataclasses.replace(declared, mappings=(mapping,)), enabled=True)
                for rate in RATES:
                    _delay(aws, table, rows, rate, window)


def _throughput(aws: LocalAws, account: Account, declared: Any, table: MinuteTable, rows: Any) -> None:
    kinesis = aws.client("kinesis")
    started, before = time.perf_counter(), _cpu(aws.pid)
    stream.send(kinesis, SLUG, rows, rate=1e9, seconds=BACKLOG / 1e9)
    seconds, cpu = time.perf_counter() - started, _cpu(aws.pid) - before
    print(f"producer: {BACKLOG / seconds:,.0f} records a second, as fast as it can; {cpu:.1f} s CPU of the AWS")
    started = time.perf_counter()
    _peer(kinesis)
    peer = time.perf_counter() - started
    print(f"GetRecords, checks and sums in a plain loop: {BACKLOG / peer:,.0f} records a second")
    started, before = time.perf_counter(), _cpu(aws.pid)
    streams.make(account, declared, enabled=True)
    while (counted := _counted(table)) < BACKLOG:
        time.sleep(0.25)
    seconds, cpu = time.perf_counter() - started, _cpu(aws.pid) - before
    assert counted == BACKLOG, counted
    print(f"Kinesis → Lambda → metrics: {BACKLOG / seconds:,.0f} records a second, {seconds / peer:.1f} × the loop;")
    print(f"  {cpu:.1f} s CPU, so {BACKLOG / cpu:,.0f} records for each second of it")


def _peer(kinesis: Any) -> None:
    (shard,) = kinesis.list_shards(StreamName=SLUG)["Shards"]
    iterator = kinesis.get_shard_iterator(StreamName=SLUG, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    found = 0
    while found < BACKLOG:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=1000)
        iterator = answer["NextShardIterator"]
        arrivals = [
            Arrival(r["SequenceNumber"], r["ApproximateArrivalTimestamp"].timestamp(), purchases.decode(r["Data"]))
            for r in answer["Records"]
        ]
        found += sum(each.purchases for some in minutes.by_minute(arrivals).values() for each in minutes.sums(some))


def _delay(aws: LocalAws, table: MinuteTable, rows: Any, rate: int, window: int) -> None:
    before = _counted(table)
    total = rate * SECONDS
    sent: list[float] = []
    seen: list[tuple[float, int]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            counted = _counted(table) - before
            seen.append((time.perf_counter(), counted))
            if counted >= total:
                return
            time.sleep(0.01)

    looking = threading.Thread(target=look)
    looking.start()
    stream.send(
        aws.client("kinesis"),
        SLUG,
        rows,
        rate=rate,
        seconds=SECONDS,
        told=lambda count: sent.extend(itertools.repeat(time.perf_counter(), count)),
    )
    looking.join(120)
    done.set()
    assert seen[-1][1] == total, seen[-1]
    delays = []
    looks = iter(seen)
    moment, counted = next(looks)
    for place, at in enumerate(sent):
        while counted <= place:
            moment, counted = next(looks)
        delays.append(max(0.0, moment - at))
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    print(f"{rate:,} a second, batches that wait {window} s: p50 {p50 * 1000:,.0f} ms, p99 {p99 * 1000:,.0f} ms")


def _counted(table: MinuteTable) -> int:
    """All purchases that are counted."""
    days: Mapping[str, Any] = {day: table.day(day) for day in _days()}
    return sum(each.purchases for found in days.values() for cells in found.values() for each in cells)


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children have had, those that ended too."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(stat.parent.name) == pid:
            used += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            used += sum(map(int, fields[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


def _days() -> list[str]:
    """Today and yesterday: a run may go over midnight."""
    return [time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (86_400, 0)]


if __name__ == "__main__":
    main()
