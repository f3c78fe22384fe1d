"""Send live events to a Firehose stream: batches that are as big as it takes, what it refuses again."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_RECORDS, _BYTES = 500, 4_000_000  # of a batch
_TRIES = 8


class NotSent(RuntimeError):
    """Records that the stream went on refusing."""


def send(firehose: Any, stream: str, events: Iterable[Mapping[str, Any]]) -> int:
    """Send the events, each as a line of JSON; how many there were. Raises NotSent where the stream refuses some."""
    records = ({"Data": json.dumps(event, separators=(",", ":")).encode() + b"\n"} for event in events)
    count = 0
    while batch := list(itertools.islice(records, _RECORDS)):
        for part in _parts(batch):
            _send(firehose, stream, part)
        count += len(batch)
    return count


def _parts(batch: Sequence[dict[str, bytes]]) -> list[list[dict[str, bytes]]]:
    """The batch in parts that are not too big."""
    parts: list[list[dict[str, bytes]]] = [[]]
    size = 0
    for record in batch:
        if parts[-1] and size + len(record["Data"]) > _BYTES:
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += len(record["Data"])
    return parts


def _send(firehose: Any, stream: str, records: Sequence[dict[str, bytes]]) -> None:
    answer: dict[str, Any] = {}
    for attempt in range(_TRIES):
        answer = firehose.put_record_batch(DeliveryStreamName=stream, Records=records)
        if not answer["FailedPutCount"]:
            return
        told = zip(records, answer["RequestResponses"], strict=True)
        records = [record for record, response in told if "ErrorCode" in response]
        time.sleep(min(0.1 * 2**attempt, 5))
    problem = next(response for response in answer["RequestResponses"] if "ErrorCode" in response)
    raise NotSent(
        f"{stream} refuses {len(records)} records, the first with {problem['ErrorCode']}: "
        f"{problem.get('ErrorMessage')}; send them again later"
    )
