"""The operations on rules and their targets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.events.paging import page
from localaws.events.patterns import compile_pattern
from localaws.events.registry import DEFAULT, Registry, bus_name, refused, rule_arn, rule_of
from localaws.events.targets import check_target
from localaws.schedule import ScheduleError, next_time

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_KEPT = ("EventPattern", "ScheduleExpression", "Description", "RoleArn")
_STATES = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_MAX_TARGETS = 5


class RuleApi:
    """Handlers of requests about rules; ``changed`` is called after rules were."""

    def __init__(self, registry: Registry, changed: Callable[[], None]) -> None:
        self._registry = registry
        self._changed = changed
        self.operations: Mapping[str, Handler] = {
            "PutRule": self.put,
            "DescribeRule": self.describe,
            "ListRules": self.list_rules,
            "DeleteRule": self.delete,
            "EnableRule": lambda call: self._set_state(call, "ENABLED"),
            "DisableRule": lambda call: self._set_state(call, "DISABLED"),
            "PutTargets": self.put_targets,
            "RemoveTargets": self.remove_targets,
            "ListTargetsByRule": self.list_targets,
            "ListRuleNamesByTarget": self.list_names_by_target,
        }

    def put(self, call: Call) -> Mapping[str, Any]:
        """PutRule: replaces what the rule was, but for its targets and tags."""
        params = call.params
        name = params["Name"]
        if not _NAME.fullmatch(name):
            raise refused(f"Value '{name}' at 'name' failed to satisfy constraint: {_NAME.pattern}")
        pattern, schedule = params.get("EventPattern"), params.get("ScheduleExpression")
        if not pattern and not schedule:
            raise refused("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        if pattern:
            compile_pattern(pattern)
        if schedule:
            _check_schedule(schedule, bus_name(params.get("EventBusName")))
        state = params.get("State") or "ENABLED"
        if state not in _STATES:
            raise refused(f"Value '{state}' at 'state' must be one of {', '.join(_STATES)}")
        tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
        with self._registry.changing(params.get("EventBusName")) as bus:
            before = bus["rules"].get(name, {"targets": {}, "tags": tags, "created": time.time()})
            kept = {key: before[key] for key in ("targets", "tags", "created")}
            given = {key: params[key] for key in _KEPT if params.get(key)}
            bus["rules"][name] = {**kept, **given, "Name": name, "State": state}
        self._changed()
        return {"RuleArn": rule_arn(bus["name"], name)}

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeRule."""
        bus = self._registry.bus(call.params.get("EventBusName"))
        return {**_shown(bus["name"], rule_of(bus, call.params["Name"])), "CreatedBy": call.account}

    def list_rules(self, call: Call) -> Mapping[str, Any]:
        """ListRules."""
        bus = self._registry.bus(call.params.get("EventBusName"))
        prefix = call.params.get("NamePrefix") or ""
        rules = [rule for name, rule in sorted(bus["rules"].items()) if name.startswith(prefix)]
        return page("Rules", [_shown(bus["name"], rule) for rule in rules], call.params)

    def delete(self, call: Call) -> None:
        """DeleteRule: one without targets; one that does not exist is deleted too."""
        with self._registry.changing(call.params.get("EventBusName")) as bus:
            rule = bus["rules"].get(call.params["Name"])
            if rule and rule["targets"]:
                raise refused("Rule can't be deleted since it has targets.")
            bus["rules"].pop(call.params["Name"], None)
        self._changed()

    def put_targets(self, call: Call) -> Mapping[str, Any]:
        """PutTargets: adds targets, or replaces those of the same id."""
        targets = call.params["Targets"]
        for target in targets:
            check_target(target)
        with self._registry.changing(call.params.get("EventBusName")) as bus:
            rule = rule_of(bus, call.params["Rule"])
            rule["targets"] |= {target["Id"]: dict(target) for target in targets}
            if len(rule["targets"]) > _MAX_TARGETS:
                raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, call: Call) -> Mapping[str, Any]:
        """RemoveTargets; an id that is unknown is told as a failed entry."""
        failed = []
        with self._registry.changing(call.params.get("EventBusName")) as bus:
            rule = rule_of(bus, call.params["Rule"])
            for identifier in call.params["Ids"]:
                if rule["targets"].pop(identifier, None) is None:
                    message = f"Rule {rule['Name']} does not have a target with the Id {identifier}."
                    failed.append(
                        {"TargetId": identifier, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": message}
                    )
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    def list_targets(self, call: Call) -> Mapping[str, Any]:
        """ListTargetsByRule."""
        rule = self._registry.rule(call.params.get("EventBusName"), call.params["Rule"])
        return page("Targets", list(rule["targets"].values()), call.params)

    def list_names_by_target(self, call: Call) -> Mapping[str, Any]:
        """ListRuleNamesByTarget."""
        wanted = call.params["TargetArn"]
        rules = self._registry.bus(call.params.get("EventBusName"))["rules"]
        arns = {name: {target["Arn"] for target in rule["targets"].values()} for name, rule in rules.items()}
        return page("RuleNames", sorted(name for name, targets in arns.items() if wanted in targets), call.params)

    def _set_state(self, call: Call, state: str) -> None:
        with self._registry.changing(call.params.get("EventBusName")) as bus:
            rule_of(bus, call.params["Name"])["State"] = state
        self._changed()


def _shown(bus: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: rule[key] for key in ("Name", "State", *_KEPT) if key in rule}
    return {**shown, "Arn": rule_arn(bus, rule["Name"]), "EventBusName": bus}


def _check_schedule(expression: str, bus: str) -> None:
    if bus != DEFAULT:
        raise refused("ScheduleExpression is supported only on the default event bus.")
    try:
        if expression.startswith("at("):
            raise ScheduleError("at(…) is for EventBridge Scheduler")
        next_time(expression, datetime.now(UTC))
    except ScheduleError as error:
        raise refused(f"Parameter ScheduleExpression is not valid. {error}") from None
