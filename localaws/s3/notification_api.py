"""GetBucketNotificationConfiguration and PutBucketNotificationConfiguration."""

from __future__ import annotations

import uuid
from itertools import combinations
from xml.etree import ElementTree

from localaws.core import AwsError, NotSupported
from localaws.s3 import xml
from localaws.s3.context import Context
from localaws.s3.notifications import Notifications, Rule
from localaws.s3.store import Store
from localaws.web import Response

# The element of a rule, that of its target, and the target's service.
ELEMENTS = {
    "CloudFunctionConfiguration": ("CloudFunction", "lambda"),
    "QueueConfiguration": ("Queue", "sqs"),
    "TopicConfiguration": ("Topic", "sns"),
}
BRIDGE = "EventBridgeConfiguration"
_FAMILIES = {
    "ObjectCreated": ("*", "Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("*", "Delete", "DeleteMarkerCreated"),
    "ObjectTagging": ("*", "Put", "Delete"),
}
EVENTS = frozenset(f"s3:{family}:{name}" for family, names in _FAMILIES.items() for name in names)


class NotificationApi:
    """Handlers of a bucket's notification configuration."""

    def __init__(self, store: Store, notifications: Notifications) -> None:
        self._store = store
        self._notifications = notifications

    def get(self, context: Context) -> Response:
        """GetBucketNotificationConfiguration."""
        self._store.index.bucket(context.bucket)
        content: dict[str, xml.Value] = {}
        rules = self._notifications.rules(context.bucket)
        for element, (target, kind) in ELEMENTS.items():
            content[element] = [_written(rule, target) for rule in rules if rule.kind == kind]
        if self._notifications.is_bridged(context.bucket):
            content[BRIDGE] = ""
        return xml.document("NotificationConfiguration", content)

    def put(self, context: Context) -> Response:
        """PutBucketNotificationConfiguration."""
        self._store.index.bucket(context.bucket)
        root = xml.parse(context.body())
        if root.tag != "NotificationConfiguration":
            raise xml.malformed("expected NotificationConfiguration")
        rules = [_rule(element) for element in root if element.tag != BRIDGE]
        if len({rule.id for rule in rules}) < len(rules):
            raise AwsError("InvalidArgument", "Same ID used for multiple configurations. IDs must be unique", 400)
        _check_overlaps(rules)
        if context.headers.get("x-amz-skip-destination-validation", "").lower() != "true":
            for rule in rules:
                self._notifications.check_target(context.bucket, rule)
        self._notifications.set_rules(context.bucket, rules, root.find(BRIDGE) is not None)
        return Response(200)


def _rule(element: ElementTree.Element) -> Rule:
    if element.tag not in ELEMENTS:
        raise xml.malformed(f"unexpected {element.tag}")
    target, kind = ELEMENTS[element.tag]
    arn = xml.text_of(element, target) or ""
    if arn.split(":")[:3] != ["arn", "aws", kind] or len(arn.split(":")) < 6:
        raise AwsError("InvalidArgument", "The ARN is not well formed", 400, ArgumentName=target, ArgumentValue=arn)
    events = tuple(event.text or "" for event in element.findall("Event"))
    if not events:
        raise xml.malformed("a configuration has no Event")
    for event in events:
        if event not in EVENTS:
            message = f"The event {event!r} never happens in the embedded S3. It has {', '.join(sorted(EVENTS))}."
            raise NotSupported(message)
    filters = {}
    for each in element.findall("Filter/S3Key/FilterRule"):
        name = (xml.text_of(each, "Name") or "").lower()
        if name not in ("prefix", "suffix") or name in filters:
            raise AwsError("InvalidArgument", "filter rule name must be either prefix or suffix, once each", 400)
        filters[name] = xml.text_of(each, "Value") or ""
    identifier = xml.text_of(element, "Id") or uuid.uuid4().hex
    return Rule(identifier, kind, arn, events, filters.get("prefix", ""), filters.get("suffix", ""))


def _written(rule: Rule, target: str) -> xml.Value:
    rules: list[xml.Value] = []
    for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix)):
        if value:
            rules.append({"Name": name, "Value": value})
    content: dict[str, xml.Value] = {"Id": rule.id, target: rule.arn, "Event": rule.events}
    if rules:
        content["Filter"] = {"S3Key": {"FilterRule": rules}}
    return content


def _check_overlaps(rules: list[Rule]) -> None:
    """One event may have one target only, as in S3."""
    for one, other in combinations(rules, 2):
        prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
        suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
        if prefixes and suffixes and _share_events(one, other):
            message = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            if any((one.prefix, one.suffix, other.prefix, other.suffix)):
                message = (
                    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
                    "prefixes are overlapping for the same event type."
                )
            raise AwsError("InvalidArgument", message, 400)


def _share_events(one: Rule, other: Rule) -> bool:
    for a in one.events:
        for b in other.events:
            if a == b or (a.endswith("*") and b.startswith(a[:-1])) or (b.endswith("*") and a.startswith(b[:-1])):
                return True
    return False
