"""A cluster: a thread that takes it from STARTING to its end and runs its steps, one after another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from localaws.core import World
from localaws.emr import notices, submit
from localaws.emr.definition import spark_properties
from localaws.emr.submit import Output, SparkError, SubmitError

Json = dict[str, Any]

ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
STEP_ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")

log = logging.getLogger(__name__)


class Cluster:
    """A running cluster. Its record is changed under ``lock`` only; ``save`` keeps it."""

    def __init__(self, world: World, record: Json, save: Callable[[Json], None]) -> None:
        self._world = world
        self.record = record
        self._save = save
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._terminate = threading.Event()
        self._stopped = False
        self._cancels: dict[str, threading.Event] = {}
        self._thread = threading.Thread(target=self._work, name=f"emr-{record['Id']}", daemon=True)

    def start(self) -> None:
        """Begin."""
        with self.lock:
            self._save(self.record)
        notices.cluster_changed(self._world, self.record)
        for step in self.record["Steps"]:
            notices.step_changed(self._world, self.record, step)
        self._thread.start()

    @property
    def state(self) -> str:
        """Its state."""
        return str(self.record["Status"]["State"])

    def add(self, steps: list[Json]) -> None:
        """Add steps at the end."""
        with self._changed:
            self.record["Steps"] += steps
            self._save(self.record)
            self._changed.notify_all()
        for step in steps:
            notices.step_changed(self._world, self.record, step)

    def cancel(self, identifier: str) -> str:
        """Cancel a step; why it cannot be, or nothing."""
        with self._changed:
            step = next((one for one in self.record["Steps"] if one["Id"] == identifier), None)
            if step is None:
                return "The step does not exist."
            state = step["Status"]["State"]
            if state in STEP_ENDED:
                return f"The step is already {state}."
            if state == "PENDING":
                self._step(step, "CANCELLED", ended=True)
            else:
                step["Status"]["State"] = "CANCEL_PENDING"
                self._save(self.record)
                self._cancels[identifier].set()
            return ""

    def terminate(self) -> None:
        """End the cluster, at a user's request."""
        with self._changed:
            self._terminate.set()
            for event in self._cancels.values():
                event.set()
            self._changed.notify_all()

    def close(self) -> None:
        """The server ends: so does what runs on it."""
        self._stopped = True
        self.terminate()
        if self._thread.is_alive():
            self._thread.join(15)

    def _work(self) -> None:
        try:
            self._move("BOOTSTRAPPING")
            failed = None
            while not self._terminate.is_set():
                step = self._next()
                if step is None:
                    break
                if self.state != "RUNNING":
                    self._move("RUNNING")
                if self._run(step) or step["ActionOnFailure"] == "CONTINUE":
                    continue
                self._cancel_pending()
                if step["ActionOnFailure"] != "CANCEL_AND_WAIT" and not self.record["TerminationProtected"]:
                    failed = step
                    break
            self._end(failed)
        except Exception:
            log.exception("the cluster %s failed inside", self.record["Id"])
            self._move("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR", "The embedded AWS failed inside; its log says why.")

    def _next(self) -> Json | None:
        """The next step that waits; a cluster that is kept alive waits for one. None when the cluster is to end."""
        with self._changed:
            idle = None
            while not self._terminate.is_set():
                pending = [one for one in self.record["Steps"] if one["Status"]["State"] == "PENDING"]
                if pending:
                    first: Json = pending[0]
                    return first
                if self.record["AutoTerminate"]:
                    return None
                if self.state != "WAITING":
                    self._move("WAITING")
                if idle is None and self.record.get("IdleTimeout"):
                    idle = time.monotonic() + self.record["IdleTimeout"]
                left = None if idle is None else idle - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
        return None

    def _run(self, step: Json) -> bool:
        cancel = threading.Event()
        with self.lock:
            if step["Status"]["State"] != "PENDING":
                return True
            self._cancels[step["Id"]] = cancel
            if self._terminate.is_set():
                cancel.set()
            step["Status"]["Timeline"]["StartDateTime"] = time.time()
            self._step(step, "RUNNING")
        output = Output()
        try:
            error = self._submit(step, output, cancel)
        except Exception as failed:
            log.exception("the step %s failed inside", step["Id"])
            error = f"The embedded AWS failed inside: {failed!r}"
        if error is None:
            self._step(step, "COMPLETED", ended=True)
        elif cancel.is_set():
            self._step(step, "CANCELLED", ended=True)
        else:
            output.write("stderr", error)
            step["Status"]["FailureDetails"] = {"Reason": "Unknown Error.", "Message": error[:2000]}
            if place := self._logs(step):
                step["Status"]["FailureDetails"]["LogFile"] = f"{place}stderr.gz"
            self._step(step, "FAILED", ended=True)
        if place := self._logs(step):
            state = step["Status"]["State"]
            output.put(self._world, place, controller=f"INFO Step {step['Id']} ended with the state {state}\n")
        output.close()
        return bool(step["Status"]["State"] != "FAILED")

    def _submit(self, step: Json, output: Output, cancel: threading.Event) -> str | None:
        """Why a step failed, or None."""
        if all(one["Name"].lower() != "spark" for one in self.record["Applications"]):
            program = 'Cannot run program "spark-submit": error=2, No such file or directory.'
            return f"{program} Spark is none of the Applications."
        try:
            command = submit.read(step["Config"]["Args"][1:], spark_properties(self.record))
            outcome = submit.run(self._world, command, output, cancel)
        except (SubmitError, SparkError) as error:
            return str(error)
        return None if outcome.ok else submit.failure(outcome)

    def _logs(self, step: Json) -> str:
        uri = self.record.get("LogUri")
        return f"{uri.rstrip('/')}/{self.record['Id']}/steps/{step['Id']}/" if uri else ""

    def _cancel_pending(self) -> None:
        with self.lock:
            for step in self.record["Steps"]:
                if step["Status"]["State"] == "PENDING":
                    self._step(step, "CANCELLED", ended=True)

    def _end(self, failed: Json | None) -> None:
        self._cancel_pending()
        if self._stopped:
            reason = ("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR", "The embedded AWS was stopped.")
        elif failed is not None:
            reason = ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")
        elif self._terminate.is_set():
            reason = ("TERMINATED", "USER_REQUEST", "Terminated by user request")
        elif self.record["AutoTerminate"]:
            reason = ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
        else:
            reason = ("TERMINATED", "ALL_STEPS_COMPLETED", "Cluster was idle for longer than its timeout")
        self._move("TERMINATING", *reason[1:])
        self._move(*reason)

    def _move(self, state: str, code: str = "", message: str = "") -> None:
        with self.lock:
            status = self.record["Status"]
            status["State"] = state
            if code:
                status["StateChangeReason"] = {"Code": code, "Message": message}
            if state in ("RUNNING", "WAITING"):
                status["Timeline"].setdefault("ReadyDateTime", time.time())
            if state in ENDED:
                status["Timeline"]["EndDateTime"] = time.time()
            self._save(self.record)
        notices.cluster_changed(self._world, self.record)

    def _step(self, step: Json, state: str, *, ended: bool = False) -> None:
        with self.lock:
            step["Status"]["State"] = state
            if ended:
                step["Status"]["Timeline"]["EndDateTime"] = time.time()
            self._save(self.record)
        notices.step_changed(self._world, self.record, step)
