"""The events of job runs, in the shape in which AWS puts them on EventBridge's default bus."""

from __future__ import annotations

from typing import Any

from localaws.core import World

_SEVERITY = {"SUCCEEDED": "INFO", "STOPPED": "INFO", "TIMEOUT": "WARN", "FAILED": "ERROR"}
_MESSAGE = {"SUCCEEDED": "Job run succeeded", "STOPPED": "Job run stopped", "TIMEOUT": "Job run timed out"}


def run_ended(world: World, run: dict[str, Any]) -> None:
    """Tell that a run has ended."""
    state = run["JobRunState"]
    events: Any = world.engines["events"]
    detail = {
        "jobName": run["JobName"],
        "severity": _SEVERITY[state],
        "state": state,
        "jobRunId": run["Id"],
        "message": _MESSAGE.get(state) or run.get("ErrorMessage", "Job run failed"),
    }
    events.put("aws.glue", "Glue Job State Change", detail)
