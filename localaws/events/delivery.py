"""From an event to the targets of the rules it matches: in the background, with retries, then a dead-letter queue."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import World
from localaws.events.inputs import MISSING, input_for, look_up
from localaws.events.patterns import Test, compile_pattern
from localaws.events.registry import Registry, bus_name, rule_arn
from localaws.lambda_.permissions import Sender
from localaws.messaging.courier import Courier, Parcel, Undelivered, compact, service_of
from localaws.messaging.tasks import Task, TaskQueue

DEFAULT_ATTEMPTS = 185
DEFAULT_AGE_SECONDS = 86_400
_MAX_HOPS = 8

log = logging.getLogger(__name__)


class Delivery:
    """Routes events by the rules, and sends them to targets.

    Waits between tries double from LOCALAWS_EVENTS_RETRY_SECONDS (default 1) to at most a minute.
    """

    def __init__(self, world: World, registry: Registry) -> None:
        self._registry = registry
        self._courier = Courier(world)
        self._compiled: dict[str, Test] = {}
        self._queue = TaskQueue("events", self._run, keep=world.data / "events" / "waiting.json")
        self._queue.start()

    def put(self, bus: str, event: Mapping[str, Any], hops: int = 0) -> bool:
        """Have an event routed; False where too many wait."""
        received = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return self._queue.put({"do": "route", "bus": bus, "event": event, "received": received, "hops": hops})

    def send(self, arn: str, event: Mapping[str, Any], targets: list[Mapping[str, Any]]) -> None:
        """Have an event sent to the targets of the rule with this ARN, whatever its pattern."""
        self._send_all({"event": event, "received": event["time"], "hops": 0}, arn, targets)

    def close(self) -> None:
        """Stop; what waits is kept for the next start."""
        self._queue.close()

    def _run(self, task: Task) -> None:
        if task["do"] == "route":
            self._route(task)
        else:
            self._attempt(task)

    def _route(self, task: Task) -> None:
        if task["bus"] not in {bus["name"] for bus in self._registry.buses()}:
            return
        bus = self._registry.bus(task["bus"])
        for name, rule in bus["rules"].items():
            pattern = rule.get("EventPattern")
            if rule["State"] != "DISABLED" and pattern and self._test(pattern)(task["event"]):
                self._send_all(task, rule_arn(bus["name"], name), list(rule["targets"].values()))

    def _test(self, pattern: str) -> Test:
        test = self._compiled.get(pattern)
        if test is None:
            test = self._compiled[pattern] = compile_pattern(pattern)
        return test

    def _send_all(self, task: Mapping[str, Any], rule: str, targets: list[Mapping[str, Any]]) -> None:
        for target in targets:
            parts = {"event": task["event"], "received": task["received"], "hops": task["hops"]}
            each: Task = {"do": "send", "rule": rule, "target": target, "since": time.time(), "tries": 0, **parts}
            if not self._queue.put(each):
                self._give_up(each, Undelivered("ThrottlingException", "too many events wait", False), None)

    def _attempt(self, task: Task) -> None:
        try:
            self._send(task)
        except Undelivered as error:
            self._failed(task, error)

    def _send(self, task: Task) -> None:
        target = task["target"]
        text = input_for(target, task["event"], task["rule"], task["received"])
        if service_of(target["Arn"]) == "events":
            if task["hops"] >= _MAX_HOPS:
                raise Undelivered("INVALID_PARAMETER", "the event has passed over too many buses", False)
            self.put(bus_name(target["Arn"]), task["event"], task["hops"] + 1)
            return
        path = target.get("KinesisParameters", {}).get("PartitionKeyPath")
        key = look_up(task["event"], path) if path else MISSING
        if key is MISSING:
            key = task["event"]["id"]
        sender = Sender("events.amazonaws.com", task["rule"])
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        self._courier.send(target["Arn"], Parcel(text, group=group, partition_key=str(key), sender=sender))

    def _failed(self, task: Task, error: Undelivered) -> None:
        policy = task["target"].get("RetryPolicy", {})
        attempts = policy.get("MaximumRetryAttempts", DEFAULT_ATTEMPTS)
        age = policy.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS)
        wait = _pause(task["tries"])
        if not error.passing:
            self._give_up(task, error, None)
        elif task["tries"] >= attempts:
            self._give_up(task, error, "MaximumRetryAttempts")
        elif time.time() + wait - task["since"] > age:
            self._give_up(task, error, "MaximumEventAgeInSeconds")
        else:
            self._queue.put({**task, "tries": task["tries"] + 1}, wait)

    def _give_up(self, task: Task, error: Undelivered, exhausted: str | None) -> None:
        target = task["target"]
        log.warning("%s: not delivered to %s: %s: %s", task["rule"], target["Arn"], error.code, error.message)
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if not queue:
            return
        attributes = {
            "RULE_ARN": task["rule"],
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message[:1024] or error.code,
            "RETRY_ATTEMPTS": str(task["tries"]),
        }
        if exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
        try:
            self._courier.send(queue, Parcel(compact(task["event"]), attributes))
        except Undelivered as lost:
            log.error("%s: an event is lost, its dead-letter queue failed too: %s", task["rule"], lost.message)


def _pause(tries: int) -> float:
    first = float(os.environ.get("LOCALAWS_EVENTS_RETRY_SECONDS", "1"))
    doubled: float = first * 2.0 ** min(tries, 10)
    return min(60.0, doubled) * random.uniform(0.8, 1.2)
