"""Alarms: kept in a folder, evaluated by a thread, changed by one place."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localaws.cloudwatch.evaluation import UNKNOWN, compile_rule, judge
from localaws.cloudwatch.metrics_api import MetricsApi
from localaws.documents import Documents

_EVERY_SECONDS = 2.0
_HISTORY = 1000

log = logging.getLogger(__name__)


class Alarms:
    """Metric alarms and composite ones by name.

    changed: is told of a change of state with the alarm and the alarm as it was. They are evaluated every
    LOCALAWS_ALARMS_SECONDS (default 2).
    """

    def __init__(self, root: Path, api: MetricsApi, changed: Callable[[Mapping[str, Any], Mapping[str, Any]], None]):
        self._api = api
        self._changed = changed
        self._lock = threading.RLock()
        self._documents = Documents(root)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.history: deque[dict[str, Any]] = deque(maxlen=_HISTORY)
        self._wake()

    def all(self) -> list[dict[str, Any]]:
        """All alarms by name."""
        return self._documents.all()

    def get(self, name: str) -> dict[str, Any] | None:
        """An alarm, or None."""
        return self._documents.get(name)

    def save(self, alarm: dict[str, Any]) -> None:
        """Keep an alarm."""
        with self._lock:
            self._documents.save(alarm["AlarmName"], alarm)
        self._wake()

    def delete(self, name: str) -> None:
        """Forget an alarm."""
        with self._lock:
            self._documents.delete(name)

    def set_state(self, name: str, state: str, reason: str, data: str | None = None) -> None:
        """Put an alarm into a state, and act if it was in another."""
        with self._lock:
            before = self._documents.get(name)
            if before is None:
                return
            now = time.time()
            alarm = {**before, "StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": now}
            alarm["StateReasonData"] = data
            if before["StateValue"] == state:
                self._documents.save(name, {**before, "StateReason": reason})
                return
            alarm["StateTransitionedTimestamp"] = now
            self._documents.save(name, alarm)
            summary = f"Alarm updated from {before['StateValue']} to {state}"
            self.history.append({"alarm": alarm, "before": before, "time": now, "summary": summary})
        self._changed(alarm, before)

    def evaluate(self, now: float) -> None:
        """Find every alarm's state: those of metrics first, then the composite ones."""
        for alarm in self.all():
            if "AlarmRule" in alarm:
                continue
            try:
                finding = judge(alarm, self._api, now)
            except Exception:
                log.exception("the alarm %s could not be evaluated", alarm["AlarmName"])
                continue
            if finding.state is not None and finding.state != alarm["StateValue"]:
                self.set_state(alarm["AlarmName"], finding.state, finding.reason)
        self._evaluate_composites()

    def close(self) -> None:
        """Evaluate no more."""
        self._stop.set()
        if self._thread:
            self._thread.join(5)

    def _evaluate_composites(self) -> None:
        composites = [alarm for alarm in self.all() if "AlarmRule" in alarm]
        for _ in composites:  # one may name another
            states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in self.all()}
            for alarm in composites:
                state = "ALARM" if compile_rule(alarm["AlarmRule"])(states) else "OK"
                if state != states[alarm["AlarmName"]]:
                    reason = f"{alarm['AlarmArn']} transitioned to {state}: its rule is {alarm['AlarmRule']}"
                    self.set_state(alarm["AlarmName"], state, reason)

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set() and self._documents.all():
                self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(float(os.environ.get("LOCALAWS_ALARMS_SECONDS", _EVERY_SECONDS))):
            self.evaluate(time.time())


def new_state() -> dict[str, Any]:
    """The state of an alarm that has not been evaluated."""
    now = time.time()
    return {
        "StateValue": UNKNOWN,
        "StateReason": "Unchecked: Initial alarm creation",
        "StateReasonData": None,
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
    }
