"""Glue jobs with their scripts and the package millrace, and the connections that they use."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from millrace import package
from millrace.declared import DeclarationError
from millrace.kinds import Connection, Job
from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import ROOT, Pipeline

_DRIVERS = {"jdbc_mysql": "jdbc:mysql"}
_DEFAULT_PORTS = {"jdbc_mysql": 3306}


def make(account: Account, declared: Pipeline) -> None:
    """Make the connections and the jobs."""
    for connection in declared.connections:
        _connection(account, connection)
    if not declared.jobs:
        return
    wheel = "s3://{}/{}".format(*account.artifact(package.build_wheel(account.built), "wheels"))
    for job in declared.jobs:
        definition = _definition(account, job, wheel)
        glue = account.client("glue")
        if not create(glue.create_job, Name=job.name, **definition):
            glue.update_job(JobName=job.name, JobUpdate=definition)


def _definition(account: Account, job: Job, wheel: str) -> dict[str, Any]:
    """A job as Glue's API has it, without its name."""
    bucket, key = account.artifact(_script(account, job), "glue")
    arguments = {
        "--additional-python-modules": ",".join([wheel, *job.modules]),
        "--job-bookmark-option": "job-bookmark-enable" if job.bookmarks else "job-bookmark-disable",
        **account.names.resolve(job.arguments),
    }
    spark = {"GlueVersion": job.glue_version, "WorkerType": job.worker, "NumberOfWorkers": job.workers}
    return {
        "Description": job.description,
        "Role": account.role(f"job-{job.name}"),
        "Command": {
            "Name": job.kind,
            "ScriptLocation": f"s3://{bucket}/{key}",
            "PythonVersion": "3" if job.kind == "glueetl" else "3.9",
        },
        "DefaultArguments": arguments,
        "ExecutionProperty": {"MaxConcurrentRuns": job.max_concurrent_runs},
        "Connections": {"Connections": list(job.connections)},
        "MaxRetries": job.max_retries,
        "Timeout": job.timeout_min,
        **(spark if job.kind == "glueetl" else {"MaxCapacity": 0.0625}),
    }


def _script(account: Account, job: Job) -> Path:
    """The script under a name that tells its content."""
    source = ROOT / "glue" / f"{job.script or job.name}.py"
    if not source.is_file():
        raise DeclarationError(f"job {job.name}: there is no glue/{source.name}; write it or name another `script`")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    copy = account.built / f"{source.stem}-{digest}.py"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    return copy


def _connection(account: Account, connection: Connection) -> None:
    """A connection to where the secret says that the database is."""
    if connection.kind not in _DRIVERS:
        known = ", ".join(_DRIVERS)
        raise DeclarationError(f"connection {connection.name}: kind {connection.kind!r} is not known, but {known}")
    secrets = account.client("secretsmanager")
    try:
        where = json.loads(secrets.get_secret_value(SecretId=connection.secret)["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        raise DeclarationError(
            f"connection {connection.name}: the secret {connection.secret} has no value yet; "
            "put a JSON object with host, port, username and password there first"
        ) from None
    port = where.get("port", _DEFAULT_PORTS[connection.kind])
    url = f"{_DRIVERS[connection.kind]}://{where['host']}:{port}/{connection.database}"
    definition = {
        "Name": connection.name,
        "ConnectionType": "JDBC",
        "ConnectionProperties": {"JDBC_CONNECTION_URL": url, "SECRET_ID": connection.secret},
    }
    glue = account.client("glue")
    if not create(glue.create_connection, ConnectionInput=definition):
        glue.delete_connection(ConnectionName=connection.name)
        glue.create_connection(ConnectionInput=definition)
