import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from localaws.server import Server, StartError


def start(*arguments):
    command = [sys.executable, "-m", "localaws", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_ends_cleanly(tmp_path, number):
    began = time.monotonic()
    process = start("--port", 0, "--data", tmp_path / "data")
    line = process.stdout.readline()
    assert time.monotonic() - began < 5  # a quarter of a second on an idle machine
    endpoint = line.split()[3].rstrip(",")
    assert line == f"localaws ready on {endpoint}, data in {tmp_path / 'data'}\n"
    with urllib.request.urlopen(f"{endpoint}/_localaws/health") as answer:
        assert b'"status": "ok"' in answer.read()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_an_error_that_says_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", port, "--data", tmp_path / "data")
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert err == (f"localaws: Port {port} of 127.0.0.1 is in use by another program; give --port 0 for a free one.\n")


def test_a_data_folder_that_cannot_be_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    process = start("--port", 0, "--data", tmp_path / "file")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert (
        err
        == f"localaws: The data folder {tmp_path / 'file'} cannot be written to: File exists. Give another --data.\n"
    )


def test_a_second_server_on_the_same_data_is_refused(tmp_path):
    with Server(tmp_path) as first:
        process = start("--port", 0, "--data", tmp_path)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 2
        assert "is held by another server" in err
        with pytest.raises(StartError, match="is held by another server"):
            Server(tmp_path)
        assert first.endpoint.startswith("http://127.0.0.1:")
    with Server(tmp_path):
        pass


def test_it_listens_on_the_loopback_address_only(tmp_path):
    with Server(tmp_path) as server:
        assert server._listener.server_address[0] == "127.0.0.1"


def test_closing_frees_the_port_and_ends_open_connections(tmp_path):
    with Server(tmp_path) as server:
        port = int(server.endpoint.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port), timeout=5)
        idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert idle.recv(1) == b""
    idle.close()
    with Server(tmp_path, port):
        pass
