"""Delivery to a topic's subscribers: queues and the inbox at once, functions and HTTP endpoints in the background."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from typing import Any

from localaws.core import NotSupported, World
from localaws.lambda_.permissions import Sender
from localaws.messaging import moto_queues
from localaws.messaging.courier import Courier, Parcel, Undelivered, compact
from localaws.messaging.inbox import Inbox
from localaws.messaging.notification import Notification
from localaws.messaging.tasks import Task, TaskQueue

PROTOCOLS = ("sqs", "lambda", "email", "email-json", "http", "https")
_HTTP_SECONDS = 15
_TRIES = 4

log = logging.getLogger(__name__)


class Subscribers:
    """Brings notifications to moto's subscriptions; waits between tries double from LOCALAWS_SNS_RETRY_SECONDS (1)."""

    def __init__(self, world: World, inbox: Inbox) -> None:
        self._inbox = inbox
        self._courier = Courier(world)
        self._queue = TaskQueue("sns", self._attempt, keep=world.data / "sns" / "waiting.json")
        self._queue.start()

    def deliver(self, subscription: Any, notification: Notification, text: str) -> None:
        """Deliver now, or soon where it may take time."""
        protocol = subscription.protocol
        if protocol == "sqs":
            self._to_queue(subscription, notification, text)
        elif protocol in ("email", "email-json"):
            shown = text if protocol == "email" else notification.envelope(text, subscription.arn)
            subject = notification.subject or "AWS Notification Message"
            self._inbox.add(subscription.endpoint, subject, shown, notification.topic, notification.time)
        elif protocol in PROTOCOLS:
            task: Task = {"protocol": protocol, "arn": subscription.arn, "endpoint": subscription.endpoint, "tries": 0}
            if protocol == "lambda":
                task["body"] = compact(notification.lambda_event(text, subscription.arn))
            else:
                raw = _is_on(subscription.attributes.get("RawMessageDelivery"))
                task["body"] = text if raw else notification.envelope(text, subscription.arn)
            task |= {"redrive": subscription.attributes.get("RedrivePolicy"), "message": notification.id}
            task["topic"] = notification.topic
            if not self._queue.put(task):
                log.error("%s: a notification is lost: too many wait", subscription.arn)
        else:
            raise NotSupported(f"A subscription by {protocol} is refused: {', '.join(PROTOCOLS)} are delivered to.")

    def close(self) -> None:
        """Stop; what waits is kept."""
        self._queue.close()

    def _to_queue(self, subscription: Any, notification: Notification, text: str) -> None:
        arn = subscription.endpoint
        raw = _is_on(subscription.attributes.get("RawMessageDelivery"))
        body = text if raw else notification.envelope(text, subscription.arn)
        try:
            # A standard topic's message has a group only if the publisher gave one; it deduplicates nothing.
            moto_queues.backend_of(arn).send_message(
                arn.rpartition(":")[2],
                body,
                message_attributes=notification.queue_attributes() or None if raw else None,
                group_id=notification.group,
                deduplication_id=notification.deduplication,
                validate_group_id=False,
            )
        except Exception as error:
            log.warning("%s: not delivered to %s: %s", subscription.arn, arn, error)
            self._redrive(subscription.attributes.get("RedrivePolicy"), body)

    def _attempt(self, task: Task) -> None:
        try:
            if task["protocol"] == "lambda":
                self._courier.send(
                    task["endpoint"], Parcel(task["body"], sender=Sender("sns.amazonaws.com", task["topic"]))
                )
            else:
                _post(task)
        except (Undelivered, OSError) as error:
            passing = not isinstance(error, Undelivered) or error.passing
            if passing and task["tries"] + 1 < _TRIES:
                first = float(os.environ.get("LOCALAWS_SNS_RETRY_SECONDS", "1"))
                self._queue.put({**task, "tries": task["tries"] + 1}, first * 2.0 ** task["tries"])
                return
            log.warning("%s: not delivered to %s: %s", task["arn"], task["endpoint"], error)
            self._redrive(task["redrive"], task["body"])

    def _redrive(self, policy: Any, body: str) -> None:
        """Send what could not be delivered to the subscription's dead-letter queue."""
        if not policy:
            return
        target = (json.loads(policy) if isinstance(policy, str) else policy)["deadLetterTargetArn"]
        try:
            self._courier.send(target, Parcel(body))
        except Undelivered as error:
            log.error("a notification is lost, its dead-letter queue %s failed too: %s", target, error.message)


def _post(task: Task) -> None:
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": task["message"],
        "x-amz-sns-topic-arn": task["topic"],
        "x-amz-sns-subscription-arn": task["arn"],
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    request = urllib.request.Request(task["endpoint"], task["body"].encode(), headers)
    with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as answer:
        answer.read()


def _is_on(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
