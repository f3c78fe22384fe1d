"""How many processes there are, and for how long."""

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from localaws.core import AwsError, Call, World
from localaws.lambda_ import pool
from localaws.lambda_.engine import LambdaEngine

SOURCE = """
import os, pathlib, time
def main(event, context):
    if "started" in event:
        pathlib.Path(event["started"]).touch()
    time.sleep(event.get("sleep", 0))
    return os.getpid()
"""


@pytest.fixture
def engine(tmp_path, make_zip, monkeypatch):
    """An engine of its own, with the functions f and g, that looks for tired processes all the time."""
    monkeypatch.setattr(pool, "_CHECK_SECONDS", 0.02)
    engine = LambdaEngine(World(tmp_path, "http://127.0.0.1:9", None, None))
    for name in ("f", "g"):
        create = {
            "FunctionName": name,
            "Runtime": "python3.11",
            "Handler": "handler.main",
            "Role": "arn:aws:iam::123456789012:role/x",
            "Timeout": 30,
            "Code": {"ZipFile": make_zip({"handler.py": SOURCE})},
        }
        engine.operations["CreateFunction"](Call("lambda", "CreateFunction", create))
    yield engine
    engine.close()


@pytest.fixture
def children(runs):
    """The live processes that this one has started since; other tests of the session may keep some."""

    def find():
        found = set()
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found |= {int(pid) for pid in (thread / "children").read_text().split()}
        return {pid for pid in found if runs(pid)} - earlier

    earlier: set[int] = set()
    earlier = find()
    return find


@pytest.fixture
def ends(runs):
    """Whether a process ends within a while."""

    def check(pid):
        end = time.monotonic() + 60
        while runs(pid) and time.monotonic() < end:
            time.sleep(0.02)
        return not runs(pid)

    return check


def at_once(engine, name, count):
    """Invoke so many times at once; the processes' ids."""
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(int(engine.invoke(name, b'{"sleep": 0.5}').payload)))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return set(found)


def test_idle_processes_are_ended_after_a_while(engine, monkeypatch, runs, ends):
    pid = int(engine.invoke("f", b"{}").payload)
    time.sleep(0.1)
    assert runs(pid)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    assert ends(pid)


def test_only_so_many_of_a_version_stay_idle(engine, monkeypatch, runs):
    monkeypatch.setattr(pool, "IDLE_PER_VERSION", 2)
    pids = at_once(engine, "f", 4)
    assert len(pids) == 4
    assert sum(runs(pid) for pid in pids) == 2


def test_of_too_many_idle_ones_the_longest_idle_goes(engine, monkeypatch, runs):
    monkeypatch.setattr(pool, "IDLE_IN_ALL", 1)
    first, second = int(engine.invoke("f", b"{}").payload), int(engine.invoke("g", b"{}").payload)
    assert [runs(first), runs(second)] == [False, True]


def test_the_account_has_a_limit(engine, monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "ACCOUNT_CONCURRENCY", 1)
    event = json.dumps({"started": str(tmp_path / "started"), "sleep": 1}).encode()
    slow = threading.Thread(target=engine.invoke, args=("f", event))
    slow.start()
    while not (tmp_path / "started").exists():
        time.sleep(0.02)
    with pytest.raises(AwsError) as raised:
        engine.invoke("g", b"{}")
    slow.join()
    assert raised.value.extra["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert engine.invoke("g", b"{}").status == 200


def test_a_deleted_functions_processes_end(engine, ends):
    pid = int(engine.invoke("f", b"{}").payload)
    engine.operations["DeleteFunction"](Call("lambda", "DeleteFunction", {"FunctionName": "f"}))
    assert ends(pid)


def test_close_ends_invocations_that_run(engine, children, tmp_path):
    results = []
    events = [json.dumps({"started": str(tmp_path / name), "sleep": 20}).encode() for name in ("one", "two")]
    slow = threading.Thread(target=lambda: results.append(engine.invoke("f", events[0])))
    slow.start()
    engine.invoke("f", events[1], event=True)
    while not ((tmp_path / "one").exists() and (tmp_path / "two").exists()):
        time.sleep(0.02)
    before = time.monotonic()
    engine.close()
    slow.join(15)
    assert time.monotonic() - before < 15  # the functions would sleep longer
    assert b"signal: killed" in results[0].payload
    assert not children()
