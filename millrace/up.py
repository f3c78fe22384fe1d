"""Airflow's own services beside the embedded AWS, until they are stopped: ``make up``, compose without Docker.

``airflow standalone`` is not used: its log servers listen on every address of the machine.
"""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from millrace.local import LocalAws, LocalError, Process, airflow_environment
from millrace.provision.everything import provision
from millrace.screen import Screen

_SERVICES = {
    "api-server": ["--host", "127.0.0.1"],
    "scheduler": ["--skip-serve-logs"],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}
_HEALTH = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_PATIENCE = 180.0


class AirflowServices:
    """The API server with the UI, the scheduler, the DAG processor and the triggerer, each a process."""

    def __init__(self, aws: LocalAws, home: Path, logs: Path, port: int, stack: ExitStack) -> None:
        self.address = f"http://127.0.0.1:{port}"
        environment = airflow_environment(aws, home) | {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "4",
            # Whoever can reach 127.0.0.1 is its user: there is nobody to log in.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__MILLRACE__POLL_SECONDS": "5",
            "AIRFLOW__MILLRACE__RETRY_SECONDS": "10",
        }

        def start(name: str, *arguments: str) -> Process:
            log = logs / f"airflow-{name}.log"
            return Process(f"airflow {name}", ["airflow", name, *arguments], environment, log, talks=False)

        with start("db", "migrate") as migration:
            migration.wait()
        self.processes = [stack.enter_context(start(name, *options)) for name, options in _SERVICES.items()]
        stack.callback(self._interrupt)

    def _interrupt(self) -> None:
        """Ask all to end at once; each is waited for later."""
        for process in self.processes:
            process.interrupt()

    def wait_healthy(self) -> None:
        """Wait until each service says that it is healthy. Raises LocalError if one ended or does not get so."""
        patience = time.monotonic() + _PATIENCE
        state: dict[str, Any] = {}
        while time.monotonic() < patience:
            for process in self.processes:
                process.check()
            try:
                state = httpx.get(f"{self.address}/api/v2/monitor/health", timeout=5).json()
                if all((state.get(part) or {}).get("status") == "healthy" for part in _HEALTH):
                    return
            except (httpx.HTTPError, ValueError):
                pass  # not up yet
            time.sleep(0.3)
        raise LocalError(f"Airflow is not healthy after {_PATIENCE:.0f} s, but {state or 'silent'}; its logs tell more")


def up(data: Path, ui_port: int, aws_port: int, screen: Screen) -> int:
    """Run everything until it is interrupted; the exit status.

    data: where all is kept, so that the next start finds it. Raises LocalError where something does not come up.
    """
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupted)
    for port, option in ((ui_port, "--port"), (aws_port, "--aws-port")):
        _must_be_free(port, option)
    logs = data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with screen.step("embedded AWS") as step:
            aws = stack.enter_context(LocalAws(data / "aws", logs / "localaws.log", aws_port))
            step.done(aws.endpoint)
        with screen.step("provision") as step:
            step.done(", ".join(provision(aws.client)))
        with screen.step("Airflow") as step:
            services = AirflowServices(aws, data / "airflow", logs, ui_port, stack)
            services.wait_healthy()
            step.done("API server, scheduler, DAG processor, triggerer")
        screen.console.print(
            f"\n  Airflow       {services.address}\n"
            f"  Dashboards    {services.address}/plugin/millrace-dashboards\n"
            f"  embedded AWS  {aws.endpoint}  (AWS_ENDPOINT_URL, any credentials)\n"
            f"  logs          {logs}\n\nCtrl-C stops it; the data stay in {data}"
        )
        try:
            while True:
                for process in (aws, *services.processes):
                    process.check()
                time.sleep(1)
        except KeyboardInterrupt:
            screen.console.print("stopping")
    return 0


def _interrupted(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _must_be_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LocalError(f"port {port} of 127.0.0.1 is in use; choose another with {option}") from None
