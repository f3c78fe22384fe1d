"""Lambda ``start_job``: start a Glue job. Event: ``{"job": name, "arguments": {…}}``, the arguments if there are any.

Answer: ``{"job": name, "run": id}``.
"""

from __future__ import annotations

from typing import Any

import boto3

_glue = boto3.client("glue")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the job; where it runs already, fail and so be invoked again: that run may have begun too early."""
    run = _glue.start_job_run(JobName=event["job"], Arguments=event.get("arguments", {}))
    return {"job": event["job"], "run": run["JobRunId"]}
