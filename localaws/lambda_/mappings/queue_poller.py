"""From an SQS queue to a function: batches by size and window, deletion of what succeeded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.core import REGION
from localaws.lambda_.mappings.filters import compile_filters, seen_message
from localaws.lambda_.mappings.invoking import MAX_BYTES, Run, run_batch
from localaws.messaging import moto_queues

_POLLERS = 2
_MOST_POLLERS = 10
_WAIT_SECONDS = 0.25  # at most that long a stop waits for an empty queue
_MISSING_SECONDS = 1.0

log = logging.getLogger(__name__)


class QueuePoller:
    """Polls the queue of a mapping on a few threads until it is closed. told: is given the last processing result."""

    def __init__(
        self, mapping: Mapping[str, Any], function: tuple[str, str | None], run: Run, told: Callable[[str], None]
    ) -> None:
        self._arn: str = mapping["EventSourceArn"]
        self._name = self._arn.rpartition(":")[2]
        self._size: int = mapping["BatchSize"]
        self._window: int = mapping["MaximumBatchingWindowInSeconds"]
        self._report = "ReportBatchItemFailures" in mapping["FunctionResponseTypes"]
        self._wanted = compile_filters(mapping.get("FilterCriteria"))
        self._function = function
        self._run = run
        self._told = told
        self._stop = threading.Event()
        count = min(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", _POLLERS), _MOST_POLLERS)
        self._threads = [threading.Thread(target=self._poll, name="lambda-sqs", daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more batches."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the batch that runs."""
        for thread in self._threads:
            thread.join(5)

    def _poll(self) -> None:
        while not self._stop.is_set():
            try:
                batch = self._batch()
                if batch:
                    self._process(batch)
            except Exception as error:
                if type(error).__name__ == "QueueDoesNotExist":
                    self._told(f"PROBLEM: the queue {self._name} does not exist")
                else:
                    log.exception("the queue %s could not be read or its messages not be handed on", self._name)
                self._stop.wait(_MISSING_SECONDS)

    def _batch(self) -> list[Any]:
        """Messages up to the batch size, waiting for more until the window is over."""
        messages = self._receive(self._size, _WAIT_SECONDS)
        if not messages or not self._window:
            return messages
        end = time.monotonic() + self._window
        size = _bytes_of(messages)
        while len(messages) < self._size and size < MAX_BYTES and not self._stop.is_set():
            left = end - time.monotonic()
            if left <= 0:
                break
            more = self._receive(self._size - len(messages), min(left, _WAIT_SECONDS))
            messages += more
            size += _bytes_of(more)
        return messages

    def _receive(self, count: int, wait: float) -> list[Any]:
        backend = moto_queues.backend_of(self._arn)
        queue = backend.get_queue(self._name)
        found: list[Any] = backend.receive_message(self._name, min(count, 10), wait, queue.visibility_timeout, ["All"])
        return found

    def _process(self, messages: Sequence[Any]) -> None:
        by_id = {message.id: message for message in messages}
        records = {message.id: _record(message, self._arn) for message in messages}
        wanted = {key: record for key, record in records.items() if self._wanted(seen_message(record))}
        self._delete(by_id[key] for key in records.keys() - wanted.keys())
        if not wanted:
            return
        verdict = run_batch(self._run, self._function, list(wanted.values()), list(wanted), self._report)
        self._told(verdict.problem or "OK")
        if verdict.failed is None:
            return  # they become visible again when their time is over
        self._delete(by_id[key] for key in wanted.keys() - verdict.failed)

    def _delete(self, messages: Any) -> None:
        backend = moto_queues.backend_of(self._arn)
        for message in messages:
            backend.delete_message(self._name, message.receipt_handle)


def _bytes_of(messages: Sequence[Any]) -> int:
    return sum(len(message.body) for message in messages)


def _record(message: Any, arn: str) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    if message.group_id is not None:
        attributes["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None and arn.endswith(".fifo"):
        attributes["MessageDeduplicationId"] = message.deduplication_id
    if message.sequence_number is not None:
        attributes["SequenceNumber"] = message.sequence_number
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(given) for name, given in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


def _attribute(given: Mapping[str, Any]) -> dict[str, Any]:
    import base64

    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": given["DataType"]}
    if given.get("BinaryValue"):
        value = given["BinaryValue"]
        shown["binaryValue"] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    else:
        shown["stringValue"] = given.get("StringValue")
    return shown
