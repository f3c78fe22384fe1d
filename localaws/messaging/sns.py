"""SNS: moto keeps topics and subscriptions, this engine publishes: filters, and delivery to each subscriber."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, NotSupported, World
from localaws.events.patterns import Test, compile_pattern
from localaws.messaging.inbox import Inbox
from localaws.messaging.notification import Notification, plain_attributes, shown_attributes
from localaws.messaging.subscribers import Subscribers
from localaws.moto_side import LOCKS

MAX_BYTES = 262_144
_MAX_BATCH = 10
_DEDUPLICATION_SECONDS = 300


class SnsEngine:
    """Publish and PublishBatch; the inbox of e-mail subscriptions is the page ``/_localaws/inbox``."""

    service = "sns"

    def __init__(self, world: World) -> None:
        self._inbox = Inbox(world.data / "sns" / "inbox.jsonl")
        self._subscribers = Subscribers(world, self._inbox)
        self._filters: dict[str, Test] = {}
        self._seen: dict[tuple[str, str], tuple[float, str, str]] = {}
        self._sequence = itertools.count(int(time.time() * 1000) * 1_000_000)
        self.operations: Mapping[str, Handler] = {"Publish": self._publish, "PublishBatch": self._publish_batch}
        self.pages = {"inbox": self._inbox.page}

    def close(self) -> None:
        """Stop delivering; what waits is kept."""
        self._subscribers.close()

    def publish(
        self,
        topic: str,
        message: str,
        *,
        subject: str | None = None,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        structure: str | None = None,
        group: str | None = None,
        deduplication: str | None = None,
    ) -> dict[str, str]:
        """Publish to a topic's ARN; the answer of Publish. Raises AwsError: NotFound, InvalidParameter.

        attributes: by name, ``Type`` (String, Number, String.Array, Binary) and ``Value``.
        """
        attributes = attributes or {}
        _check(message, subject, attributes)
        texts = _texts(message, structure)
        with LOCKS["sns"]:
            found, subscriptions = _topic(topic)
            if found.fifo_topic in (True, "true"):
                content_based = found.content_based_deduplication in (True, "true")
                deduplication = _fifo_ids(message, group, deduplication, content_based)
                known = self._known(topic, deduplication)
                if known:
                    return known
            elif deduplication:
                raise _invalid(
                    "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is "
                    "not valid for this topic type"
                )
            answer = {"MessageId": str(uuid.uuid4())}
            if deduplication:
                answer["SequenceNumber"] = f"{next(self._sequence):020d}"
                self._seen[topic, deduplication] = (time.monotonic(), answer["MessageId"], answer["SequenceNumber"])
            notification = Notification(
                answer["MessageId"], topic, subject, shown_attributes(attributes), group, deduplication
            )
            # Within the lock, so that subscribers of a FIFO topic get its messages in order.
            for subscription in subscriptions:
                text = texts(subscription.protocol)
                if self._wanted(subscription.attributes, text, attributes):
                    self._subscribers.deliver(subscription, notification, text)
        return answer

    def _publish(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        if params.get("PhoneNumber"):
            raise NotSupported("Publishing to a phone number is refused: nothing is sent by SMS from here.")
        topic = params.get("TopicArn") or params.get("TargetArn")
        if not topic:
            raise _invalid("TopicArn or TargetArn Reason: no value for required parameter")
        return self.publish(topic, **_message_of(params))

    def _publish_batch(self, call: Call) -> Mapping[str, Any]:
        entries = call.params["PublishBatchRequestEntries"]
        if len(entries) > _MAX_BATCH:
            message = "The batch request contains more entries than permissible."
            raise AwsError("TooManyEntriesInBatchRequest", message)
        if len({entry["Id"] for entry in entries}) < len(entries):
            message = "Two or more batch entries in the request have the same Id."
            raise AwsError("BatchEntryIdsNotDistinct", message)
        with LOCKS["sns"]:
            _topic(call.params["TopicArn"])
        successful, failed = [], []
        for entry in entries:
            try:
                answer = self.publish(call.params["TopicArn"], **_message_of(entry))
                successful.append({"Id": entry["Id"], **answer})
            except AwsError as error:
                failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
        return {"Successful": successful, "Failed": failed}

    def _wanted(self, settings: Mapping[str, Any], text: str, attributes: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a subscription's filter policy lets a message through."""
        policy = settings.get("FilterPolicy")
        if not policy or policy == "{}":
            return True
        policy = policy if isinstance(policy, str) else json.dumps(policy)
        test = self._filters.get(policy)
        if test is None:
            test = self._filters[policy] = compile_pattern(policy)
        if settings.get("FilterPolicyScope") != "MessageBody":
            return test(plain_attributes(attributes))
        try:
            body = json.loads(text)
        except ValueError:
            return False
        return isinstance(body, dict) and test(body)

    def _known(self, topic: str, deduplication: str) -> dict[str, str] | None:
        """The answer to the same message of the last five minutes."""
        oldest = time.monotonic() - _DEDUPLICATION_SECONDS
        for key in [key for key, (moment, _, _) in self._seen.items() if moment < oldest]:
            del self._seen[key]
        known = self._seen.get((topic, deduplication))
        return {"MessageId": known[1], "SequenceNumber": known[2]} if known else None


