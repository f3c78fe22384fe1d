"""One delivery: buffered records through the processors to objects in S3.

Names and prefixes depend on the delivery's name and its records only, so that a delivery that is done again after a
crash writes over what it wrote before.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localaws.core import World
from localaws.firehose import prefixes
from localaws.firehose.buffer import Delivery
from localaws.firehose.compression import EXTENSIONS, compress
from localaws.firehose.conversion import Conversion
from localaws.firehose.records import Failure, Record, processing_failed
from localaws.firehose.settings import Settings
from localaws.firehose.transform import Transform

MOST_PARTITIONS = 500
CONTENT_TYPE = "application/octet-stream"
Keys = tuple[tuple[str, str, str], ...]


@dataclass
class Outcome:
    """What a delivery did: objects by their number and bytes, records delivered, and failures by kind."""

    objects: int = 0
    bytes: int = 0
    records: int = 0
    failures: list[Failure] = field(default_factory=list)


class Deliverer:
    """Carries out the deliveries of one stream; errors of S3 and SchemaProblem leave it, and nothing is lost."""

    def __init__(self, world: World, name: str, transform: Transform) -> None:
        self._world = world
        self._name = name
        self._transform = transform

    def deliver(self, delivery: Delivery, settings: Settings, version: str) -> Outcome:
        """Process the records and put their objects."""
        work = _Work(self._world, self._name, delivery, version)
        if settings.backup is not None:
            work.put_backup(settings.backup)
        good = work.kept(settings.processing.split(delivery.records))
        if settings.processing.function is not None:
            good = work.kept(self._transform.run(settings.processing, good))
        good = work.kept(settings.processing.extract(good))
        for keys, records in work.partitions(settings, good).items():
            work.put_records(settings, keys, records)
        work.put_failures(settings)
        return work.outcome


class _Work:
    """A delivery that runs."""

    def __init__(self, world: World, name: str, delivery: Delivery, version: str) -> None:
        self._world = world
        self._stream = name
        self._delivery = delivery
        self._version = version
        self.outcome = Outcome()

    def kept(self, results: Iterable[Record | Failure]) -> list[Record]:
        """The records; the failures are put aside."""
        records = []
        for one in results:
            if isinstance(one, Record):
                records.append(one)
            else:
                self.outcome.failures.append(one)
        return records

    def partitions(self, settings: Settings, records: Iterable[Record]) -> dict[Keys, list[Record]]:
        """The records by those partition keys that the prefix uses."""
        used = [
            (source, key)
            for source in ("query", "lambda")
            for key in sorted(prefixes.keys_used(settings.prefix, source))
        ]
        found: dict[Keys, list[Record]] = {}
        for record in records:
            keys = tuple((source, key, record.keys.get(source, {}).get(key, "")) for source, key in used)
            if not all(value for _, _, value in keys):
                message = "partitionKeys values must not be null or empty"
                code = "DynamicPartitioning.MetadataExtractionFailed"
                self.outcome.failures.append(processing_failed(record, code, message))
            elif keys not in found and len(found) >= MOST_PARTITIONS:
                code = "DynamicPartitioning.ActivePartitionsLimitExceeded"
                message = f"The number of active partitions exceeds the limit of {MOST_PARTITIONS}."
                self.outcome.failures.append(processing_failed(record, code, message))
            else:
                found.setdefault(keys, []).append(record)
        return found

    def put_records(self, settings: Settings, keys: Keys, records: list[Record]) -> None:
        """Put the object of one partition."""
        by_source: dict[str, dict[str, str]] = {}
        for source, key, value in keys:
            by_source.setdefault(source, {})[key] = value
        at = _oldest(records, settings)
        draw = random.Random(f"{self._delivery.name}{keys}")
        try:
            prefix = prefixes.evaluate(settings.prefix, prefixes.Context(at, draw, by_source))
        except prefixes.PrefixError as error:
            code = "DynamicPartitioning.S3PrefixEvaluationFailed"
            self.outcome.failures += [processing_failed(one, code, str(error)) for one in records]
            return
        name = self._object_name(at, f"{prefix}{keys}")
        if settings.conversion is not None:
            self._put_parquet(settings, f"{prefix}{name}{settings.extension}", records)
            return
        mark = settings.processing.delimiter if settings.processing.appends else b""
        body = b"".join(part for one in records for part in (one.data, mark))
        key = f"{prefix}{name}{settings.extension}"
        self._put(settings.bucket, key, compress(body, settings.compression, name))
        self.outcome.records += len(records)

    def put_backup(self, settings: Settings) -> None:
        """Put the records as they came."""
        records = self._delivery.records
        at = _oldest(records, settings)
        prefix = prefixes.evaluate(settings.prefix, prefixes.Context(at, random.Random(self._delivery.name), {}))
        name = self._object_name(at, "backup")
        body = compress(b"".join(one.data for one in records), settings.compression, name)
        self._put(settings.bucket, f"{prefix}{name}{settings.extension}", body)

    def put_failures(self, settings: Settings) -> None:
        """Put one object for each kind of failure."""
        for kind in sorted({one.kind for one in self.outcome.failures}):
            failures = [one for one in self.outcome.failures if one.kind == kind]
            at = _time(min(one.arrival for one in failures), settings)
            context = prefixes.Context(at, random.Random(f"{self._delivery.name}{kind}"), {}, kind)
            prefix = prefixes.evaluate_error(settings.prefix, settings.error_prefix, context)
            name = self._object_name(at, kind)
            body = compress(b"".join(one.line for one in failures), settings.compression, name)
            self._put(settings.bucket, f"{prefix}{name}{EXTENSIONS[settings.compression]}", body)

    def _put_parquet(self, settings: Settings, key: str, records: list[Record]) -> None:
        assert settings.conversion is not None
        conversion = Conversion(settings.conversion, self._world.catalog)
        rows: list[list[Any]] = []
        for record in records:
            converted = conversion.rows(record)
            if isinstance(converted, Failure):
                self.outcome.failures.append(converted)
            else:
                rows += converted
                self.outcome.records += 1
        if rows:
            file = self._world.store.temporary()
            try:
                conversion.write(rows, file)
                size = file.stat().st_size
                self._world.store.put(settings.bucket, key, file, content_type=CONTENT_TYPE)
            finally:
                file.unlink(missing_ok=True)
            self._count(size)

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        self._world.store.put(bucket, key, body, content_type=CONTENT_TYPE)
        self._count(len(body))

    def _count(self, size: int) -> None:
        self.outcome.objects += 1
        self.outcome.bytes += size

    def _object_name(self, at: datetime, what: str) -> str:
        """``stream-version-time-random`` as Firehose names objects."""
        unique = uuid.uuid5(uuid.UUID(self._delivery.name), what)
        return f"{self._stream}-{self._version}-{at:%Y-%m-%d-%H-%M-%S}-{unique}"


def _oldest(records: Iterable[Record], settings: Settings) -> datetime:
    return _time(min(one.arrival for one in records), settings)


def _time(milliseconds: int, settings: Settings) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(settings.zone)
