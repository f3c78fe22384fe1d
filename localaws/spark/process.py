"""The Python process of one run: started, watched line by line, ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from localaws.spark.runs import OnOutput

_DRIVER = Path(__file__).with_name("driver.py")
_CHECK_SECONDS = 0.1


@dataclass(frozen=True)
class Ended:
    """How the process ended: ``report`` is what it says itself, None where it said nothing."""

    report: Mapping[str, Any] | None
    status: int
    stopped: bool = False
    timeout: bool = False


class Job:
    """A Python process that runs ``driver.py`` with a description."""

    def __init__(
        self,
        folder: Path,
        description: Mapping[str, Any],
        environment: Mapping[str, str],
        lifeline: int,
        on_output: OnOutput,
    ) -> None:
        self._report = folder / "report.json"
        path = folder / "description.json"
        path.write_text(
            json.dumps({**description, "report": str(self._report), "lifeline": lifeline}), encoding="utf-8"
        )
        path.chmod(0o600)
        self._process = subprocess.Popen(
            [python(), "-S", "-s", "-u", str(_DRIVER), str(path)],
            env=dict(environment),
            cwd=folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(lifeline,),
        )
        streams = (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        self._readers = [
            threading.Thread(target=_read, args=(name, pipe, on_output), name=f"job-{name}", daemon=True)
            for name, pipe in streams
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, cancel: threading.Event, timeout: float | None, lost: Callable[[], bool]) -> Ended:
        """Wait for its end; kill it when it is cancelled, its seconds are over, or what it needs is lost."""
        end = time.monotonic() + timeout if timeout is not None else None
        stopped = timed_out = False
        grace: float | None = None
        while self._running():
            now = time.monotonic()
            if cancel.is_set():
                stopped = True
            elif end is not None and now >= end:
                timed_out = True
            elif grace is None and lost():
                # Its own error, that Java is gone, comes first if it comes soon.
                grace = now + 5
            if stopped or timed_out or (grace is not None and now >= grace):
                self.kill()
        for reader in self._readers:
            # A process that it left behind may hold the pipes open.
            reader.join(2)
        self.kill()
        report = None
        if not (stopped or timed_out):
            with contextlib.suppress(OSError, ValueError):
                report = json.loads(self._report.read_text(encoding="utf-8"))
        return Ended(report, self._process.returncode, stopped, timed_out)

    def kill(self) -> None:
        """End the process and all that it started, at once; idempotent."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _running(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CHECK_SECONDS)
            return False
        return True


def python() -> str:
    """The interpreter below the virtual environment, so that a job sees no more than its own path."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _read(name: str, pipe: IO[bytes] | None, on_output: OnOutput) -> None:
    assert pipe is not None
    with pipe:
        for raw in pipe:
            on_output(name, raw.decode(errors="replace").rstrip("\r\n"))
