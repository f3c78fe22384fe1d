"""A Kinesis data stream as the source: its records go into the buffer together with how far each shard was read.

A stream that was made anew under its name, as after a restart, numbers its records from the beginning, so how far a
shard was read is kept together with when its stream was made.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.firehose.buffer import Buffer

POLL_SECONDS = 0.25
SHARDS_EVERY = 20  # polls between two looks for new shards
BATCH = 1000

log = logging.getLogger(__name__)


class KinesisSource:
    """Reads all shards of a stream from a moment on, in a thread of its own; ``arrived`` is called after each read.

    ready says whether the buffer has room: what it has not waits in Kinesis.
    """

    def __init__(
        self,
        client: Any,
        arn: str,
        since: datetime,
        buffer: Buffer,
        ready: Callable[[], bool],
        arrived: Callable[[], None],
    ) -> None:
        self._client = client
        self._arn = arn
        self._since = since
        self._since_ms = int(since.timestamp() * 1000)  # AT_TIMESTAMP is sent in whole seconds
        self._buffer = buffer
        self._ready = ready
        self._arrived = arrived
        self._iterators: dict[str, str | None] = {}  # by shard as checkpoints name it: <stream made at>/<shard id>
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"firehose-source-{arn.rpartition('/')[2]}", daemon=True
        )

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _work(self) -> None:
        polls = 0
        failing = False
        while not self._closed.wait(POLL_SECONDS):
            try:
                if polls % SHARDS_EVERY == 0:
                    self._find_shards()
                for shard in [name for name, iterator in self._iterators.items() if iterator]:
                    self._read(shard)
                polls += 1
                failing = False
            except Exception as error:
                if self._closed.is_set():
                    return
                if not failing:
                    log.warning("%s cannot be read, it is tried again: %s", self._arn, error)
                failing = True
                polls = 0
                self._iterators.clear()
                self._closed.wait(1)

    def _find_shards(self) -> None:
        """Begin with the shards that are new, and leave those of a stream that is there no more."""
        read = self._buffer.checkpoints()
        name = self._arn.rpartition("/")[2]
        summary = self._client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        made = summary["StreamCreationTimestamp"].astimezone(UTC).isoformat()
        known = {f"{made}/{shard['ShardId']}" for shard in self._client.list_shards(StreamName=name)["Shards"]}
        for gone in self._iterators.keys() - known:
            del self._iterators[gone]
        for shard in sorted(known - self._iterators.keys()):
            start: dict[str, Any]
            if shard in read:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": read[shard]}
            else:
                start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._since}
            given = self._client.get_shard_iterator(StreamName=name, ShardId=shard.rpartition("/")[2], **start)
            self._iterators[shard] = given["ShardIterator"]

    def _read(self, shard: str) -> None:
        while self._ready() and not self._closed.is_set():
            answer = self._client.get_records(ShardIterator=self._iterators[shard], Limit=BATCH)
            records = answer["Records"]
            if records:
                found = (_row(shard.rpartition("/")[2], record) for record in records)
                rows = [row for row in found if row[0] >= self._since_ms]
                self._buffer.append(rows, {shard: records[-1]["SequenceNumber"]})
                self._arrived()
            self._iterators[shard] = answer.get("NextShardIterator")
            if len(records) < BATCH:
                return


def _row(shard: str, record: Mapping[str, Any]) -> tuple[int, bytes, Mapping[str, Any]]:
    arrival = int(record.get("ApproximateArrivalTimestamp", datetime.now(UTC)).timestamp() * 1000)
    origin = {
        "sequenceNumber": record["SequenceNumber"],
        "subsequenceNumber": 0,
        "partitionKey": record["PartitionKey"],
        "shardId": shard,
        "approximateArrivalTimestamp": arrival,
    }
    return arrival, record["Data"], origin
