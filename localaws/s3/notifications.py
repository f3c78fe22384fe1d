"""Bucket notifications: which object events go where, and their delivery, in order, by a thread of its own."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, World
from localaws.lambda_.permissions import Sender
from localaws.messaging import moto_queues
from localaws.messaging.courier import Courier, Parcel, Undelivered
from localaws.s3.event_shapes import ObjectEvent, happened, iso
from localaws.s3.objects import ObjectInfo

SETTING = "notification"
BRIDGE = "eventbridge"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """Events of some keys to one target; kind is lambda, sqs or sns, events are such as ``s3:ObjectCreated:*``."""

    id: str
    kind: str
    arn: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def matches(self, event: str, key: str) -> bool:
        """Whether an event (``ObjectCreated:Put``) of a key is for this rule."""
        if not key.startswith(self.prefix) or not key.endswith(self.suffix):
            return False
        family = event.partition(":")[0]
        return any(wanted in (f"s3:{event}", f"s3:{family}:*") for wanted in self.events)


class Notifications:
    """The rules of all buckets and the thread that delivers by them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._index = world.store.index
        self._courier = Courier(world)
        self._rules = {bucket: _read(text) for bucket, text in self._index.settings(SETTING)}
        self._bridged = {bucket for bucket, _ in self._index.settings(BRIDGE)}
        self._queue: queue.SimpleQueue[tuple[Rule | None, ObjectEvent | Mapping[str, Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver_all, name="s3-notifications", daemon=True)
        self._thread.start()
        world.store.subscribe(self._happened)

    def close(self) -> None:
        """Deliver what waits, then end."""
        self._queue.put(None)
        self._thread.join(timeout=5)

    def rules(self, bucket: str) -> list[Rule]:
        """A bucket's rules."""
        text = self._index.setting(bucket, SETTING)
        return [] if text is None else _read(text)

    def is_bridged(self, bucket: str) -> bool:
        """Whether a bucket's events go to EventBridge."""
        return bucket in self._bridged

    def set_rules(self, bucket: str, rules: list[Rule], bridged: bool = False) -> None:
        """Replace a bucket's rules; SQS and SNS targets get S3's test event."""
        self._index.set_setting(bucket, SETTING, json.dumps([asdict(rule) for rule in rules]) if rules else None)
        self._index.set_setting(bucket, BRIDGE, "on" if bridged else None)
        (self._bridged.add if bridged else self._bridged.discard)(bucket)
        known = {(rule.kind, rule.arn) for rule in self._rules.get(bucket, [])}
        self._rules[bucket] = rules
        for rule in rules:
            if rule.kind != "lambda" and (rule.kind, rule.arn) not in known:
                self._queue.put((rule, _test_event(bucket)))

    def check_target(self, bucket: str, rule: Rule) -> None:
        """Raise InvalidArgument where S3 could not deliver to the target: there is none, or it does not allow it."""
        try:
            if rule.kind == "lambda":
                engine: Any = self._world.engines["lambda"]
                engine.check_sender(rule.arn, Sender("s3.amazonaws.com", f"arn:aws:s3:::{bucket}"))
            else:
                _check_moto_target(rule)
        except Exception as error:
            message = "Unable to validate the following destination configurations"
            extra = {"ArgumentName": rule.arn, "ArgumentValue": f"{type(error).__name__}: {error}"}
            raise AwsError("InvalidArgument", message, 400, **extra) from error

    def _happened(self, event: str, info: ObjectInfo) -> None:
        rules = self._rules.get(info.bucket, ())
        bridged = info.bucket in self._bridged
        if not rules and not bridged:
            return
        told = happened(event, info)
        for rule in rules:
            if rule.matches(event, info.key):
                self._queue.put((rule, told))
        if bridged:
            self._queue.put((None, told))

    def _deliver_all(self) -> None:
        while (work := self._queue.get()) is not None:
            rule, event = work
            try:
                if rule is None:
                    self._bridge(event)
                else:
                    message = {"Records": [event.record(rule.id)]} if isinstance(event, ObjectEvent) else event
                    subject = "Amazon S3 Notification" if rule.kind == "sns" else None
                    bucket = event.info.bucket if isinstance(event, ObjectEvent) else ""
                    sender = Sender("s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
                    self._courier.send(rule.arn, Parcel(json.dumps(message), subject=subject, sender=sender))
            except Undelivered as error:
                log.error("an S3 event was not delivered to %s: %s: %s", rule and rule.arn, error.code, error.message)
            except Exception:
                log.exception("an S3 event was not delivered to %s", rule and rule.arn)

    def _bridge(self, event: Any) -> None:
        detail_type, detail = event.bridged()
        engine: Any = self._world.engines["events"]
        engine.put("aws.s3", detail_type, detail, [f"arn:aws:s3:::{event.info.bucket}"])


def _check_moto_target(rule: Rule) -> None:
    """Raise where a queue or topic does not exist."""
    region = rule.arn.split(":")[3] or REGION
    if rule.arn.endswith(".fifo"):
        raise ValueError("S3 does not deliver to FIFO queues and topics")
    if rule.kind == "sqs":
        moto_queues.backend_of(rule.arn).get_queue(rule.arn.rpartition(":")[2])
    else:
        from moto.sns.models import sns_backends

        sns_backends[ACCOUNT_ID][region].get_topic(rule.arn)


def _read(text: str) -> list[Rule]:
    return [Rule(**{**fields, "events": tuple(fields["events"])}) for fields in json.loads(text)]


def _test_event(bucket: str) -> Mapping[str, Any]:
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso(datetime.now(UTC)),
        "Bucket": bucket,
        "RequestId": "localaws",
        "HostId": "localaws",
    }
