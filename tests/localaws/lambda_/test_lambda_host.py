"""What outlives what: no function's process outlives the host."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from localaws.core import World
from localaws.lambda_.engine import LambdaEngine

HOST = """
    import base64, pathlib, sys
    from localaws.core import Call, World
    from localaws.lambda_.engine import LambdaEngine
    engine = LambdaEngine(World(pathlib.Path(sys.argv[1]), "http://127.0.0.1:9", None, None))
    engine.operations["CreateFunction"](Call("lambda", "CreateFunction", {
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "handler.main",
        "Role": "arn:aws:iam::123456789012:role/x", "Code": {"ZipFile": pathlib.Path(sys.argv[2]).read_bytes()}}))
    print(engine.invoke("f", b"{}").payload.decode(), flush=True)
    """
LEFT = """
    engine.close()
    import os, threading
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    print([os.readlink(link) for link in links if os.path.exists(link)], threading.active_count())
    """
LOOP = """engine.invoke("f", b'{"loop": 1}')"""
SOURCE = """
    import os, time
    def main(event, context):
        while event: time.sleep(1)
        return os.getpid()
    """


def test_a_killed_host_takes_its_functions_along(tmp_path, make_zip, runs):
    package = tmp_path / "package.zip"
    package.write_bytes(make_zip({"handler.py": textwrap.dedent(SOURCE)}))
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST) + LOOP, str(tmp_path / "data"), str(package)],
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline())
    host.send_signal(signal.SIGKILL)
    host.communicate()
    end = time.monotonic() + 60
    while runs(pid):
        assert time.monotonic() < end, "the function runs on"
        time.sleep(0.02)


def test_close_ends_processes_threads_and_descriptors(tmp_path, make_zip, runs):
    package = tmp_path / "package.zip"
    package.write_bytes(make_zip({"handler.py": textwrap.dedent(SOURCE)}))
    script = textwrap.dedent(HOST) + textwrap.dedent(LEFT)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data"), str(package)], capture_output=True, text=True, timeout=60
    )
    pid, left = done.stdout.splitlines() or [done.stderr, ""]
    assert left == "[] 1"
    assert not runs(pid)
    assert not (tmp_path / "data" / "lambda" / "tmp").exists()


def test_a_missing_runtime_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="needs the package 'awslambdaric', which is not installed"):
        LambdaEngine(World(tmp_path, "http://127.0.0.1:9", None, None))
