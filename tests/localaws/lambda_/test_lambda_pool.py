"""How many processes there are, and for how long."""

import threading
import time
from pathlib import Path

import pytest

from localaws.core import AwsError, Call, World
from localaws.lambda_ import pool
from localaws.lambda_.engine import LambdaEngine

SOURCE = """
import os, time
def main(event, context):
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


def children():
    """The live processes that this one has started."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (thread / "children").read_text().split()}
    return {pid for pid in found if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()}


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


def ends(pids):
    """Whether these processes end within a while."""
    end = time.monotonic() + 5
    while children() & pids:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_idle_processes_are_ended_after_a_while(engine, monkeypatch):
    pid = int(engine.invoke("f", b"{}").payload)
    time.sleep(0.1)
    assert pid in children()
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    assert ends({pid})


def test_only_so_many_of_a_version_stay_idle(engine, monkeypatch):
    monkeypatch.setattr(pool, "IDLE_PER_VERSION", 2)
    pids = at_once(engine, "f", 4)
    assert len(pids) == 4
    assert len(children() & pids) == 2


def test_of_too_many_idle_ones_the_longest_idle_goes(engine, monkeypatch):
    monkeypatch.setattr(pool, "IDLE_IN_ALL", 1)
    first, second = int(engine.invoke("f", b"{}").payload), int(engine.invoke("g", b"{}").payload)
    assert children() & {first, second} == {second}


def test_the_account_has_a_limit(engine, monkeypatch):
    monkeypatch.setattr(pool, "ACCOUNT_CONCURRENCY", 1)
    slow = threading.Thread(target=at_once, args=(engine, "f", 1))
    slow.start()
    time.sleep(0.3)
    with pytest.raises(AwsError) as raised:
        engine.invoke("g", b"{}")
    slow.join()
    assert raised.value.extra["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert engine.invoke("g", b"{}").status == 200


def test_a_deleted_functions_processes_end(engine):
    pid = int(engine.invoke("f", b"{}").payload)
    engine.operations["DeleteFunction"](Call("lambda", "DeleteFunction", {"FunctionName": "f"}))
    assert ends({pid})


def test_close_ends_invocations_that_run(engine):
    results = []
    slow = threading.Thread(target=lambda: results.append(engine.invoke("f", b'{"sleep": 20}')))
    slow.start()
    engine.invoke("f", b'{"sleep": 20}', event=True)
    time.sleep(0.5)
    before = time.monotonic()
    engine.close()
    slow.join(5)
    assert time.monotonic() - before < 2
    assert b"signal: killed" in results[0].payload
    assert not children()
