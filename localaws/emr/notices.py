"""The events of clusters and steps, in the shapes in which EMR puts them on EventBridge."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from localaws.core import World

Json = dict[str, Any]

_CLUSTER = {
    "STARTING": "was requested at {at} and is being created.",
    "RUNNING": "began running steps at {at}.",
    "WAITING": "was created at {at} and is ready for use, or has run its steps.",
    "TERMINATED": "has terminated at {at} with a reason of {code}.",
    "TERMINATED_WITH_ERRORS": "has terminated with errors at {at} with a reason of {code}.",
}
_STEP = {
    "PENDING": "was added to Amazon EMR cluster {cluster} at {at} and is pending execution.",
    "RUNNING": "in Amazon EMR cluster {cluster} began running at {at}.",
    "COMPLETED": "in Amazon EMR cluster {cluster} completed execution at {at}.",
    "FAILED": "in Amazon EMR cluster {cluster} failed at {at}.",
    "CANCELLED": "in Amazon EMR cluster {cluster} was cancelled at {at}.",
}
_SEVERITY = {"TERMINATED_WITH_ERRORS": "CRITICAL", "FAILED": "ERROR", "CANCELLED": "WARN"}


def cluster_changed(world: World, record: Json) -> None:
    """Tell of a cluster's new state."""
    state = record["Status"]["State"]
    if state not in _CLUSTER:
        return
    reason = record["Status"]["StateChangeReason"]
    said = _CLUSTER[state].format(at=_now(), code=reason.get("Code", ""))
    detail = {
        "severity": _SEVERITY.get(state, "INFO"),
        "stateChangeReason": json.dumps({key.lower(): value for key, value in reason.items()} or {"code": ""}),
        "name": record["Name"],
        "clusterId": record["Id"],
        "state": state,
        "message": f"Amazon EMR cluster {record['Id']} ({record['Name']}) {said}",
    }
    events: Any = world.engines["events"]
    events.put("aws.emr", "EMR Cluster State Change", detail)


def step_changed(world: World, record: Json, step: Json) -> None:
    """Tell of a step's new state."""
    state = step["Status"]["State"]
    if state not in _STEP:
        return
    said = _STEP[state].format(at=_now(), cluster=f"{record['Id']} ({record['Name']})")
    detail = {
        "severity": _SEVERITY.get(state, "INFO"),
        "actionOnFailure": step["ActionOnFailure"],
        "stepId": step["Id"],
        "name": step["Name"],
        "clusterId": record["Id"],
        "state": state,
        "message": f"Step {step['Id']} ({step['Name']}) {said}",
    }
    events: Any = world.engines["events"]
    events.put("aws.emr", "EMR Step Status Change", detail)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
