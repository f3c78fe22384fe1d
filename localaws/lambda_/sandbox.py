"""One execution environment: a function's subprocess and the Lambda Runtime API that it is driven through.

No thread of its own: the thread that invokes waits here on the process, its output and its connections together.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws.lambda_.runtime_api import Connection, Request

_API = "/2018-06-01/runtime"
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_OUTPUT_LIMIT = 4 * 2**20  # bytes of output kept of one invocation
_PIPE_READS = 4


@dataclass(frozen=True)
class Launch:
    """What a subprocess is started with.

    task_root: the unzipped code. layers: the layers' common root (what AWS mounts at /opt) or None.
    scratch: its TMPDIR and HOME, made empty. environment: all variables but these and the Runtime API's address.
    memory_mb, storage_mb: MemorySize and EphemeralStorage. lifeline: a pipe's read end, whose writer is the host.
    """

    task_root: Path
    layers: Path | None
    scratch: Path
    environment: Mapping[str, str]
    memory_mb: int
    storage_mb: int
    lifeline: int


class Exited(Exception):
    """The subprocess ended. ``status`` as of subprocess: negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


class DeadlineReached(Exception):
    """The subprocess did not answer in time."""


class InitFailed(Exception):
    """The function's module could not be loaded. ``body``: the runtime client's error, JSON."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body.decode(errors="replace"))
        self.body = body


@dataclass(frozen=True)
class Answer:
    """What the handler gave: ``body`` JSON (or the handler's bytes); ``error``: it is an error's description."""

    body: bytes
    error: bool = False
    too_large: bool = False


class Sandbox:
    """A subprocess that takes one event at a time. Deadlines are of ``time.monotonic``, in seconds."""

    def __init__(self, launch: Launch) -> None:
        self._scratch = launch.scratch
        self._scratch.mkdir(parents=True)
        self._output = bytearray()
        self._dropped = 0
        self._waiting: Connection | None = None
        self._requests: deque[tuple[Connection, Request]] = deque()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        api = f"127.0.0.1:{self._listener.getsockname()[1]}"
        # HOME, so that no settings of who runs the host, such as ~/.aws/config, are found.
        own = {"AWS_LAMBDA_RUNTIME_API": api, "TMPDIR": str(launch.scratch), "HOME": str(launch.scratch)}
        environment = {**launch.environment, **own}
        arguments = [launch.layers or "", launch.memory_mb, launch.storage_mb, launch.lifeline]
        # The interpreter below the virtual environment: a Python that the function itself starts sees no more than it.
        python = getattr(sys, "_base_executable", sys.executable)
        self._process = subprocess.Popen(
            [python, "-S", "-s", "-B", str(_BOOTSTRAP), *map(str, arguments)],
            env=environment,
            cwd=launch.task_root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(launch.lifeline,),
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._selector = selectors.DefaultSelector()
        for source in (self._listener, self._pipe, self._pidfd):
            self._selector.register(source, selectors.EVENT_READ)

    def initialise(self, deadline: float) -> None:
        """Wait until the function asks for an event: loading it, or after an answer at once.

        Raises InitFailed, Exited or DeadlineReached.
        """
        while self._waiting is None:
            connection, request = self._next_request(deadline)
            if request.path == f"{_API}/invocation/next":
                self._waiting = connection
            elif request.path == f"{_API}/init/error":
                connection.send(202)
                raise InitFailed(request.body)
            else:
                connection.send(404)
        # It may have asked and then died, by a thread of its own: nobody would take the event.
        if self._has_exited():
            self._raise_exited()

    def run(self, headers: Mapping[str, str], event: bytes, deadline: float) -> Answer:
        """Give the function, once initialised, one event (JSON) and wait for its answer.

        Raises Exited or DeadlineReached.
        """
        assert self._waiting is not None, "the function has not asked for an event"
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        waiting, self._waiting = self._waiting, None
        waiting.send(200, event, headers)
        while True:
            connection, request = self._next_request(deadline)
            _, _, kind = request.path.partition(f"{_API}/invocation/{request_id}/")
            if kind not in ("response", "error"):
                connection.send(404)
                continue
            self._read_output()
            connection.send(413 if request.too_large else 202)
            return Answer(request.body, error=kind == "error", too_large=request.too_large)

    def take_output(self) -> bytes:
        """What the function wrote to stdout and stderr since the last time."""
        self._read_output()
        output, self._output = bytes(self._output), bytearray()
        if self._dropped:
            output += f"\n[{self._dropped} more bytes of output were dropped: over 4 MB in one invocation]\n".encode()
            self._dropped = 0
        return output

    def peak_memory_mb(self) -> int:
        """The most memory that the process has held, in MB; 0 once it has ended."""
        with contextlib.suppress(OSError), Path(f"/proc/{self._process.pid}/status").open(encoding="ascii") as lines:
            return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)
        return 0

    def kill(self) -> None:
        """End the process and all that it started, at once; idempotent."""
        if self._process.returncode is None:
            # Before the wait: until then the process id, which is the group's id, cannot be taken by another.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> None:
        """Kill it and free its descriptors. Only by the thread that uses the sandbox."""
        self.kill()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Connection):
                key.data.socket.close()
        self._selector.close()
        self._listener.close()
        os.close(self._pidfd)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _next_request(self, deadline: float) -> tuple[Connection, Request]:
        exited = False
        while not self._requests:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeadlineReached
            events = self._selector.select(0 if exited else remaining)
            sources = [key for key, _ in events if key.fileobj != self._pidfd]
            if exited and not any(self._handle(key) for key in sources):
                self._raise_exited()
            if not exited:
                for key in sources:
                    self._handle(key)
                # What it sent before its end still counts: look once more.
                exited = len(sources) < len(events)
        return self._requests.popleft()

    def _handle(self, key: selectors.SelectorKey) -> bool:
        """Take what one source has; False if that was nothing."""
        if key.fileobj == self._pipe:
            return self._read_output()
        if isinstance(key.data, Connection):
            request = key.data.receive()
            if request is not None:
                self._requests.append((key.data, request))
            if key.data.closed:
                self._selector.unregister(key.data.socket)
                key.data.socket.close()
            return True
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # the function left before it was answered
            return False
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(accepted, selectors.EVENT_READ, Connection(accepted))
        return True

    def _read_output(self) -> bool:
        """Read what a pipe can hold, not until it is empty: a function may write faster. False if there was nothing."""
        found = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(_PIPE_READS):
                data = os.read(self._pipe, 2**16)
                if not data:
                    # End of file: the function closed its output; waiting on it would spin.
                    with contextlib.suppress(KeyError):
                        self._selector.unregister(self._pipe)
                    return found
                found = True
                keep = max(0, _OUTPUT_LIMIT - len(self._output))
                self._output += data[:keep]
                self._dropped += len(data) - len(data[:keep])
        return found

    def _has_exited(self) -> bool:
        """Whether the process has ended, without collecting it: its id stays its group's."""
        try:
            return bool(os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        except ChildProcessError:  # another thread killed and collected it
            return True

    def _raise_exited(self) -> None:
        self.kill()
        raise Exited(self._process.returncode)
