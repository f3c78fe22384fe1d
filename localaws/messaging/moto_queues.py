"""moto's queues made safe for threads: without this a message sent while another is deleted can be lost.

moto replaces a queue's list of messages on a delete, without its lock. Here sends, receives and deletes hold the lock
of their queue; a receive that waits gives it up. And a redrive policy is told without blanks, as AWS does: Terraform
takes them for a change.
"""

from __future__ import annotations

import json
import time
from typing import Any

from localaws.core import ACCOUNT_ID, REGION

_done = False


def backend_of(arn: str) -> Any:
    """The backend of a queue, made safe."""
    install()
    from moto.sqs.models import sqs_backends

    return sqs_backends[ACCOUNT_ID][arn.split(":")[3] or REGION]


def install() -> None:
    """Change moto's classes; again: nothing."""
    global _done
    if _done:
        return
    _done = True
    from moto.sqs.models import Queue, SQSBackend

    add, delete, receive = Queue.add_message, Queue.delete_message, SQSBackend.receive_message
    told = Queue.attributes.fget

    def add_message(self: Any, message: Any) -> None:
        with self._messages_lock:
            add(self, message)

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete(self, receipt_handle)

    def receive_message(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, visibility_timeout: int, names: Any = None
    ) -> list[Any]:
        queue = self.get_queue(queue_name)
        end = time.monotonic() + (wait_seconds_timeout or 0)
        while True:
            with queue._messages_lock:
                found: list[Any] = receive(self, queue_name, count, 0, visibility_timeout, names)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                # A hidden message that becomes visible tells nobody: look again.
                queue._messages_lock.wait(min(left, 0.2))

    def attributes(self: Any) -> dict[str, Any]:
        found: dict[str, Any] = told(self)
        if "RedrivePolicy" in found:
            found["RedrivePolicy"] = json.dumps(self.redrive_policy, separators=(",", ":"))
        return found

    Queue.attributes = property(attributes)
    Queue.add_message = add_message
    Queue.delete_message = delete_message
    SQSBackend.receive_message = receive_message
