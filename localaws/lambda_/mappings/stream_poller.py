"""From a Kinesis stream to a function: each shard in order, retries, bisecting, and a place for what never succeeds."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.core import REGION
from localaws.lambda_.mappings.filters import compile_filters, seen_stream_record
from localaws.lambda_.mappings.invoking import MAX_BYTES, Run, Verdict, run_batch
from localaws.messaging.courier import Courier, Parcel, Undelivered
from localaws.messaging.moto_streams import Stream, StreamRecord

_IDLE_SECONDS = 0.05
_SHARDS_SECONDS = 0.5
_LONGEST_PAUSE = 30.0

log = logging.getLogger(__name__)


class StreamPoller:
    """Reads the shards of a mapping's stream, a thread each, until it is closed.

    positions: by shard, the last sequence number that is done with; kept by the caller from one poller to the next.
    Waits between tries double from LOCALAWS_LAMBDA_STREAM_RETRY_SECONDS (default 0.5).
    """

    def __init__(
        self,
        mapping: Mapping[str, Any],
        function: tuple[str, str | None],
        function_arn: str,
        run: Run,
        told: Callable[[str], None],
        positions: dict[str, int],
        courier: Courier,
    ) -> None:
        self._mapping = mapping
        self._stream = Stream(mapping["EventSourceArn"])
        self._wanted = compile_filters(mapping.get("FilterCriteria"))
        self._report = "ReportBatchItemFailures" in mapping["FunctionResponseTypes"]
        self._function = function
        self._function_arn = function_arn
        self._run = run
        self._told = told
        self._positions = positions
        self._courier = courier
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._watch, name="lambda-kinesis", daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        """Take no more batches."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the batches that run."""
        for thread in list(self._threads):
            thread.join(5)

    def _watch(self) -> None:
        """Start a thread for each shard, those that come by splits and merges too."""
        read: set[str] = set()
        while not self._stop.is_set():
            for shard, key in self._stream.shards().items():
                if key not in read:
                    read.add(key)
                    thread = threading.Thread(target=self._follow, args=(shard, key), name="lambda-shard", daemon=True)
                    self._threads.append(thread)
                    thread.start()
            self._stop.wait(_SHARDS_SECONDS)

    def _follow(self, shard: str, key: str) -> None:
        """Hand on a shard's records, in order, while the shard is there."""
        while not self._stop.is_set() and self._stream.shards().get(shard) == key:
            try:
                records = self._batch(shard, self._positions.get(key, 0))
                if not records:
                    self._stop.wait(_IDLE_SECONDS)
                elif self._hand_on(shard, records):
                    self._positions[key] = records[-1].sequence
            except Exception:
                log.exception("%s could not be read or handed on", key)
                self._stop.wait(1)

    def _batch(self, shard: str, after: int) -> list[StreamRecord]:
        """The next records, up to the batch size for each lane, waiting for more until the window is over."""
        limit = self._mapping["BatchSize"] * self._mapping["ParallelizationFactor"]
        end = time.monotonic() + self._mapping["MaximumBatchingWindowInSeconds"]
        records = self._stream.read(shard, after, limit)
        while records and len(records) < limit and time.monotonic() < end and not self._stop.is_set():
            if sum(len(record.data) for record in records) >= MAX_BYTES:
                break
            self._stop.wait(_IDLE_SECONDS)
            records = self._stream.read(shard, after, limit)
        size, count = 0, 0
        for record in records:
            size += len(record.data) + 600
            if size > MAX_BYTES and count:
                break
            count += 1
        return records[:count]

    def _hand_on(self, shard: str, records: list[StreamRecord]) -> bool:
        """Give the records to the function in lanes by partition key; False where the poller was stopped before."""
        lanes = self._mapping["ParallelizationFactor"]
        if lanes == 1:
            return self._process_all(shard, records)
        parts: list[list[StreamRecord]] = [[] for _ in range(lanes)]
        for record in records:
            parts[zlib.crc32(record.partition_key.encode()) % lanes].append(record)
        done: list[bool] = []

        def lane(part: list[StreamRecord]) -> None:
            done.append(self._process_all(shard, part))

        threads = [threading.Thread(target=lane, args=(part,), daemon=True) for part in parts if part]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(done) == len(threads) and all(done)

    def _process_all(self, shard: str, records: list[StreamRecord]) -> bool:
        size = self._mapping["BatchSize"]
        wanted = [record for record in records if self._wanted(seen_stream_record(self._shown(shard, record)))]
        return all(self._process(shard, wanted[at : at + size], 0) for at in range(0, len(wanted), size))

    def _process(self, shard: str, batch: list[StreamRecord], tries: int) -> bool:
        """Have the function take a batch; True when all of it succeeded or was given up."""
        age, most = self._mapping["MaximumRecordAgeInSeconds"], self._mapping["MaximumRetryAttempts"]
        pauses = 0
        verdict: Verdict | None = None
        while batch and not self._stop.is_set():
            if age != -1 and (old := [each for each in batch if time.time() - each.arrived > age]):
                self._discard(shard, old, "RecordAgeExceeded", verdict, tries)
                batch = [each for each in batch if each not in old]
                continue
            known = [str(record.sequence) for record in batch]
            shown = [self._shown(shard, record) for record in batch]
            verdict = run_batch(self._run, self._function, shown, known, self._report)
            if self._stop.is_set() and not verdict.succeeded:
                return False  # the stop of the server may have ended it
            self._told(verdict.problem or "OK")
            if verdict.succeeded:
                return True
            if verdict.failed:
                batch = batch[min(known.index(each) for each in verdict.failed) :]
            if self._mapping["BisectBatchOnFunctionError"] and len(batch) > 1 and not verdict.throttled:
                half = len(batch) // 2
                return self._process(shard, batch[:half], tries) and self._process(shard, batch[half:], tries)
            if not verdict.throttled:
                tries += 1
            if most != -1 and tries > most:
                self._discard(shard, batch, "RetryAttemptsExhausted", verdict, tries)
                return True
            self._stop.wait(_pause(pauses))
            pauses += 1
        return not batch

    def _shown(self, shard: str, record: StreamRecord) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": str(record.sequence),
                "data": record.data,
                "approximateArrivalTimestamp": round(record.arrived, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._mapping["Role"],
            "awsRegion": REGION,
            "eventSourceARN": self._mapping["EventSourceArn"],
        }

    def _discard(
        self, shard: str, batch: Sequence[StreamRecord], condition: str, verdict: Verdict | None, tries: int
    ) -> None:
        """Give records up, and tell the destination which."""
        target = self._mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        first, last = batch[0], batch[-1]
        log.warning("%s: records %s to %s are given up: %s", shard, first.sequence, last.sequence, condition)
        if not target:
            return
        context = {
            "requestId": verdict.request_id if verdict else "",
            "functionArn": self._function_arn,
            "condition": condition,
            "approximateInvokeCount": tries,
        }
        record: dict[str, Any] = {"requestContext": context}
        if verdict and verdict.result:
            record["responseContext"] = {"statusCode": 200, "executedVersion": verdict.result.version}
            record["responseContext"]["functionError"] = verdict.result.function_error
        record |= {"version": "1.0", "timestamp": _iso(time.time())}
        record["KinesisBatchInfo"] = {
            "shardId": shard,
            "startSequenceNumber": str(first.sequence),
            "endSequenceNumber": str(last.sequence),
            "approximateArrivalOfFirstRecord": _iso(first.arrived),
            "approximateArrivalOfLastRecord": _iso(last.arrived),
            "batchSize": len(batch),
            "streamArn": self._mapping["EventSourceArn"],
        }
        try:
            self._courier.send(target, Parcel(json.dumps(record)))
        except Undelivered as error:
            log.error("%s was not told of records that were given up: %s", target, error.message)


def _pause(tries: int) -> float:
    first = float(os.environ.get("LOCALAWS_LAMBDA_STREAM_RETRY_SECONDS", "0.5"))
    doubled: float = first * 2.0 ** min(tries, 10)
    return min(_LONGEST_PAUSE, doubled)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
