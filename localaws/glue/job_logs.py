"""A job run's output in CloudWatch Logs, where Glue puts it, soon after it was written."""

from __future__ import annotations

import logging
import threading
import time

from localaws.core import ACCOUNT_ID, REGION
from localaws.moto_side import LOCKS

SPARK_GROUP = "/aws-glue/jobs"
SHELL_GROUP = "/aws-glue/python-jobs"
_INTERVAL = 1.0  # seconds
_AT_ONCE = 5000  # events of one PutLogEvents, which takes 10,000
_LONGEST = 250_000  # characters of an event

log = logging.getLogger(__name__)


class JobLogs:
    """Standard output goes to ``<group>/output``, standard error and Java's log to ``<group>/error``."""

    def __init__(self, group: str, run: str) -> None:
        self._groups = {"stdout": f"{group}/output", "stderr": f"{group}/error"}
        self._run = run
        self._lock = threading.Lock()
        self._waiting: dict[str, list[dict[str, int | str]]] = {"stdout": [], "stderr": []}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._flush_regularly, name="glue-job-logs", daemon=True)
        self._thread.start()

    def write(self, stream: str, line: str) -> None:
        """Add a line of ``stdout`` or ``stderr``, stamped with this moment."""
        event: dict[str, int | str] = {"timestamp": int(time.time() * 1000), "message": line[:_LONGEST] or " "}
        with self._lock:
            self._waiting[stream].append(event)

    def close(self) -> None:
        """Write what waits."""
        self._ended.set()
        self._thread.join()
        self._flush()

    def _flush_regularly(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self._flush()

    def _flush(self) -> None:
        from moto.logs.models import logs_backends  # costs 0.2 s, which no start of the server should pay

        with self._lock:
            waiting, self._waiting = self._waiting, {"stdout": [], "stderr": []}
        try:
            with LOCKS["logs"]:
                backend = logs_backends[ACCOUNT_ID][REGION]
                for stream, events in waiting.items():
                    group = self._groups[stream]
                    backend.ensure_log_group(group)
                    backend.ensure_log_stream(group, self._run)
                    for start in range(0, len(events), _AT_ONCE):
                        backend.put_log_events(group, self._run, events[start : start + _AT_ONCE])
        except Exception:
            log.exception("the log of job run %s could not be written", self._run)
