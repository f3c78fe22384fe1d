"""What a schedule sends when it is due: tried again by its retry policy, then to its dead-letter queue."""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.core import World
from localaws.messaging.courier import Courier, Parcel, Undelivered
from localaws.messaging.tasks import Task, TaskQueue

_DEFAULT_ATTEMPTS = 185
_DEFAULT_AGE_SECONDS = 86_400

log = logging.getLogger(__name__)


class ScheduledSends:
    """Sends in the background; waits double from LOCALAWS_EVENTS_RETRY_SECONDS (default 1) to at most a minute."""

    def __init__(self, world: World, keep: Path) -> None:
        self._world = world
        self._courier = Courier(world)
        self._queue = TaskQueue("scheduler", self._attempt, keep=keep)
        self._queue.start()

    def send(self, schedule: str, target: Mapping[str, Any], moment: datetime) -> None:
        """Have a target sent its input; schedule is the ARN."""
        text = _filled(target.get("Input") or "{}", schedule, moment)
        task: Task = {"schedule": schedule, "target": dict(target), "text": text, "since": time.time(), "tries": 0}
        if not self._queue.put(task):
            log.error("%s was due and is lost: too many wait", schedule)

    def put_event(self, bus: str, event: Mapping[str, Any]) -> None:
        """Put an event on a bus."""
        engine: Any = self._world.engines["events"]
        engine.put_on(bus, event)

    @staticmethod
    def filled(text: str, schedule: str, moment: datetime) -> dict[str, Any]:
        """An input that is a JSON object, its ``<aws.scheduler.…>`` places filled."""
        found: dict[str, Any] = json.loads(_filled(text, schedule, moment))
        return found

    def close(self) -> None:
        """Stop; what waits is kept."""
        self._queue.close()

    def _attempt(self, task: Task) -> None:
        target = task["target"]
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        key = target.get("KinesisParameters", {}).get("PartitionKey")
        try:
            # Scheduler delivers with the target's role: a function's own policy is not asked.
            self._courier.send(target["Arn"], Parcel(task["text"], group=group, partition_key=key))
        except Undelivered as error:
            self._failed(task, error)

    def _failed(self, task: Task, error: Undelivered) -> None:
        policy = task["target"].get("RetryPolicy", {})
        attempts = policy.get("MaximumRetryAttempts", _DEFAULT_ATTEMPTS)
        age = policy.get("MaximumEventAgeInSeconds", _DEFAULT_AGE_SECONDS)
        first = float(os.environ.get("LOCALAWS_EVENTS_RETRY_SECONDS", "1"))
        wait = min(60.0, first * 2.0 ** min(task["tries"], 10))
        if error.passing and task["tries"] < attempts and time.time() + wait - task["since"] <= age:
            self._queue.put({**task, "tries": task["tries"] + 1}, wait)
            return
        log.warning("%s: not sent to %s: %s", task["schedule"], task["target"]["Arn"], error.message)
        queue = task["target"].get("DeadLetterConfig", {}).get("Arn")
        if not queue:
            return
        attributes = {
            "SCHEDULE_ARN": task["schedule"],
            "TARGET_ARN": task["target"]["Arn"],
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message[:1024] or error.code,
            "RETRY_ATTEMPTS": str(task["tries"]),
        }
        try:
            self._courier.send(queue, Parcel(task["text"], attributes))
        except Undelivered as lost:
            log.error("%s: a send is lost, its dead-letter queue failed too: %s", task["schedule"], lost.message)


def _filled(text: str, schedule: str, moment: datetime) -> str:
    places = {
        "<aws.scheduler.schedule-arn>": schedule,
        "<aws.scheduler.scheduled-time>": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": str(uuid.uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    for place, value in places.items():
        text = text.replace(place, value)
    return text
