"""What CreateTrigger and UpdateTrigger accept, checked as AWS checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.glue.timetable import check_schedule

Json = dict[str, Any]

TYPES = ("SCHEDULED", "CONDITIONAL", "ON_DEMAND")
_KEPT = ("Description", "Schedule", "Predicate", "Actions")
_NAME = re.compile(r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]{1,255}")
_MOST_CRAWLERS = 2

# What an action or a condition is about: the member that names it, the one that has a condition's state, its states.
KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "job": ("JobName", "State", ("SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT")),
    "crawler": ("CrawlerName", "CrawlState", ("SUCCEEDED", "FAILED", "CANCELLED")),
}


def definition(given: Mapping[str, Any]) -> Json:
    """A trigger in the shape of the Glue API, but for its State; raises InvalidInputException or NotSupported."""
    name, kind = given["Name"], given["Type"]
    if not _NAME.fullmatch(name):
        raise invalid(f"The trigger's name {name!r} is empty, too long or holds control characters.")
    if given.get("WorkflowName"):
        raise NotSupported("A trigger of a workflow is refused: there are no workflows here. Leave WorkflowName out.")
    if kind == "EVENT" or given.get("EventBatchingCondition"):
        raise NotSupported("A trigger of type EVENT is refused: it starts workflows, and there are none here.")
    if kind not in TYPES:
        raise invalid(f"The trigger's Type {kind!r} is not known; it may be {', '.join(TYPES)}.")
    if kind == "ON_DEMAND" and given.get("StartOnCreation"):
        raise invalid("StartOnCreation is not supported for triggers of type ON_DEMAND.")
    trigger = {"Name": name, "Type": kind, **{key: given[key] for key in _KEPT if given.get(key)}}
    _check_members(trigger)
    _check_actions(trigger.get("Actions", ()))
    if kind == "SCHEDULED":
        check_schedule(trigger["Schedule"])
    if kind == "CONDITIONAL":
        _check_predicate(trigger["Predicate"], trigger["Actions"])
    return trigger


def kind_of(about: Mapping[str, Any]) -> str:
    """Whether an action or a condition is about a ``job`` or a ``crawler``."""
    return "job" if about.get("JobName") else "crawler"


def name_of(about: Mapping[str, Any]) -> str:
    """The name of the job or crawler that an action or a condition is about."""
    return str(about[KINDS[kind_of(about)][0]])


def is_met(condition: Mapping[str, Any], kind: str, name: str, state: str) -> bool:
    """Whether what ended so is what the condition waits for."""
    return kind_of(condition) == kind and name_of(condition) == name and condition[KINDS[kind][1]] == state


def _check_members(trigger: Json) -> None:
    kind = trigger["Type"]
    for member, of in (("Schedule", "SCHEDULED"), ("Predicate", "CONDITIONAL")):
        if kind == of and not trigger.get(member):
            raise invalid(f"{member} is required for triggers of type {kind}.")
        if kind != of and trigger.get(member):
            raise invalid(f"{member} is not allowed for triggers of type {kind}.")


def _check_actions(actions: Sequence[Mapping[str, Any]]) -> None:
    if not actions:
        raise invalid("Actions are required: what the trigger starts.")
    for action in actions:
        _check_about(action, "An action")
    if sum(kind_of(action) == "crawler" for action in actions) > _MOST_CRAWLERS:
        raise invalid(f"A trigger starts at most {_MOST_CRAWLERS} crawlers.")


def _check_predicate(predicate: Mapping[str, Any], actions: Sequence[Mapping[str, Any]]) -> None:
    conditions = predicate.get("Conditions") or ()
    if not conditions:
        raise invalid("Predicate.Conditions are required for triggers of type CONDITIONAL.")
    if len(conditions) > 1 and not predicate.get("Logical"):
        raise invalid("Predicate.Logical is required with several conditions: AND or ANY.")
    if predicate.get("Logical", "AND") not in ("AND", "ANY"):
        raise invalid(f"Predicate.Logical is {predicate['Logical']!r}; it may be AND or ANY.")
    started = {(kind_of(action), name_of(action)) for action in actions}
    for condition in conditions:
        _check_about(condition, "A condition")
        kind = kind_of(condition)
        _, member, states = KINDS[kind]
        if condition.get("LogicalOperator", "EQUALS") != "EQUALS":
            raise invalid(f"The LogicalOperator {condition['LogicalOperator']!r} is not known; it may be EQUALS.")
        if condition.get(member) not in states:
            raise invalid(f"A condition's {member} is {condition.get(member)!r}; it may be {', '.join(states)}.")
        if (kind, name_of(condition)) in started:
            raise invalid(f"{kind.capitalize()} cannot be a Predicate and Action for Conditional Trigger.")


def _check_about(about: Mapping[str, Any], what: str) -> None:
    if bool(about.get("JobName")) == bool(about.get("CrawlerName")):
        raise invalid(f"{what} names either a job by JobName or a crawler by CrawlerName.")


def invalid(message: str) -> AwsError:
    """An InvalidInputException."""
    return AwsError("InvalidInputException", message)
