"""Java processes that wait for the next run: those that were left clean, for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from localaws.spark.jvm import Jvm, Kind

IDLE_SECONDS = 300.0
IDLE_AT_MOST = 2
RUNS_AT_MOST = 100  # what little a run leaves behind in Java does not add up
_CHECK_SECONDS = 5.0
_END_SECONDS = 120.0


class Pool:
    """Hands out Java processes, one run each at a time, and takes them back."""

    def __init__(self, launch: Callable[[Kind], Jvm]) -> None:
        self._launch = launch
        self._lock = threading.Lock()
        self._idle: list[Jvm] = []
        self._busy: set[Jvm] = set()
        self._closed = threading.Event()
        self._reaper: threading.Thread | None = None

    def take(self, kind: Kind) -> Jvm:
        """An idle process of this kind, or else a new one."""
        with self._lock:
            found = next((jvm for jvm in reversed(self._idle) if jvm.kind == kind and jvm.alive), None)
            if found is not None:
                self._idle.remove(found)
                self._busy.add(found)
                return found
        started = self._launch(kind)
        with self._lock:
            self._busy.add(started)
            closed = self._closed.is_set()
        if closed:
            started.kill()
        return started

    def give_back(self, jvm: Jvm, *, clean: bool) -> None:
        """Keep the process for the next run if the last one left it clean; else end it."""
        jvm.runs += 1
        jvm.idle_since = time.monotonic()
        jvm.tell(None)
        surplus = [jvm]
        with self._lock:
            self._busy.discard(jvm)
            if clean and jvm.alive and jvm.runs < RUNS_AT_MOST and not jvm.kind.jars and not self._closed.is_set():
                self._idle.append(jvm)
                surplus, self._idle = self._idle[:-IDLE_AT_MOST], self._idle[-IDLE_AT_MOST:]
                if self._reaper is None:
                    self._reaper = threading.Thread(target=self._reap, name="spark-reaper", daemon=True)
                    self._reaper.start()
        for one in surplus:
            one.kill()

    def end(self) -> None:
        """Let the idle ones end by themselves."""
        with self._lock:
            idle, self._idle = self._idle, []
        for jvm in idle:
            jvm.end(_END_SECONDS)
            jvm.kill()

    def close(self) -> None:
        """Kill all of them; what runs on them fails."""
        self._closed.set()
        with self._lock:
            everyone = [*self._idle, *self._busy]
            self._idle = []
        for jvm in everyone:
            jvm.kill()
        if self._reaper is not None:
            self._reaper.join(5)

    def _reap(self) -> None:
        while not self._closed.wait(_CHECK_SECONDS):
            oldest = time.monotonic() - IDLE_SECONDS
            with self._lock:
                tired = [jvm for jvm in self._idle if jvm.idle_since < oldest or not jvm.alive]
                self._idle = [jvm for jvm in self._idle if jvm not in tired]
            for jvm in tired:
                jvm.kill()
