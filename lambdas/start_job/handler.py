"""Lambda ``start_job``: start a Glue job for what is there.

Event: ``{"job": name, "time": since when it is there, ISO 8601}``, with ``"arguments": {…}`` if there are any.
Answer: ``{"job": name, "run": id}``, of the run that was started or of one that began later and so sees it too.
"""

from __future__ import annotations

from typing import Any

import boto3

from millrace.events import start_job

_glue = boto3.client("glue")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the job, unless a run is under way that sees it; fail, to be invoked again, if that one may not."""
    run = start_job(_glue, event["job"], event.get("arguments", {}), event["time"])
    return {"job": event["job"], "run": run}
