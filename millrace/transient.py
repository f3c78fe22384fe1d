"""A Glue job's script, arguments and wheel on a transient EMR cluster: what RunJobFlow is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
# EMR's own Python is 3.9; the bootstrap script installs this one.
_PYTHON = {
    "Classification": "spark-env",
    "Configurations": [{"Classification": "export", "Properties": {"PYSPARK_PYTHON": "/usr/bin/python3.11"}}],
}
_MODULES = "--additional-python-modules"
_OF_GLUE = (_MODULES, "--extra-py-files", "--job-bookmark-option", "--job-language", "--TempDir")


def cluster_of(emr: Any, job: str) -> str | None:
    """The cluster that runs a job now, if one does."""
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=list(_ACTIVE))
    return next((c["Id"] for page in pages for c in page["Clusters"] if c["Name"] == job), None)


def job_flow(job: Mapping[str, Any], arguments: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of RunJobFlow. job: as GetJob has it; settings: RELEASE and so on, as ``start_emr`` has them."""
    defaults = job.get("DefaultArguments", {})
    modules = defaults.get(_MODULES, "").split(",")
    wheels = [module for module in modules if module.endswith((".whl", ".zip"))]
    passed = {name: value for name, value in defaults.items() if name not in _OF_GLUE} | dict(arguments)
    submit = ["spark-submit", "--deploy-mode", "cluster", "--name", job["Name"]]
    submit += ["--py-files", ",".join(wheels)] if wheels else []
    submit += [job["Command"]["ScriptLocation"], *(word for pair in passed.items() for word in pair)]
    subnet = {"Ec2SubnetId": settings["SUBNET"]} if settings.get("SUBNET") else {}
    bootstrap = settings.get("BOOTSTRAP")
    actions = [{"Name": "modules", "ScriptBootstrapAction": {"Path": bootstrap, "Args": modules}}] if bootstrap else []
    return {
        "Name": job["Name"],
        "ReleaseLabel": settings["RELEASE"],
        "Applications": [{"Name": "Spark"}],
        "LogUri": settings["LOG_URI"],
        "ServiceRole": settings["SERVICE_ROLE"],
        "JobFlowRole": settings["INSTANCE_PROFILE"],
        "VisibleToAllUsers": True,
        "Instances": {
            "MasterInstanceType": settings["INSTANCE_TYPE"],
            "SlaveInstanceType": settings["INSTANCE_TYPE"],
            "InstanceCount": int(settings["INSTANCES"]),
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
            **subnet,
        },
        **({"BootstrapActions": actions, "Configurations": [_PYTHON]} if actions else {}),
        "Steps": [
            {
                "Name": job["Name"],
                "ActionOnFailure": "TERMINATE_CLUSTER",
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": submit},
            }
        ],
    }
