"""Asynchronous invocations: queued, tried again, then told to the destination or the dead-letter queue."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.core import AwsError, World
from localaws.events.registry import bus_name
from localaws.lambda_.invoker import InvokeResult
from localaws.messaging.courier import Courier, Parcel, Undelivered, service_of
from localaws.messaging.tasks import Task, TaskQueue

_WORKERS = 8
_RETRY_SECONDS = (1.0, 2.0)  # AWS waits one and two minutes; LOCALAWS_LAMBDA_RETRY_SECONDS=60,120 does too
_THROTTLED_SECONDS = 1.0
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 21_600

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """What becomes of a function's events: its event invoke configuration and dead-letter target."""

    retries: int = DEFAULT_RETRIES
    age_seconds: int = DEFAULT_AGE_SECONDS
    on_failure: str | None = None
    on_success: str | None = None
    dead_letter: str | None = None


class EventQueue:
    """Runs queued events on a few threads, as soon as they are due; those that wait outlive a clean stop.

    run: invokes once (name, qualifier, payload, request id, client context) and may raise AwsError.
    policy: the function's policy by name and qualifier. arn: the function's.
    """

    def __init__(
        self,
        world: World,
        run: Callable[[str, str | None, bytes, str, str | None], InvokeResult],
        policy: Callable[[str, str | None], Policy],
        arn: Callable[[str, str | None], str],
        keep: Path,
    ) -> None:
        self._world = world
        self._courier = Courier(world)
        self._run = run
        self._policy = policy
        self._arn = arn
        self._queue = TaskQueue("lambda-events", self._attempt, threads=_WORKERS, keep=keep)
        self._queue.start()

    def put(
        self, name: str, qualifier: str | None, payload: bytes, request_id: str, client_context: str | None = None
    ) -> None:
        """Queue an event, due at once. Raises TooManyRequestsException where too many wait."""
        task: Task = {
            "name": name,
            "qualifier": qualifier,
            "payload": payload.decode(),
            "id": request_id,
            "context": client_context,
            "accepted": time.time(),
            "attempts": 0,
        }
        if not self._queue.put(task):
            raise AwsError("TooManyRequestsException", "Rate Exceeded: too many events wait.", 429)

    def stop(self) -> None:
        """Start no event any more."""
        self._queue.stop()

    def close(self) -> None:
        """After ``stop``, and after what runs was stopped: keep the events that wait."""
        self._queue.close(2)

    def _attempt(self, task: Task) -> None:
        try:
            policy = self._policy(task["name"], task["qualifier"])
            if time.time() - task["accepted"] > policy.age_seconds:
                self._give_up(task, policy, "EventAgeExceeded", None)
                return
            result = self._run(task["name"], task["qualifier"], task["payload"].encode(), task["id"], task["context"])
        except AwsError as error:
            if error.code == "ResourceNotFoundException":  # deleted meanwhile: AWS drops its events too
                return
            if error.code != "TooManyRequestsException":
                raise
            self._retry_later(task, _THROTTLED_SECONDS, None)
            return
        if self._queue.closed and result.function_error is not None:
            self._queue.put(task)  # the stop of the server may have ended it: the next start runs it again
            return
        task = {**task, "attempts": task["attempts"] + 1}
        if result.function_error is None:
            if policy.on_success:
                self._tell(policy.on_success, task, "Success", result)
        elif task["attempts"] > policy.retries:
            self._give_up(task, policy, "RetriesExhausted", result)
        else:
            self._retry_later(task, _waits()[task["attempts"] - 1], result)

    def _retry_later(self, task: Task, seconds: float, result: InvokeResult | None) -> None:
        policy = self._policy(task["name"], task["qualifier"])
        if time.time() + seconds - task["accepted"] > policy.age_seconds:
            self._give_up(task, policy, "EventAgeExceeded", result)
        else:
            self._queue.put(task, seconds)

    def _give_up(self, task: Task, policy: Policy, condition: str, result: InvokeResult | None) -> None:
        if policy.on_failure:
            self._tell(policy.on_failure, task, condition, result)
        if policy.dead_letter:
            status, message = ("200", _error_message(result)) if result else ("429", "Rate Exceeded.")
            attributes = {"RequestID": task["id"], "ErrorCode": status, "ErrorMessage": message[:1024] or "unknown"}
            self._send(policy.dead_letter, Parcel(task["payload"], attributes))

    def _tell(self, destination: str, task: Task, condition: str, result: InvokeResult | None) -> None:
        """Send the record of an invocation to its destination."""
        record = self._record(task, condition, result)
        if service_of(destination) != "events":
            self._send(destination, Parcel(json.dumps(record)))
            return
        from localaws.events.engine import new_event

        kind = "Success" if condition == "Success" else "Failure"
        resources = [record["requestContext"]["functionArn"], destination]
        event = new_event("lambda", f"Lambda Function Invocation Result - {kind}", record, resources)
        engine: Any = self._world.engines["events"]
        engine.put_on(bus_name(destination), event)

    def _send(self, arn: str, parcel: Parcel) -> None:
        try:
            self._courier.send(arn, parcel)
        except Undelivered as error:
            logger.error("the result of an event is lost, %s failed: %s: %s", arn, error.code, error.message)

    def _record(self, task: Task, condition: str, result: InvokeResult | None) -> dict[str, Any]:
        context: dict[str, Any] = {
            "requestId": task["id"],
            "functionArn": self._arn(task["name"], task["qualifier"] or "$LATEST"),
            "condition": condition,
            "approximateInvokeCount": task["attempts"],
        }
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": context,
            "requestPayload": json.loads(task["payload"]),
        }
        if result is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": result.version}
            if result.function_error:
                record["responseContext"]["functionError"] = result.function_error
            record["responsePayload"] = as_json(result.payload)
        return record


def _waits() -> tuple[float, ...]:
    given = os.environ.get("LOCALAWS_LAMBDA_RETRY_SECONDS")
    waits = tuple(float(each) for each in given.split(",")) if given else _RETRY_SECONDS
    return (*waits, waits[-1])


def as_json(payload: bytes) -> Any:
    """A function's answer as a value; the text itself where it is not JSON."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


def _error_message(result: InvokeResult) -> str:
    answer = as_json(result.payload)
    return str(answer.get("errorMessage", "")) if isinstance(answer, dict) else ""
