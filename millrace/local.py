"""The embedded AWS and Airflow as this machine's own processes, for the command line and the tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import boto3

from millrace.resources import ROOT

STATE = Path(os.environ.get("MILLRACE_STATE", ROOT / ".millrace"))
BUCKET_PREFIX = "millrace"
# Who tells of tables and columns; nothing is told before a transport is set too (docs/airflow.md).
EXTRACTORS = ";".join(f"millrace.lineage.{kind}Lineage" for kind in ("Athena", "Glue", "Lambda"))
_REGION = "us-east-1"
_READY = re.compile(r"localaws ready on (http://\S+?),")


class LocalError(RuntimeError):
    """A process of ours did not come up or died; the message says which and where its log is."""


class Process:
    """A Python module as a child process, which is ended with its context, by its own pid.

    talks: what it prints is read by ``lines``; otherwise that goes to the log with its errors.
    """

    def __init__(
        self, name: str, arguments: list[str], environment: dict[str, str], log: Path, *, talks: bool = True
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else errors,
                stderr=errors,
                text=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def lines(self) -> Iterator[str]:
        """What the process prints, line by line; raises LocalError when it ends."""
        stdout: IO[str] = self._process.stdout  # type: ignore[assignment]
        yield from stdout
        self._process.wait()
        self.check()

    def check(self) -> None:
        """Raise LocalError if the process has ended."""
        code = self._process.poll()
        if code is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise LocalError(f"{self.name} ended with status {code}; its log is {self.log}, which ends:\n{tail}")

    def wait(self) -> None:
        """Wait for a process that ends by itself; raises LocalError if it does not end well."""
        if self._process.wait():
            self.check()

    def interrupt(self) -> None:
        """Ask the process to end, without waiting."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def send(self, line: str) -> None:
        """Give the process a line."""
        stdin: IO[str] = self._process.stdin  # type: ignore[assignment]
        stdin.write(line + "\n")
        stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.interrupt()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LocalAws(Process):
    """The embedded AWS, its data in a folder; port 0 is a free one. Raises LocalError if it does not come up."""

    def __init__(self, data: Path, log: Path, port: int = 0) -> None:
        super().__init__("localaws", ["localaws", "--port", str(port), "--data", str(data)], dict(os.environ), log)
        try:
            ready = next(match for line in self.lines() if (match := _READY.match(line)))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.endpoint = ready[1]

    @property
    def environment(self) -> dict[str, str]:
        """What AWS clients need to find it: the one thing that differs from the cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": _REGION,
        }

    def client(self, service: str) -> Any:
        """A boto3 client on it."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


def airflow_environment(aws: LocalAws, home: Path) -> dict[str, str]:
    """The environment of Airflow's processes. home: a folder for Airflow's own files, made if it does not exist."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        **aws.environment,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__MILLRACE__BUCKET_PREFIX": BUCKET_PREFIX,
        "AIRFLOW__OPENLINEAGE__EXTRACTORS": EXTRACTORS,
    }


class Airflow(Process):
    """Airflow in a process of its own, with one DAG ready to run. It gets ready while the caller does other things.

    home: a folder for Airflow's own files, made if it does not exist. run_pid: the process of the last run.
    """

    def __init__(self, slug: str, aws: LocalAws, home: Path, log: Path) -> None:
        settings = {"AIRFLOW__MILLRACE__POLL_SECONDS": "0.1", "AIRFLOW__MILLRACE__RETRY_SECONDS": "1"}
        super().__init__("Airflow", ["millrace.runner", slug], airflow_environment(aws, home) | settings, log)
        self._events = (json.loads(line) for line in self.lines())
        self.tasks: list[str] = []
        self.followers: list[str] = []
        self.run_pid = 0

    def wait_ready(self) -> None:
        """Wait until the DAG can run; then `tasks` has its tasks in order, `followers` the DAGs that run after it.

        Raises LocalError.
        """
        event = next(self._events)
        if "error" in event:
            raise LocalError(f"Airflow: {event['error']}; its log is {self.log}")
        self.tasks, self.followers = event["tasks"], event["then"]

    def run(self, conf: dict[str, Any], watch: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Run the DAG, or another one named by ``dag``, with ``logical_date`` and parameters; returns the result.

        watch: is given each task's event. Raises LocalError if the run's process dies; another run may follow.
        """
        self.send(json.dumps(conf))
        for event in self._events:
            if "pid" in event:
                self.run_pid = event["pid"]
            elif "died" in event:
                raise LocalError(f"Airflow: the run ended with status {event['died']}; its log is {self.log}")
            elif "result" in event:
                return dict(event)
            else:
                watch(event)
        raise AssertionError("unreachable: lines() raises when the process ends")
