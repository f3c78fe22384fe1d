"""The queue of S3 events by which a crawler in event mode finds what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from localaws.core import AwsError
from localaws.messaging import moto_queues

_MOST = 100_000  # messages that one crawl takes, as on AWS
_BATCH = 10
_HIDDEN = 3600  # seconds; a crawl that fails shows its messages again at once


class EventQueue:
    """The messages that one crawl takes from an SQS queue."""

    def __init__(self, arn: str) -> None:
        self._name = arn.rpartition(":")[2]
        self._backend = moto_queues.backend_of(arn)
        self._receipts: list[str] = []

    def take(self) -> set[str]:
        """Take what waits; the folders, as ``s3://bucket/folder/``, of the objects that were written or deleted."""
        from moto.sqs.exceptions import QueueDoesNotExist

        folders: set[str] = set()
        try:
            while len(self._receipts) < _MOST:
                messages = self._backend.receive_message(self._name, _BATCH, 0, _HIDDEN)
                if not messages:
                    break
                for message in messages:
                    self._receipts.append(message.receipt_handle)
                    folders.update(f"s3://{key.rpartition('/')[0]}/" for key in _objects(message.body))
        except QueueDoesNotExist:
            raise AwsError("EntityNotFoundException", f"The event queue {self._name} does not exist.") from None
        return folders

    def done(self) -> None:
        """Delete what was taken."""
        for receipt in self._receipts:
            self._backend.delete_message(self._name, receipt)

    def put_back(self) -> None:
        """Let what was taken be taken again."""
        for receipt in self._receipts:
            self._backend.change_message_visibility(self._name, receipt, 0)


def _objects(body: str) -> Iterator[str]:
    """``bucket/key`` of each object that an event from S3, or through SNS or EventBridge, tells of."""
    try:
        told = json.loads(body)
        if isinstance(told, dict) and told.get("Type") == "Notification":
            told = json.loads(told["Message"])
    except ValueError:
        return
    if not isinstance(told, dict):
        return
    for record in told.get("Records") or ():
        yield _path(record["s3"], unquote_plus)
    if told.get("source") == "aws.s3":
        yield _path(told["detail"], str)


def _path(about: Any, decode: Any) -> str:
    return f"{about['bucket']['name']}/{decode(about['object']['key'])}"
