"""A record on its way through a stream, and the failure that sends it to the error prefix."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def now_ms() -> int:
    """This moment, in milliseconds since 1970."""
    return int(time.time() * 1000)


@dataclass
class Record:
    """One record: id is unique in its stream, arrival in milliseconds; origin describes a Kinesis record, or is None.

    keys are the partition keys that were found so far, by their namespace: ``query`` and ``lambda``.
    """

    id: str
    arrival: int
    data: bytes
    origin: Mapping[str, Any] | None = None
    keys: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A record that could not be processed: ``kind`` is Firehose's error output type, ``line`` its JSON document."""

    kind: str
    arrival: int
    line: bytes


def processing_failed(record: Record, code: str, message: str, attempts: int = 1, **extra: str) -> Failure:
    """The document of a record that its processing refused."""
    document = {
        "attemptsMade": attempts,
        "arrivalTimestamp": record.arrival,
        "errorCode": code,
        "errorMessage": message,
        "attemptEndingTimestamp": now_ms(),
        "rawData": base64.b64encode(record.data).decode(),
        **extra,
    }
    return Failure("processing-failed", record.arrival, _line(document))


def conversion_failed(record: Record, code: str, message: str, table: Mapping[str, str]) -> Failure:
    """The document of a record that could not be converted to the table's format."""
    document = {
        "attemptsMade": 1,
        "arrivalTimestamp": record.arrival,
        "lastErrorCode": code,
        "lastErrorMessage": message,
        "attemptEndingTimestamp": now_ms(),
        "rawData": base64.b64encode(record.data).decode(),
        "sequenceNumber": str((record.origin or {}).get("sequenceNumber", record.id)),
        "subSequenceNumber": 0,
        "dataCatalogTable": dict(table),
    }
    return Failure("format-conversion-failed", record.arrival, _line(document))


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
