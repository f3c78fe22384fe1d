"""The warm sandboxes of all functions: who may run, who waits idle, who has waited too long."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from localaws.core import AwsError
from localaws.lambda_.launch import Launcher
from localaws.lambda_.sandbox import DeadlineReached, Exited, InitFailed, Sandbox

ACCOUNT_CONCURRENCY = 50  # executions at once, over all functions
IDLE_PER_VERSION = 8
IDLE_IN_ALL = 32
IDLE_SECONDS = 300.0
_CHECK_SECONDS = 10.0
_READY_SECONDS = 1.0


@dataclass(eq=False)
class Warm:
    """A sandbox of one revision of a function, with the log stream that its output goes to."""

    sandbox: Sandbox
    revision: str
    log_stream: str
    fresh: bool = True
    reusable: bool = True
    idle_since: float = 0.0


class Pool:
    """Hands out sandboxes, one invocation each, and takes them back."""

    def __init__(self, launcher: Launcher, reserved: Callable[[str], int | None]) -> None:
        self._launcher = launcher
        self._reserved = reserved
        self._lock = threading.Lock()
        self._idle: dict[str, list[Warm]] = defaultdict(list)
        self._running: Counter[str] = Counter()
        self._live: set[Sandbox] = set()
        self._retired: set[str] = set()
        self._closed = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="lambda-reaper", daemon=True)
        self._reaper.start()

    def enter(self, function: str) -> None:
        """Count an execution in. Raises TooManyRequestsException at the function's or the account's limit."""
        with self._lock:
            reserved = self._reserved(function)
            if reserved is not None and self._running[function] >= reserved:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if self._running.total() >= ACCOUNT_CONCURRENCY:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            self._running[function] += 1

    def leave(self, function: str) -> None:
        """Count an execution out."""
        with self._lock:
            self._running[function] -= 1

    def acquire(self, configuration: Mapping[str, Any]) -> Warm:
        """An idle sandbox of this version that asks for an event, or else a new one, not yet initialised."""
        revision = configuration["RevisionId"]
        while True:
            with self._lock:
                waiting = self._idle[revision]
                warm = waiting.pop() if waiting else None
            if warm is None:
                return self._start(configuration)
            try:
                # It may have died since, by a thread or a handler at exit of its own.
                warm.sandbox.initialise(time.monotonic() + _READY_SECONDS)
            except (Exited, DeadlineReached, InitFailed):
                self.discard(warm)
            else:
                return warm

    def release(self, warm: Warm) -> None:
        """Keep the sandbox for the next invocation, if its version is current; end one where too many are idle."""
        warm.fresh = False
        warm.idle_since = time.monotonic()
        surplus: Warm | None = None
        with self._lock:
            waiting = self._idle[warm.revision]
            outdated = self._closed.is_set() or warm.revision in self._retired
            if outdated or len(waiting) >= IDLE_PER_VERSION:
                surplus = warm
            else:
                waiting.append(warm)
                everyone = [idle for several in self._idle.values() for idle in several]
                if len(everyone) > IDLE_IN_ALL:
                    surplus = min(everyone, key=lambda idle: idle.idle_since)
                    self._idle[surplus.revision].remove(surplus)
        if surplus is not None:
            self.discard(surplus)

    def discard(self, warm: Warm) -> None:
        """End a sandbox that the caller holds."""
        with self._lock:
            self._live.discard(warm.sandbox)
        warm.sandbox.close()

    def retire(self, revision: str) -> None:
        """End the idle sandboxes of a revision, and its busy ones when they are done."""
        with self._lock:
            self._retired.add(revision)
            waiting = self._idle.pop(revision, [])
        for warm in waiting:
            self.discard(warm)

    def close(self) -> None:
        """Kill everything; a running invocation ends as one whose process was killed."""
        self._closed.set()
        with self._lock:
            idle = [warm for waiting in self._idle.values() for warm in waiting]
            self._idle.clear()
            live = list(self._live)
        for sandbox in live:
            sandbox.kill()
        for warm in idle:
            self.discard(warm)
        self._reaper.join(5)

    def _start(self, configuration: Mapping[str, Any]) -> Warm:
        today = datetime.now(UTC).strftime("%Y/%m/%d")
        stream = f"{today}/[{configuration['Version']}]{uuid4().hex}"
        sandbox = Sandbox(self._launcher.launch(configuration, stream))
        with self._lock:
            self._live.add(sandbox)
            closed = self._closed.is_set()
        if closed:
            sandbox.kill()
        return Warm(sandbox, configuration["RevisionId"], stream)

    def _reap(self) -> None:
        while not self._closed.wait(_CHECK_SECONDS):
            oldest = time.monotonic() - IDLE_SECONDS
            with self._lock:
                tired = [warm for waiting in self._idle.values() for warm in waiting if warm.idle_since < oldest]
                for warm in tired:
                    self._idle[warm.revision].remove(warm)
            for warm in tired:
                self.discard(warm)


def _throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
