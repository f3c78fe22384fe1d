"""Lambda ``start_emr``: run a Glue job's script on a transient EMR cluster, which ends itself after it.

Event: ``{"job": name, "arguments": {…}}``, the arguments over the job's own. Answer: ``{"job": name, "cluster": id}``.
Environment: RELEASE, INSTANCE_TYPE, INSTANCES (how many), LOG_URI, SERVICE_ROLE, INSTANCE_PROFILE, and if need be
SUBNET and BOOTSTRAP (the address of a script that installs the job's modules on the cluster).
"""

from __future__ import annotations

import os
from typing import Any

import boto3

from millrace.transient import cluster_of, job_flow

_glue, _emr = boto3.client("glue"), boto3.client("emr")


class StillRunning(RuntimeError):
    """A cluster does this already and may have looked for files too early: Lambda tries again when it is over."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the cluster. Where one runs already the invocation fails, and Lambda repeats it."""
    job = _glue.get_job(JobName=event["job"])["Job"]
    if running := cluster_of(_emr, event["job"]):
        raise StillRunning(f"cluster {running} runs {event['job']} already; this is to be repeated")
    started = _emr.run_job_flow(**job_flow(job, event.get("arguments", {}), os.environ))
    return {"job": event["job"], "cluster": started["JobFlowId"]}
