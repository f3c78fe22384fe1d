"""Uploads that start runs: S3 tells EventBridge, a rule tells a queue, and Airflow's triggerer watches the queue.

A message is deleted when its event has been handed on, so one may come twice, which changes nothing (a load is what is
not published yet), and one that is lost is made good by the next scheduled run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.sqs import SqsHook
from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError

_LONG_POLL = 20  # seconds, the most that SQS allows; a message that comes meanwhile is given at once
_BATCH = 10  # the most that SQS gives at once
_AT_ONCE = 1000  # messages that make one event
_NAMED = 100  # keys that an event names, for people; a run looks for itself what is there


class QueueTrigger(BaseEventTrigger):  # type: ignore[misc]  # Airflow's, which mypy does not follow
    """Fires with the keys of what arrived. Those that come within `quiet` seconds of each other make one event.

    queue: its name; its address is asked for where the trigger runs. The amazon provider's SqsSensorTrigger wants the
    address, which nobody knows when a DAG is parsed, fires for each handful of messages, and deletes them before.
    """

    def __init__(self, queue: str, quiet: float = 5, pause: float = 60) -> None:
        super().__init__()
        self.queue, self.quiet, self.pause = queue, quiet, pause

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it from."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"queue": self.queue, "quiet": self.quiet, "pause": self.pause}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire again and again; where AWS cannot be reached, try again after `pause` seconds."""
        while True:
            try:
                async with await SqsHook().get_async_conn() as sqs:
                    url = (await sqs.get_queue_url(QueueName=self.queue))["QueueUrl"]
                    while True:
                        if messages := await self._arrived(sqs, url):
                            keys = sorted({key for message in messages for key in _keys(message)})
                            yield TriggerEvent({"uploads": keys[:_NAMED], "count": len(keys)})
                            await _delete(sqs, url, messages)
            except (ClientError, BotoCoreError) as error:
                self.log.warning("queue %s: %s; trying again in %s s", self.queue, error, self.pause)
                await asyncio.sleep(self.pause)

    async def _arrived(self, sqs: Any, url: str) -> list[dict[str, Any]]:
        """The next messages, until none came for a while or there are very many."""
        messages: list[dict[str, Any]] = []
        seconds = _LONG_POLL
        while len(messages) < _AT_ONCE and (found := await _receive(sqs, url, seconds)):
            messages += found
            seconds = max(1, round(self.quiet))
        return messages


async def _receive(sqs: Any, url: str, seconds: int) -> list[dict[str, Any]]:
    answer = await sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=seconds, VisibilityTimeout=600
    )
    return list(answer.get("Messages", []))


async def _delete(sqs: Any, url: str, messages: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(messages), _BATCH):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages[start : start + _BATCH])
        ]
        await sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def _keys(message: dict[str, Any]) -> list[str]:
    """The key of what an event of S3's tells of; none where a message is not such an event."""
    try:
        return [json.loads(message["Body"])["detail"]["object"]["key"]]
    except (ValueError, KeyError, TypeError):
        return []


def uploads(slug: str, bucket: str) -> Asset:
    """A pipeline's uploads, as an asset that the queue ``<slug>-uploads`` tells of."""
    watcher = AssetWatcher(name=f"{slug}_uploads", trigger=QueueTrigger(queue=f"{slug.replace('_', '-')}-uploads"))
    return Asset(name=f"{slug}_raw", uri=f"s3://{bucket}/{slug}", watchers=[watcher])
