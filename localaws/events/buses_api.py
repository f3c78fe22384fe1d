"""The operations on event buses, on their permissions, and on tags of buses and rules."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from localaws.core import ACCOUNT_ID, Call, Handler, NotSupported
from localaws.events.paging import page
from localaws.events.registry import (
    DEFAULT,
    Registry,
    bus_arn,
    bus_name,
    new_bus,
    not_found,
    refused,
    rule_of,
)

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,256}")
_KEPT = ("Description",)


class BusApi:
    """Handlers of requests about buses."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.operations: Mapping[str, Handler] = {
            "CreateEventBus": self.create,
            "DescribeEventBus": self.describe,
            "ListEventBuses": self.list_buses,
            "UpdateEventBus": self.update,
            "DeleteEventBus": self.delete,
            "PutPermission": self.put_permission,
            "RemovePermission": self.remove_permission,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def create(self, call: Call) -> Mapping[str, Any]:
        """CreateEventBus."""
        name = call.params["Name"]
        if name == DEFAULT or not _NAME.fullmatch(name):
            raise refused(f"Invalid EventBus name: {name}.")
        _refuse(call.params)
        document = new_bus(name)
        document |= {key: call.params[key] for key in _KEPT if call.params.get(key)}
        document["tags"] = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags", ())}
        self._registry.add(document)
        return {"EventBusArn": bus_arn(name), "Description": document.get("Description")}

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeEventBus."""
        return _shown(self._registry.bus(call.params.get("Name")))

    def list_buses(self, call: Call) -> Mapping[str, Any]:
        """ListEventBuses."""
        prefix = call.params.get("NamePrefix") or ""
        found = [_shown(bus) for bus in self._registry.buses() if bus["name"].startswith(prefix)]
        return page("EventBuses", found, call.params)

    def update(self, call: Call) -> Mapping[str, Any]:
        """UpdateEventBus: its description."""
        _refuse(call.params)
        with self._registry.changing(call.params.get("Name")) as bus:
            bus |= {key: call.params[key] for key in _KEPT if key in call.params}
            bus["changed"] = time.time()
        return {"Arn": bus_arn(bus["name"]), "Name": bus["name"], "Description": bus.get("Description")}

    def delete(self, call: Call) -> None:
        """DeleteEventBus: not the default one, nor one that has rules."""
        name = bus_name(call.params["Name"])
        if name == DEFAULT:
            raise refused(f"Cannot delete event bus {DEFAULT}.")
        if self._registry.has_bus(name) and self._registry.bus(name)["rules"]:
            raise refused(f"Event bus {name} can't be deleted since it has rules.")
        self._registry.delete(name)

    def put_permission(self, call: Call) -> None:
        """PutPermission: kept and shown, nothing is decided by it."""
        params = call.params
        with self._registry.changing(params.get("EventBusName")) as bus:
            if params.get("Policy"):
                bus["policy"] = json.loads(params["Policy"])
                return
            principal = params["Principal"]
            statement = {
                "Sid": params["StatementId"],
                "Effect": "Allow",
                "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
                "Action": params["Action"],
                "Resource": bus_arn(bus["name"]),
            }
            if condition := params.get("Condition"):
                statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
            policy = bus["policy"] or {"Version": "2012-10-17", "Statement": []}
            others = [each for each in policy["Statement"] if each.get("Sid") != statement["Sid"]]
            bus["policy"] = {**policy, "Statement": [*others, statement]}

    def remove_permission(self, call: Call) -> None:
        """RemovePermission: one statement, or all."""
        with self._registry.changing(call.params.get("EventBusName")) as bus:
            if call.params.get("RemoveAllPermissions"):
                bus["policy"] = None
                return
            policy = bus["policy"] or {"Statement": []}
            sid = call.params.get("StatementId")
            left = [each for each in policy["Statement"] if each.get("Sid") != sid]
            if len(left) == len(policy["Statement"]):
                raise not_found("Statement with the provided id does not exist.")
            bus["policy"] = {**policy, "Statement": left} if left else None

    def tag(self, call: Call) -> None:
        """TagResource."""
        bus, rule = _addressed(call.params["ResourceARN"])
        with self._registry.changing(bus) as document:
            tagged = rule_of(document, rule) if rule else document
            tagged["tags"] |= {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}

    def untag(self, call: Call) -> None:
        """UntagResource."""
        bus, rule = _addressed(call.params["ResourceARN"])
        with self._registry.changing(bus) as document:
            tagged = rule_of(document, rule) if rule else document
            for key in call.params["TagKeys"]:
                tagged["tags"].pop(key, None)

    def list_tags(self, call: Call) -> Mapping[str, Any]:
        """ListTagsForResource."""
        bus, rule = _addressed(call.params["ResourceARN"])
        document = self._registry.bus(bus)
        tags = (rule_of(document, rule) if rule else document)["tags"]
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _addressed(arn: str) -> tuple[str, str | None]:
    """The bus, and the rule if it is one, that an ARN names."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if f":events:{arn.split(':')[3] if arn.count(':') >= 5 else ''}:{ACCOUNT_ID}:" in arn:
        if kind == "event-bus":
            return rest, None
        if kind == "rule":
            bus, _, rule = rest.rpartition("/")
            return bus or DEFAULT, rule
    raise refused(f"{arn} is the ARN of no bus or rule of this account.")


def _refuse(params: Mapping[str, Any]) -> None:
    if params.get("EventSourceName"):
        raise NotSupported("Partner event sources are refused: no partner sends events to the embedded AWS.")
    for name in ("KmsKeyIdentifier", "DeadLetterConfig"):
        if params.get(name):
            raise NotSupported(
                f"{name} of a bus is refused: give a rule's target a DeadLetterConfig; keys are not used."
            )
    if params.get("LogConfig", {}).get("Level", "OFF") != "OFF":
        raise NotSupported("LogConfig of a bus is refused: deliveries are not logged to CloudWatch.")


def _shown(bus: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"Name": bus["name"], "Arn": bus_arn(bus["name"]), "Description": bus.get("Description")}
    shown |= {"CreationTime": bus["created"], "LastModifiedTime": bus["changed"]}
    return shown if bus["policy"] is None else {**shown, "Policy": json.dumps(bus["policy"])}
