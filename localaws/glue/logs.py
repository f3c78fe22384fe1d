"""A crawl's log lines, as events of a CloudWatch Logs stream, which moto keeps."""

from __future__ import annotations

import time

from localaws.core import ACCOUNT_ID, REGION
from localaws.moto_side import LOCKS


class LogStream:
    """Gathers the lines of one crawl; ``close`` writes them."""

    def __init__(self, group: str, stream: str, prefix: str) -> None:
        self._group = group
        self._stream = stream
        self._prefix = prefix
        self._events: list[dict[str, int | str]] = []

    def write(self, line: str) -> None:
        """Add a line, stamped with this moment."""
        self._events.append({"timestamp": int(time.time() * 1000), "message": f"[{self._prefix}] {line}"})

    def close(self) -> None:
        """Put the lines into CloudWatch Logs."""
        from moto.logs.models import logs_backends  # costs 0.2 s, which no start of the server should pay

        with LOCKS["logs"]:
            backend = logs_backends[ACCOUNT_ID][REGION]
            backend.ensure_log_group(self._group)
            backend.ensure_log_stream(self._group, self._stream)
            backend.put_log_events(self._group, self._stream, self._events)
