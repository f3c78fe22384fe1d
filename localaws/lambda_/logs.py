"""The functions' logs, written to CloudWatch Logs in the background."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from operator import itemgetter

from localaws.core import ACCOUNT_ID, REGION
from localaws.moto_side import LOCKS

_INTERVAL = 0.1  # seconds for which lines are gathered
logger = logging.getLogger(__name__)
_Entry = tuple[str, str, int, list[str]]


class LogWriter:
    """Takes lines at once and hands them to CloudWatch Logs, which moto keeps, shortly after."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Entry | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="lambda-logs", daemon=True)
        self._thread.start()

    def write(self, group: str, stream: str, lines: Iterable[str]) -> None:
        """Queue the lines, stamped with this moment."""
        self._queue.put((group, stream, int(time.time() * 1000), list(lines)))

    def flush(self) -> None:
        """Return when all that was queued before is in CloudWatch Logs."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(5)

    def close(self) -> None:
        """Write what is queued, and stop."""
        self._queue.put(None)
        self._thread.join(5)

    def _work(self) -> None:
        open_ = True
        while open_:
            gathered = [self._queue.get()]
            if not isinstance(gathered[0], threading.Event):
                time.sleep(_INTERVAL)
            with contextlib.suppress(queue.Empty):
                while True:
                    gathered.append(self._queue.get_nowait())
            open_ = None not in gathered
            try:
                _store([entry for entry in gathered if isinstance(entry, tuple)])
            except Exception:
                logger.exception("some lines of functions' logs are lost")
            for entry in gathered:
                if isinstance(entry, threading.Event):
                    entry.set()


def _store(entries: list[_Entry]) -> None:
    if not entries:
        return
    from moto.logs.models import logs_backends  # costs 0.2 s, which no start of the server should pay

    backend = logs_backends[ACCOUNT_ID][REGION]
    by_stream: dict[tuple[str, str], list[dict[str, int | str]]] = defaultdict(list)
    for group, stream, milliseconds, lines in entries:
        by_stream[group, stream] += [{"timestamp": milliseconds, "message": line} for line in lines]
    with LOCKS["logs"]:
        for (group, stream), events in by_stream.items():
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, stream)
            # A clock that was set back would have them refused.
            backend.put_log_events(group, stream, sorted(events, key=itemgetter("timestamp")))
