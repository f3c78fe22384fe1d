"""Asynchronous invocations: a queue in memory, retries, then the destination or dead-letter queue."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localaws.core import REGION, AwsError
from localaws.lambda_.invoker import InvokeResult

_WORKERS = 8
_RETRY_SECONDS = (1.0, 2.0)  # AWS waits one and two minutes
_THROTTLED_SECONDS = 1.0
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 21_600

logger = logging.getLogger(__name__)


@dataclass(order=True)
class Event:
    """An event that waits for its turn: ordered by when it is due (``time.monotonic``)."""

    due: float
    order: int
    name: str = field(compare=False)
    qualifier: str | None = field(compare=False)
    payload: bytes = field(compare=False)
    request_id: str = field(compare=False)
    client_context: str | None = field(compare=False, default=None)
    accepted: float = field(compare=False, default_factory=time.monotonic)
    attempts: int = field(compare=False, default=0)


@dataclass(frozen=True)
class Policy:
    """What becomes of a function's events: its event invoke configuration and dead-letter target."""

    retries: int = DEFAULT_RETRIES
    age_seconds: int = DEFAULT_AGE_SECONDS
    on_failure: str | None = None
    on_success: str | None = None
    dead_letter: str | None = None


class EventQueue:
    """Runs queued events on a few threads, as soon as they are due.

    run: invokes once (name, qualifier, payload, request id, client context) and may raise AwsError.
    policy: the function's policy by name and qualifier.
    """

    def __init__(
        self,
        endpoint: str,
        run: Callable[[str, str | None, bytes, str, str | None], InvokeResult],
        policy: Callable[[str, str | None], Policy],
        arn: Callable[[str, str | None], str],
    ) -> None:
        self._endpoint = endpoint
        self._run = run
        self._policy = policy
        self._arn = arn
        self._order = itertools.count()
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def put(
        self, name: str, qualifier: str | None, payload: bytes, request_id: str, client_context: str | None = None
    ) -> None:
        """Queue an event, due at once."""
        self._push(Event(time.monotonic(), next(self._order), name, qualifier, payload, request_id, client_context))
        with self._changed:
            if len(self._threads) < _WORKERS:
                thread = threading.Thread(target=self._work, name="lambda-events", daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Start no event any more; those that wait are dropped, and one that runs is not tried again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """After ``close``: wait for the events that run, which should be stopped before."""
        for thread in self._threads:
            thread.join(2)

    def _push(self, event: Event) -> None:
        with self._changed:
            heapq.heappush(self._events, event)
            self._changed.notify()

    def _next(self) -> Event | None:
        with self._changed:
            while not self._closed:
                wait = self._events[0].due - time.monotonic() if self._events else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._events)
                self._changed.wait(wait)
        return None

    def _work(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._attempt(event)
            except Exception:
                logger.exception("the event %s for function %s is lost", event.request_id, event.name)

    def _attempt(self, event: Event) -> None:
        try:
            result = self._run(event.name, event.qualifier, event.payload, event.request_id, event.client_context)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":  # deleted meanwhile: AWS drops its events too
                return
            if error.code != "TooManyRequestsException":
                raise
            self._retry_later(event, _THROTTLED_SECONDS, None)
            return
        if self._closed:
            return
        event.attempts += 1
        policy = self._policy(event.name, event.qualifier)
        if result.function_error is None:
            if policy.on_success:
                self._send(policy.on_success, self._record(event, "Success", result))
        elif event.attempts > policy.retries:
            self._give_up(event, policy, "RetriesExhausted", result)
        else:
            self._retry_later(event, _RETRY_SECONDS[event.attempts - 1], result)

    def _retry_later(self, event: Event, seconds: float, result: InvokeResult | None) -> None:
        policy = self._policy(event.name, event.qualifier)
        event.due = time.monotonic() + seconds
        if event.due - event.accepted > policy.age_seconds:
            self._give_up(event, policy, "EventAgeExceeded", result)
        else:
            self._push(event)

    def _give_up(self, event: Event, policy: Policy, condition: str, result: InvokeResult | None) -> None:
        if policy.on_failure:
            self._send(policy.on_failure, self._record(event, condition, result))
        if policy.dead_letter:
            message = _error_message(result)
            attributes = {"RequestID": event.request_id, "ErrorCode": "200", "ErrorMessage": message[:1024]}
            self._send(policy.dead_letter, event.payload.decode(), attributes)

    def _record(self, event: Event, condition: str, result: InvokeResult | None) -> str:
        context: dict[str, Any] = {
            "requestId": event.request_id,
            "functionArn": self._arn(event.name, event.qualifier or "$LATEST"),
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        }
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": context,
            "requestPayload": json.loads(event.payload),
        }
        if result is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": result.version}
            if result.function_error:
                record["responseContext"]["functionError"] = result.function_error
            record["responsePayload"] = _as_json(result.payload)
        return json.dumps(record)

    def _send(self, arn: str, message: str, attributes: Mapping[str, str] | None = None) -> None:
        """Deliver by the API, as any client would. SQS attributes and SNS attributes have one shape."""
        import boto3

        service, name = arn.split(":")[2], arn.rsplit(":", 1)[1]
        credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        client = boto3.client(service, endpoint_url=self._endpoint, region_name=REGION, **credentials)
        typed = {key: {"DataType": "String", "StringValue": value} for key, value in (attributes or {}).items()}
        if service == "sqs":
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
            client.send_message(QueueUrl=url, MessageBody=message, MessageAttributes=typed)
        elif service == "sns":
            client.publish(TopicArn=arn, Message=message, MessageAttributes=typed)
        else:
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=message)


def _as_json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


def _error_message(result: InvokeResult | None) -> str:
    answer = _as_json(result.payload) if result is not None else None
    return str(answer.get("errorMessage", "")) if isinstance(answer, dict) else ""