def _topic(arn: str) -> tuple[Any, list[Any]]:
    """The topic in moto and its subscriptions; the caller holds moto's lock."""
    from moto.sns.models import sns_backends

    parts = arn.split(":")
    region = parts[3] if len(parts) == 6 and parts[2] == "sns" and parts[3] else REGION
    backend = sns_backends[ACCOUNT_ID][region]
    topic = backend.topics.get(arn)
    if topic is None:
        raise AwsError("NotFound", "Topic does not exist", 404)
    return topic, [each for each in backend.subscriptions.values() if each.topic is topic]


def _message_of(params: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {}
    for name, given in (params.get("MessageAttributes") or {}).items():
        value = given.get("BinaryValue") if given["DataType"].startswith("Binary") else given.get("StringValue")
        if not value:
            raise AwsError(
                "ParameterValueInvalid",
                f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
                f"type '{given['DataType']}'.",
            )
        attributes[name] = {"Type": given["DataType"], "Value": value}
    return {
        "message": params.get("Message") or "",
        "subject": params.get("Subject"),
        "attributes": attributes,
        "structure": params.get("MessageStructure"),
        "group": params.get("MessageGroupId"),
        "deduplication": params.get("MessageDeduplicationId"),
    }


def _check(message: str, subject: str | None, attributes: Mapping[str, Mapping[str, Any]]) -> None:
    if not message:
        raise _invalid("Empty message")
    size = len(message.encode()) + sum(
        len(name) + len(value["Type"]) + len(value["Value"]) for name, value in attributes.items()
    )
    if size > MAX_BYTES:
        raise _invalid("Message too long")
    if subject is not None and (not subject or len(subject) > 100 or not subject.isprintable()):
        raise _invalid("Subject")


def _texts(message: str, structure: str | None) -> Callable[[str], str]:
    """The text for a protocol."""
    if structure is None:
        return lambda protocol: message
    if structure != "json":
        raise _invalid("MessageStructure")
    try:
        texts = json.loads(message)
    except ValueError:
        raise _invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise _invalid("Message Structure - No default entry in JSON message body")
    return lambda protocol: str(texts.get(protocol, texts["default"]))


def _fifo_ids(message: str, group: str | None, deduplication: str | None, content_based: bool) -> str:
    if not group:
        raise _invalid("The MessageGroupId parameter is required for FIFO topics")
    if not deduplication and not content_based:
        raise _invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId given")
    return deduplication or hashlib.sha256(message.encode()).hexdigest()


def _invalid(what: str) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid parameter: {what}")
