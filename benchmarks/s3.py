"""The embedded S3: ranged gets against moto's server, whole objects against copying a file, and listings.

Each server runs in a process of its own and is asked by one boto3 client, whose own work is most of a small request:
so the server's CPU time is shown beside the rate.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from localaws.s3.store import Store

STATE = Path(__file__).parent.parent / ".millrace"
MIB = 1 << 20
LARGE = 1024 * MIB
SMALL = 64 * MIB
RANGE = 64 * 1024
KEYS = 100_000
MOTO_KEYS = 2_000


@contextmanager
def server(command: list[str], port_of: Callable[[str], str]) -> Iterator[tuple[Any, psutil.Process]]:
    """A server in its own process: a boto3 client of it, and the process to measure."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        endpoint = ""
        while not endpoint:
            endpoint = port_of(process.stdout.readline())
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=endpoint, config=Config(read_timeout=300), **keys)
        client.create_bucket(Bucket="bench")
        yield client, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def localaws(data: Path) -> Any:
    command = [sys.executable, "-m", "localaws", "--port", "0", "--data", str(data)]
    return server(command, lambda line: line.split()[3].rstrip(","))


def moto() -> Any:
    code = "from moto.server import ThreadedMotoServer as S; s = S('127.0.0.1', 0, verbose=False); s.start(); "
    code += "print(s.get_host_and_port()[1], flush=True); s._thread.join()"
    return server([sys.executable, "-c", code], lambda line: f"http://127.0.0.1:{line.strip()}" if line.strip() else "")


def timed(process: psutil.Process, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that the work takes, and seconds of CPU that the server spends on it."""
    before, began = process.cpu_times(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, process.cpu_times()
    return wall, after.user + after.system - before.user - before.system


def ranged_gets(client: Any, size: int, count: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(count):
            at = random.randrange(size - RANGE)
            body = client.get_object(Bucket="bench", Key="large", Range=f"bytes={at}-{at + RANGE - 1}")["Body"].read()
            assert len(body) == RANGE

    return work


def read_whole(client: Any) -> None:
    body = client.get_object(Bucket="bench", Key="large")["Body"]
    while body.read(MIB):
        pass


def put_whole(client: Any, path: Path) -> None:
    with path.open("rb") as source:
        client.put_object(Bucket="bench", Key="large", Body=source)


def list_all(client: Any) -> int:
    return sum(
        page["KeyCount"] for page in client.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix="k/")
    )


def put_many(client: Any, count: int) -> None:
    for number in range(count):
        client.put_object(Bucket="bench", Key=f"k/{number:06}", Body=b"x")


def fill(data: Path) -> None:
    """Enter the keys into the index: to put them over HTTP would take minutes of the client's time."""
    store = Store(data / "s3")
    store.create_bucket("bench")
    info = store.put("bench", "k/000000", b"x")
    with store.index.transaction():
        for number in range(1, KEYS):
            store.index.put(replace(info, key=f"k/{number:06}"))
    store.close()


def show(what: str, ours: str, peer: str, ratio: float) -> None:
    print(f"{what:<34} {ours:>28}   {peer:<40} {ratio:8.2f} x", flush=True)


def main() -> None:
    STATE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-s3-", dir=STATE) as name:
        folder = Path(name)
        source = folder / "source"
        with source.open("wb") as target:
            block = random.randbytes(MIB)
            for _ in range(LARGE // MIB):
                target.write(block)
        copying = LARGE / MIB / _seconds(lambda: shutil.copyfile(source, folder / "copy"))
        (folder / "copy").unlink()
        print(f"{'what':<34} {'embedded S3':>28}   {'peer':<40} {'ratio':>10}")
        throughput(folder, source, copying)
        small(folder)


def throughput(folder: Path, source: Path, copying: float) -> None:
    began = time.perf_counter()
    with localaws(folder / "large") as (client, process):
        print(f"{'up, first bucket made':<34} {time.perf_counter() - began:>26.2f} s")
        resting = process.memory_info().rss
        works: dict[str, Callable[[], object]] = {
            "put of 1 GB": lambda: put_whole(client, source),
            "get of 1 GB": lambda: read_whole(client),
            "upload of 1 GB in parts": lambda: client.upload_file(str(source), "bench", "parts"),
        }
        for what, work in works.items():
            wall, cpu = timed(process, work)
            rate = LARGE / MIB / wall
            ours = f"{rate:.0f} MB/s ({cpu:.1f} s CPU)"
            show(what, ours, f"{copying:.0f} MB/s copying the file", rate / copying)
        grown = (process.memory_info().rss - resting) / MIB
        print(f"{'memory grown by these':<34} {grown:>25.0f} MB")
        with moto() as (other, _), source.open("rb") as file:
            other.put_object(Bucket="bench", Key="large", Body=file.read(SMALL))
            wall, cpu = timed(process, ranged_gets(client, LARGE, 1000))
            theirs = 20 / _seconds(ranged_gets(other, SMALL, 20))
        ours = f"{1000 / wall:.0f}/s ({cpu:.2f} ms CPU each)"
        peer = f"{theirs:.1f}/s moto, of {SMALL // MIB} MB only"
        show("64 KB ranges of 1 GB, one client", ours, peer, 1000 / wall / theirs)


def small(folder: Path) -> None:
    fill(folder / "many")
    with localaws(folder / "many") as (client, _), moto() as (other, _):
        put_many(other, MOTO_KEYS)
        ours = KEYS / _seconds(lambda: list_all(client))
        theirs = MOTO_KEYS / _seconds(lambda: list_all(other))
        peer = f"{theirs:,.0f} keys/s moto, of {MOTO_KEYS:,}"
        show("listing 100,000 keys", f"{ours:,.0f} keys/s", peer, ours / theirs)
        ours, theirs = (500 / _seconds(lambda each=each: put_many(each, 500)) for each in (client, other))
        show("puts of one byte, one client", f"{ours:.0f}/s", f"{theirs:.0f}/s moto", ours / theirs)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
