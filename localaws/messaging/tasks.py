"""Work that is done soon or later by a few threads: bounded, and kept over a clean stop."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Task = dict[str, Any]

log = logging.getLogger(__name__)


class TaskQueue:
    """Runs ``run(task)`` for each task when it is due, once started; a task is a JSON object.

    keep: the file in which tasks that wait at ``close`` are kept, and from which they are taken at the start; None
    drops them. limit: how many may wait. A task whose run raises is logged and lost: ``run`` puts again what it wants
    to be tried again, even while the queue is closed.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Task], None],
        *,
        threads: int = 4,
        limit: int = 100_000,
        keep: Path | None = None,
    ) -> None:
        self._name = name
        self._run = run
        self._size = threads
        self._limit = limit
        self._keep = keep
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Task]] = []
        self._changed = threading.Condition()
        self._started = False
        self._closed = False
        self._ended = False
        self._idle = 0
        self._threads: list[threading.Thread] = []

    @property
    def closed(self) -> bool:
        """Whether no more tasks are started."""
        return self._closed

    def start(self) -> None:
        """Take up what was kept, and begin; when all that ``run`` needs is there."""
        self._started = True
        for delay, task in self._kept():
            self.put(task, delay)

    def put(self, task: Task, delay: float = 0.0) -> bool:
        """Have a task run after so many seconds; False where it is refused: too many wait, or the queue was closed."""
        with self._changed:
            if len(self._waiting) >= self._limit or self._ended:
                return False
            heapq.heappush(self._waiting, (time.monotonic() + delay, next(self._order), task))
            busy = len(self._waiting) > self._idle
            if self._started and not self._closed and busy and len(self._threads) < self._size:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()
        return True

    def stop(self) -> None:
        """Start no task any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self, seconds: float = 5.0) -> None:
        """Stop, wait for the tasks that run, keep those that wait."""
        self.stop()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._changed:
            self._ended = True
            now = time.monotonic()
            rest = [[max(0.0, due - now), task] for due, _, task in sorted(self._waiting)]
        if rest and self._keep is not None:
            self._keep.parent.mkdir(parents=True, exist_ok=True)
            self._keep.write_text(json.dumps(rest), encoding="utf-8")

    def _kept(self) -> list[tuple[float, Task]]:
        if self._keep is None or not self._keep.exists():
            return []
        rest = json.loads(self._keep.read_text(encoding="utf-8"))
        self._keep.unlink()
        return [(delay, task) for delay, task in rest]

    def _next(self) -> Task | None:
        with self._changed:
            while not self._closed:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._idle += 1
                self._changed.wait(wait)
                self._idle -= 1
        return None

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                self._run(task)
            except Exception:
                log.exception("%s: a task is lost: %.500s", self._name, task)
