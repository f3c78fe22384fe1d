"""A message of SNS in the shapes in which subscribers get it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localaws.core import REGION

_UNSIGNED = "not-signed-by-localaws"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Notification:
    """What was published, without its text, which may differ by protocol; binary attributes are in base64."""

    id: str
    topic: str
    subject: str | None
    attributes: dict[str, dict[str, Any]]
    group: str | None = None
    deduplication: str | None = None
    time: str = field(default_factory=_now)

    def envelope(self, text: str, subscription: str) -> str:
        """The JSON that queues and HTTP endpoints get."""
        fields: dict[str, Any] = {"Type": "Notification", "MessageId": self.id, "TopicArn": self.topic}
        if self.subject is not None:
            fields["Subject"] = self.subject
        fields |= {"Message": text, "Timestamp": self.time, "SignatureVersion": "1", "Signature": _UNSIGNED}
        fields |= {"SigningCertURL": _certificate(), "UnsubscribeURL": _unsubscribe(subscription)}
        if self.attributes:
            fields["MessageAttributes"] = self.attributes
        return json.dumps(fields, ensure_ascii=False, indent=2, separators=(",", " : "))

    def lambda_event(self, text: str, subscription: str) -> dict[str, Any]:
        """The event that a function gets."""
        message = {
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic,
            "Subject": self.subject,
            "Message": text,
            "Timestamp": self.time,
            "SignatureVersion": "1",
            "Signature": _UNSIGNED,
            "SigningCertUrl": _certificate(),
            "UnsubscribeUrl": _unsubscribe(subscription),
            "MessageAttributes": self.attributes,
        }
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": message}
        return {"Records": [record]}

    def queue_attributes(self) -> dict[str, dict[str, Any]]:
        """The attributes of the SQS message of a raw delivery."""
        typed: dict[str, dict[str, Any]] = {}
        for name, given in self.attributes.items():
            if given["Type"].startswith("Binary"):
                typed[name] = {"DataType": given["Type"], "BinaryValue": base64.b64decode(given["Value"])}
            else:
                typed[name] = {"DataType": given["Type"], "StringValue": given["Value"]}
        return typed


def shown_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Attributes as JSON has them: bytes in base64."""
    return {
        name: {
            "Type": given["Type"],
            "Value": base64.b64encode(given["Value"]).decode() if isinstance(given["Value"], bytes) else given["Value"],
        }
        for name, given in attributes.items()
    }


def plain_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes as a filter policy sees them: numbers as numbers, arrays as arrays; binary ones are not seen."""
    plain: dict[str, Any] = {}
    for name, given in attributes.items():
        kind, value = given["Type"], given["Value"]
        if kind.startswith("Binary"):
            continue
        if kind.startswith("Number"):
            plain[name] = float(value)
        elif kind == "String.Array":
            plain[name] = json.loads(value)
        else:
            plain[name] = value
    return plain


def _certificate() -> str:
    return f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-0000000000000000000000.pem"


def _unsubscribe(subscription: str) -> str:
    return f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription}"
