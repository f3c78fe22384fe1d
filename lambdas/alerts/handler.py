"""Lambda ``alerts``: one readable message for each fault. Event: any that ``millrace.alerts`` reads, from EventBridge.

The event ``{"sweep": true}``, by schedule, tells what came again since. Answer: ``{"sent": how many}``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import boto3

from millrace import alerts
from millrace.incidents import Incidents

_session = boto3.Session()
_s3, _sns = _session.client("s3"), _session.client("sns")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Tell of the event, unless it is no fault or was told lately."""
    incidents = Incidents(_s3, os.environ["PROCESSED_BUCKET"], _send)
    now = datetime.now(UTC)
    if event.get("sweep"):
        return {"sent": incidents.sweep(now)}
    alert = alerts.read(event)
    return {"sent": int(alert is not None and incidents.tell(alert, event["id"], now))}


def _send(subject: str, text: str) -> None:
    _sns.publish(TopicArn=os.environ["TOPIC"], Subject=subject, Message=text)
