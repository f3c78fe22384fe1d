"""A job's definition: what CreateJob and UpdateJob accept, and the capacity that jobs and runs have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.glue.job_arguments import check_arguments

Json = dict[str, Any]

_NAME = re.compile(r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]{1,255}")
VERSIONS = ("3.0", "4.0", "5.0", "5.1")  # all run on Spark 3.5
_DEFAULT_VERSION = "5.0"
_PYTHON_SHELL = "pythonshell"
_COMMANDS = ("glueetl", _PYTHON_SHELL)
_DPUS = {
    "Standard": 1.0,
    "G.025X": 0.25,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
    "Z.2X": 2.0,
}
_SHELL_DPUS = (0.0625, 1.0)
_TIMEOUTS = {"3.0": 2880, "4.0": 2880}  # minutes; of later versions 480
_KEPT = (
    "Name",
    "JobMode",
    "JobRunQueuingEnabled",
    "Description",
    "SecurityConfiguration",
    "LogUri",
    "Role",
    "ExecutionProperty",
    "Command",
    "DefaultArguments",
    "NonOverridableArguments",
    "Connections",
    "MaxRetries",
    "Timeout",
    "NotificationProperty",
    "GlueVersion",
    "CodeGenConfigurationNodes",
    "ExecutionClass",
    "SourceControlDetails",
    "MaintenanceWindow",
)
CAPACITY = ("AllocatedCapacity", "MaxCapacity", "WorkerType", "NumberOfWorkers")


def job_definition(given: Mapping[str, Any]) -> Json:
    """A Job in the Glue API's shape, without its times, from the parameters of CreateJob, checked."""
    _refuse(given)
    job: Json = {key: given[key] for key in _KEPT if given.get(key) is not None}
    if not _NAME.fullmatch(str(job.get("Name", ""))):
        raise invalid("The job's Name is empty, too long or holds control characters.")
    if not job.get("Role"):
        raise invalid("A job needs a Role.")
    job["Command"] = _command(given.get("Command") or {})
    version = job.setdefault("GlueVersion", _DEFAULT_VERSION)
    shell = is_shell(job)
    if not shell and version not in VERSIONS:
        raise NotSupported(f"GlueVersion {version} is refused: jobs run on Spark 3.5, as {', '.join(VERSIONS)} may.")
    job.setdefault("MaxRetries", 0)
    if not 0 <= job["MaxRetries"] <= 10:
        raise invalid(f"MaxRetries is {job['MaxRetries']}; it may be from 0 to 10.")
    job.setdefault("Timeout", 2880 if shell else _TIMEOUTS.get(version, 480))
    check_timeout(job["Timeout"])
    job["ExecutionProperty"] = {"MaxConcurrentRuns": 1, **(job.get("ExecutionProperty") or {})}
    if not 1 <= job["ExecutionProperty"]["MaxConcurrentRuns"] <= 1000:
        raise invalid("ExecutionProperty.MaxConcurrentRuns may be from 1 to 1000.")
    job.update(capacity(given, shell=shell))
    check_arguments({**job.get("DefaultArguments", {}), **job.get("NonOverridableArguments", {})})
    return job


def is_shell(job: Mapping[str, Any]) -> bool:
    """Whether the job is plain Python, without Spark."""
    return bool(job["Command"]["Name"] == _PYTHON_SHELL)


def capacity(given: Mapping[str, Any], *, shell: bool) -> Json:
    """AllocatedCapacity, MaxCapacity and, of Spark jobs, WorkerType and NumberOfWorkers."""
    allocated, most = given.get("AllocatedCapacity"), given.get("MaxCapacity")
    kind, workers = given.get("WorkerType"), given.get("NumberOfWorkers")
    if most is not None and (kind or workers is not None):
        raise invalid("Please do not set Max Capacity if using Worker Type and Number of Workers.")
    if shell:
        if kind or workers is not None:
            raise invalid("Worker Type and Number of Workers are not supported for a Python shell job.")
        dpus = most if most is not None else _SHELL_DPUS[0]
        if dpus not in _SHELL_DPUS:
            raise invalid(f"Max Capacity {dpus:g} is not supported for a Python shell job: it may be 0.0625 or 1.")
        return {"AllocatedCapacity": int(dpus), "MaxCapacity": float(dpus)}
    if (kind is None) != (workers is None):
        raise invalid("Please set both Worker Type and Number of Workers.")
    if kind is not None:
        if kind not in _DPUS:
            raise invalid(f"Worker Type {kind} is not known; it may be {', '.join(_DPUS)}.")
        if workers is None or workers < 1:
            raise invalid("Number of Workers must be at least 1.")
        dpus = _DPUS[kind] * workers
        return {
            "AllocatedCapacity": int(dpus),
            "MaxCapacity": float(dpus),
            "WorkerType": kind,
            "NumberOfWorkers": workers,
        }
    dpus = float(most if most is not None else allocated if allocated is not None else 10)
    if dpus < 2 or dpus != int(dpus):
        raise invalid(f"Max Capacity {dpus:g} is not supported for a Spark job: it is a whole number from 2 on.")
    return {
        "AllocatedCapacity": int(dpus),
        "MaxCapacity": dpus,
        "WorkerType": "G.1X",
        "NumberOfWorkers": int(dpus),
    }


def check_timeout(minutes: int) -> None:
    """Raise InvalidInputException unless it is a number of minutes that a run may take."""
    if not 1 <= minutes <= 10080:
        raise invalid(f"Timeout is {minutes}; it may be from 1 to 10080 minutes.")


def refuse_queuing(given: Mapping[str, Any]) -> None:
    """Raise NotSupported where a job or a run asks to wait for its turn."""
    if given.get("JobRunQueuingEnabled"):
        raise NotSupported(
            "JobRunQueuingEnabled is refused: a run beyond MaxConcurrentRuns gets ConcurrentRunsExceededException."
        )


def invalid(message: str) -> AwsError:
    """An InvalidInputException."""
    return AwsError("InvalidInputException", message)


def _command(given: Mapping[str, Any]) -> Json:
    name = given.get("Name") or "glueetl"
    if name not in _COMMANDS:
        raise NotSupported(f"Jobs of the command {name} are refused: glueetl and pythonshell are run.")
    if not str(given.get("ScriptLocation", "")).startswith("s3://"):
        raise invalid(f"The Command's ScriptLocation {given.get('ScriptLocation')!r} is not of the form s3://…")
    if given.get("Runtime"):
        raise NotSupported("A Command's Runtime is of Ray jobs, which are refused.")
    return {
        "Name": name,
        "ScriptLocation": given["ScriptLocation"],
        "PythonVersion": given.get("PythonVersion") or ("3.9" if name == _PYTHON_SHELL else "3"),
    }


def _refuse(given: Mapping[str, Any]) -> None:
    if given.get("MaintenanceWindow"):
        raise NotSupported("A MaintenanceWindow is of streaming jobs, which are refused.")
    refuse_queuing(given)
    if (given.get("NotificationProperty") or {}).get("NotifyDelayAfter"):
        raise NotSupported("NotifyDelayAfter is refused: no event tells of a run that takes long.")
    if given.get("CodeGenConfigurationNodes"):
        raise NotSupported("Visual jobs (CodeGenConfigurationNodes) are refused: give a script.")
