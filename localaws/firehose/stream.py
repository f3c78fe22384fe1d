"""A running delivery stream: its buffer, its source, and the thread that delivers when the buffer is full or old."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.core import AwsError, World
from localaws.firehose.buffer import Buffer
from localaws.firehose.conversion import SchemaProblem
from localaws.firehose.delivery import Deliverer, Outcome
from localaws.firehose.kinesis_source import KinesisSource
from localaws.firehose.records import now_ms
from localaws.firehose.settings import Settings
from localaws.firehose.transform import Transform
from localaws.lambda_.logs import LogWriter

Json = dict[str, Any]

MOST_WAITING = 1 << 30  # bytes of a stream that wait at most; more is refused until they are delivered
RETRY_SECONDS = (1, 2, 5, 10, 30, 60)

log = logging.getLogger(__name__)


class Stream:
    """One stream. ``document`` is what is kept of it: name, ARN, type, version, times, source, destination, tags."""

    def __init__(
        self,
        world: World,
        folder: Path,
        document: Json,
        kinesis: Callable[[], Any],
        logs: LogWriter,
    ) -> None:
        self.document = document
        self.settings = Settings(document["Destination"], lambda bucket: True)
        self._world = world
        self._folder = folder
        self._logs = logs
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._failures = 0
        self._incoming = [0, 0]
        folder.mkdir(parents=True, exist_ok=True)
        self._buffer = Buffer(folder / "buffer.sqlite")
        source = document.get("Source")
        transform = Transform(world, document["Arn"], source and source["KinesisStreamARN"], self._closed)
        self._deliverer = Deliverer(world, document["Name"], transform)
        self._source: KinesisSource | None = None
        if source:
            since = datetime.fromtimestamp(source["Since"], UTC)
            self._source = KinesisSource(
                kinesis(), source["KinesisStreamARN"], since, self._buffer, self._has_room, self._wake
            )
        self._thread = threading.Thread(target=self._work, name=f"firehose-{document['Name']}", daemon=True)

    def start(self) -> None:
        """Save the stream, and begin to read and to deliver."""
        self.save()
        self._thread.start()
        if self._source:
            self._source.start()

    def save(self) -> None:
        """Write the document whole."""
        fresh = self._folder / "stream.new"
        fresh.write_text(json.dumps(self.document))
        fresh.replace(self._folder / "stream.json")

    def change(self, settings: Settings) -> None:
        """Deliver by other settings from the next delivery on."""
        with self._changed:
            self.settings = settings
            self.document["Destination"] = settings.given
            self.document["VersionId"] = str(int(self.document["VersionId"]) + 1)
            self.document["Updated"] = datetime.now(UTC).timestamp()
            self.save()
            self._failures = 0
            self._changed.notify_all()

    def put(self, records: Sequence[bytes]) -> list[str | None]:
        """Keep records until they are delivered: their ids, None for each that finds no room."""
        room = MOST_WAITING - self._buffer.bytes
        taken: list[bytes] = []
        for data in records:
            if len(data) > room:
                break
            room -= len(data)
            taken.append(data)
        arrival = now_ms()
        ids: list[str | None] = [*self._buffer.append([(arrival, data, None) for data in taken])]
        self._incoming[0] += len(taken)
        self._incoming[1] += sum(map(len, taken))
        self._wake()
        return ids + [None] * (len(records) - len(taken))

    def close(self) -> None:
        """Stop; what was not delivered stays on disk."""
        self._closed.set()
        if self._source:
            self._source.close()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(10)
        self._buffer.close()

    def delete(self) -> None:
        """Stop and forget all."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_room(self) -> bool:
        return self._buffer.bytes < MOST_WAITING

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _wait_seconds(self) -> float | None:
        """Until the next delivery is due; None while nothing waits."""
        if not self._buffer.count:
            return None
        if self._buffer.bytes >= self.settings.size or self._buffer.open_delivery():
            return 0
        return ((self._buffer.oldest or 0) - now_ms()) / 1000 + self.settings.seconds

    def _work(self) -> None:
        while not self._closed.is_set():
            with self._changed:
                wait = self._wait_seconds()
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                settings, version = self.settings, str(self.document["VersionId"])
            try:
                self._deliver(settings, version)
                self._failures = 0
            except InterruptedError:
                return
            except Exception as error:
                self._failed(settings, error)

    def _deliver(self, settings: Settings, version: str) -> None:
        delivery = self._buffer.begin(settings.size)
        if delivery is None:
            return
        outcome = self._deliverer.deliver(delivery, settings, version)
        oldest = min(one.arrival for one in delivery.records)
        self._buffer.end(delivery)
        try:
            self._publish(outcome, oldest)
        except Exception:
            # It was delivered: that the metrics are missing must not make it look failed.
            log.exception("the metrics of %s are lost", self.document["Name"])

    def _failed(self, settings: Settings, error: Exception) -> None:
        """Log, and wait before the next attempt: the records stay until they are delivered."""
        if self._closed.is_set():
            return
        wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        if isinstance(error, AwsError):
            code, message = f"S3.{error.code}", error.message
        elif isinstance(error, SchemaProblem):
            code, message = "DataFormatConversion.InvalidSchema", str(error)
        else:
            code, message = "InternalError", f"{type(error).__name__}: {error}"
            log.exception("a delivery of %s failed; it is tried again", self.document["Name"])
        log.warning("%s: %s: %s Tried again in %s s.", self.document["Name"], code, message, wait)
        options = settings.given["CloudWatchLoggingOptions"]
        if options.get("Enabled") and options.get("LogGroupName"):
            line = {
                "deliveryStreamARN": self.document["Arn"],
                "destination": settings.given["BucketARN"],
                "deliveryStreamVersionId": int(self.document["VersionId"]),
                "message": message,
                "errorCode": code,
            }
            stream = options.get("LogStreamName") or "DestinationDelivery"
            self._logs.write(options["LogGroupName"], stream, [json.dumps(line)])
        with self._changed:
            version = self.document["VersionId"]
            self._changed.wait_for(lambda: self._closed.is_set() or self.document["VersionId"] != version, timeout=wait)

    def _publish(self, outcome: Outcome, oldest: int) -> None:
        """Firehose's metrics of a delivery, to CloudWatch."""
        (records, size), self._incoming = self._incoming, [0, 0]
        values = {
            "IncomingRecords": (records, "Count"),
            "IncomingBytes": (size, "Bytes"),
            "DeliveryToS3.Records": (outcome.records, "Count"),
            "DeliveryToS3.Bytes": (outcome.bytes, "Bytes"),
            "DeliveryToS3.ObjectCount": (outcome.objects, "Count"),
            "DeliveryToS3.Success": (1, "Count"),
            "DeliveryToS3.DataFreshness": ((now_ms() - oldest) / 1000, "Seconds"),
        }
        metrics: Any = self._world.engines["cloudwatch"]
        for name, (value, unit) in values.items():
            metrics.record("AWS/Firehose", name, value, unit, {"DeliveryStreamName": self.document["Name"]})
