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
from urllib.parse import quote_plus

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, World
from localaws.moto_side import LOCKS
from localaws.s3.context import OWNER
from localaws.s3.objects import ObjectInfo

SETTING = "notification"

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
        self._rules = {bucket: _read(text) for bucket, text in self._index.settings(SETTING)}
        self._queue: queue.SimpleQueue[tuple[Rule, Mapping[str, Any]] | None] = queue.SimpleQueue()
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

    def set_rules(self, bucket: str, rules: list[Rule]) -> None:
        """Replace a bucket's rules; SQS and SNS targets get S3's test event."""
        self._index.set_setting(bucket, SETTING, json.dumps([asdict(rule) for rule in rules]) if rules else None)
        known = {(rule.kind, rule.arn) for rule in self._rules.get(bucket, [])}
        self._rules[bucket] = rules
        for rule in rules:
            if rule.kind != "lambda" and (rule.kind, rule.arn) not in known:
                self._queue.put((rule, _test_event(bucket)))

    def check_target(self, rule: Rule) -> None:
        """Raise InvalidArgument where the target does not exist."""
        try:
            if rule.kind == "lambda":
                get = self._world.engines["lambda"].operations["GetFunctionConfiguration"]
                get(Call("lambda", "GetFunctionConfiguration", {"FunctionName": rule.arn}))
            else:
                _moto_target(rule)
        except Exception as error:
            message = "Unable to validate the following destination configurations"
            extra = {"ArgumentName": rule.arn, "ArgumentValue": f"{type(error).__name__}: {error}"}
            raise AwsError("InvalidArgument", message, 400, **extra) from error

    def _happened(self, event: str, info: ObjectInfo) -> None:
        for rule in self._rules.get(info.bucket, []):
            if rule.matches(event, info.key):
                self._queue.put((rule, {"Records": [_record(event, info, rule.id)]}))

    def _deliver_all(self) -> None:
        while (work := self._queue.get()) is not None:
            rule, event = work
            try:
                self._deliver(rule, json.dumps(event))
            except Exception:
                log.exception("an S3 event was not delivered to %s", rule.arn)

    def _deliver(self, rule: Rule, message: str) -> None:
        if rule.kind == "lambda":
            engine: Any = self._world.engines["lambda"]
            engine.invoke(rule.arn, message.encode(), event=True)
            return
        backend = _moto_target(rule)
        if rule.kind == "sqs":
            backend.send_message(_name(rule.arn), message)
        else:
            with LOCKS["sns"]:
                backend.publish(message, arn=rule.arn, subject="Amazon S3 Notification")


def _moto_target(rule: Rule) -> Any:
    """Moto's backend of a queue or topic that exists."""
    if rule.kind == "sqs":
        from moto.sqs.models import sqs_backends

        backend = sqs_backends[ACCOUNT_ID][_region(rule.arn)]
        backend.get_queue(_name(rule.arn))
        return backend
    from moto.sns.models import sns_backends

    backend = sns_backends[ACCOUNT_ID][_region(rule.arn)]
    backend.get_topic(rule.arn)
    return backend


def _read(text: str) -> list[Rule]:
    return [Rule(**{**fields, "events": tuple(fields["events"])}) for fields in json.loads(text)]


def _region(arn: str) -> str:
    return arn.split(":")[3] or REGION


def _name(arn: str) -> str:
    """The queue's name."""
    return arn.rpartition(":")[2]


def _record(event: str, info: ObjectInfo, rule_id: str) -> Mapping[str, Any]:
    now = datetime.now(UTC)
    described: dict[str, Any] = {"key": quote_plus(info.key, safe="/*-._~")}
    if event.startswith("ObjectCreated"):
        described |= {"size": info.size, "eTag": info.etag}
    described["sequencer"] = f"{int(now.timestamp() * 1_000_000):018X}"
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": _iso(now),
        "eventName": event,
        "userIdentity": {"principalId": f"AWS:{ACCOUNT_ID}"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": described["sequencer"], "x-amz-id-2": "localaws"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule_id,
            "bucket": {
                "name": info.bucket,
                "ownerIdentity": {"principalId": OWNER["ID"]},
                "arn": f"arn:aws:s3:::{info.bucket}",
            },
            "object": described,
        },
    }


def _test_event(bucket: str) -> Mapping[str, Any]:
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _iso(datetime.now(UTC)),
        "Bucket": bucket,
        "RequestId": "localaws",
        "HostId": "localaws",
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
