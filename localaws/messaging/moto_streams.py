"""Kinesis streams in moto, read in process; its walks over all records of a shard made quick, what it drops kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localaws.core import ACCOUNT_ID, REGION

_done = False


@dataclass(frozen=True)
class StreamRecord:
    """A record of a shard; data is base64, arrived in seconds since 1970."""

    sequence: int
    partition_key: str
    data: str
    arrived: float


class Stream:
    """The stream of an ARN, if there is one now."""

    def __init__(self, arn: str) -> None:
        install()
        self._arn = arn

    def exists(self) -> bool:
        """Whether there is such a stream."""
        return self._found() is not None

    def shards(self) -> dict[str, str]:
        """By shard id: what tells this shard from another of the same name in a stream that was made anew."""
        stream = self._found()
        if stream is None:
            return {}
        made = stream.creation_datetime.isoformat()
        return {identifier: f"{made}/{identifier}" for identifier in list(stream.shards)}

    def last(self, shard: str) -> int:
        """The sequence number of a shard's last record, 0 where it has none."""
        stream = self._found()
        return int(stream.shards[shard].get_max_sequence_number()) if stream else 0

    def read(self, shard: str, after: int, limit: int) -> list[StreamRecord]:
        """At most limit records that follow a sequence number."""
        stream = self._found()
        held = stream.shards.get(shard) if stream else None
        if held is None:
            return []
        return [
            StreamRecord(record.sequence_number, record.partition_key, record.data, record.created_at)
            for record in _following(held.records, after, limit)
        ]

    def at_time(self, shard: str, moment: float) -> int:
        """The sequence number after which records came at or later than a moment."""
        records = self.read(shard, 0, 1 << 40)
        return max((record.sequence for record in records if record.arrived < moment), default=0)

    def _found(self) -> Any:
        from moto.kinesis.models import kinesis_backends

        backend = kinesis_backends[ACCOUNT_ID][self._arn.split(":")[3] or REGION]
        return backend.streams.get(self._arn.rpartition("/")[2])


def _following(records: dict[int, Any], after: int, limit: int) -> Iterator[Any]:
    """The records one by one: moto numbers a shard's records 1, 2, 3 and so on."""
    for sequence in range(after + 1, after + 1 + limit):
        record = records.get(sequence)
        if record is None:
            return
        yield record


def install() -> None:
    """Change moto's classes; again: nothing."""
    global _done
    if _done:
        return
    _done = True
    from moto.kinesis.models import Shard
    from moto.kinesis.responses import KinesisResponse

    create = KinesisResponse.create_stream

    def create_stream(self: Any) -> Any:
        answer = create(self)
        if tags := self._get_param("Tags"):  # which moto drops
            self.kinesis_backend.add_tags_to_stream(None, self._get_param("StreamName"), tags)
        return answer

    KinesisResponse.create_stream = create_stream
    Shard.get_max_sequence_number = lambda self: next(reversed(self.records), 0)
    Shard.get_min_sequence_number = lambda self: next(iter(self.records), 0)

    def get_records(self: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
        found = list(_following(self.records, int(last_sequence_id), limit or 10_000))
        if not found:
            return [], int(last_sequence_id), 0
        behind = self.records[next(reversed(self.records))].created_at - found[-1].created_at
        return found, found[-1].sequence_number, int(behind * 1000)

    Shard.get_records = get_records
