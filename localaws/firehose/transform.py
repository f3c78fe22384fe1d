"""The Lambda of a stream: records go to it in batches and come back Ok, Dropped or ProcessingFailed."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localaws.core import REGION, AwsError, World
from localaws.firehose.processors import Processing
from localaws.firehose.records import Failure, Record, processing_failed

MOST_RECORDS = 500
WAIT_SECONDS = (0.2, 0.5, 1.0)  # between attempts; the last one repeats
_MISSING = (
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.",
)
_DUPLICATED = (
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record ID. Ensure that the Lambda function returns unique record IDs "
    "for each record.",
)
_BAD_ANSWER = (
    "Lambda.JsonProcessingException",
    "There was an error parsing returned records from the Lambda function. Ensure that the returned records follow the "
    "status model required by Amazon Data Firehose.",
)
_FAILED = ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")


class _CallFailed(Exception):
    """An invocation failed as a whole: error code and message."""


class Transform:
    """Sends records through a function. ``closed`` ends its waiting between attempts."""

    def __init__(self, world: World, stream_arn: str, source_arn: str | None, closed: threading.Event) -> None:
        self._world = world
        self._stream_arn = stream_arn
        self._source_arn = source_arn
        self._closed = closed

    def run(self, processing: Processing, records: Sequence[Record]) -> Iterator[Record | Failure]:
        """What becomes of the records; those that the function drops are left out."""
        for batch in _batches(records, processing.batch_bytes):
            yield from self._batch(processing, batch)

    def _batch(self, processing: Processing, batch: Sequence[Record]) -> Iterator[Record | Failure]:
        assert processing.function is not None
        arn = processing.function["LambdaArn"]
        attempts = 0
        while True:
            attempts += 1
            try:
                answers = self._call(arn, batch)
                break
            except _CallFailed as failure:
                if attempts > processing.retries:
                    code, message = failure.args
                    yield from (processing_failed(one, code, message, attempts, lambdaArn=arn) for one in batch)
                    return
                self._closed.wait(WAIT_SECONDS[min(attempts, len(WAIT_SECONDS)) - 1])
                if self._closed.is_set():
                    raise InterruptedError from failure
        counts = Counter(answer["recordId"] for answer in answers)
        by_id = {answer["recordId"]: answer for answer in answers}
        for record in batch:
            problem = _DUPLICATED if counts[record.id] > 1 else None if record.id in by_id else _MISSING
            outcome = problem or _outcome(record, by_id[record.id])
            if isinstance(outcome, tuple):
                yield processing_failed(record, *outcome, attempts, lambdaArn=arn)
            elif outcome is not None:
                yield outcome

    def _call(self, arn: str, batch: Sequence[Record]) -> list[Mapping[str, Any]]:
        event: dict[str, Any] = {
            "invocationId": str(uuid.uuid4()),
            "deliveryStreamArn": self._stream_arn,
            "region": REGION,
            "records": [_sent(record) for record in batch],
        }
        if self._source_arn:
            event["sourceKinesisStreamArn"] = self._source_arn
        engine: Any = self._world.engines["lambda"]
        try:
            result = engine.invoke(arn, json.dumps(event).encode())
        except AwsError as error:
            if error.code == "TooManyRequestsException":
                raise _CallFailed("Lambda.InvokeLimitExceeded", error.message) from error
            raise _CallFailed(f"Lambda.{error.code.removesuffix('Exception')}", error.message) from error
        if result.function_error:
            message = "The Lambda function was successfully invoked but it returned an error result."
            raise _CallFailed("Lambda.FunctionError", message)
        try:
            answers = json.loads(result.payload)["records"]
            if not all(isinstance(answer["recordId"], str) for answer in answers):
                raise TypeError
        except (ValueError, TypeError, KeyError) as error:
            raise _CallFailed(*_BAD_ANSWER) from error
        return list(answers)


def _sent(record: Record) -> dict[str, Any]:
    sent = {
        "recordId": record.id,
        "approximateArrivalTimestamp": record.arrival,
        "data": base64.b64encode(record.data).decode(),
    }
    return {**sent, "kinesisRecordMetadata": record.origin} if record.origin else sent


def _outcome(record: Record, answer: Mapping[str, Any]) -> Record | tuple[str, str] | None:
    """The record as the function made it, None if dropped, or an error's code and message."""
    result = answer.get("result")
    if result == "Dropped":
        return None
    if result == "ProcessingFailed":
        return _FAILED
    if result != "Ok":
        return _BAD_ANSWER
    try:
        data = base64.b64decode(answer["data"], validate=True)
        keys = (answer.get("metadata") or {}).get("partitionKeys") or {}
        found = {str(key): str(value) for key, value in keys.items() if value not in (None, "")}
    except (KeyError, ValueError, TypeError, AttributeError):
        return _BAD_ANSWER
    return Record(record.id, record.arrival, data, record.origin, {**record.keys, "lambda": found})


def _batches(records: Sequence[Record], most_bytes: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and (size + len(record.data) > most_bytes or len(batch) >= MOST_RECORDS):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.data)
    if batch:
        yield batch
