"""One run of a job: its record in the Glue API's shape, and the thread's work from STARTING to the end."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from localaws.core import AwsError, World
from localaws.glue.folders import parse_path
from localaws.glue.job_arguments import (
    BOOKMARK,
    CATALOG,
    EXTRA_FILES,
    EXTRA_JARS,
    EXTRA_PY_FILES,
    MODULES,
    SCRIPT,
    enabled,
    listed,
    spark_conf,
)
from localaws.glue.job_bookmarks import Bookmarks
from localaws.glue.job_definition import is_shell
from localaws.glue.job_logs import SHELL_GROUP, SPARK_GROUP, JobLogs
from localaws.spark.host import SparkHost
from localaws.spark.runs import Outcome, SparkError, SparkRun

Json = dict[str, Any]

ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
_JOB_PATH = Path(__file__).with_name("job_path")
_STATES = {"succeeded": "SUCCEEDED", "failed": "FAILED", "timeout": "TIMEOUT", "stopped": "STOPPED"}
_CATEGORIES = {
    "GlueArgumentError": "INVALID_ARGUMENT_ERROR",
    "ModuleNotFoundError": "IMPORT_ERROR",
    "ImportError": "IMPORT_ERROR",
    "SyntaxError": "SYNTAX_ERROR",
    "IndentationError": "SYNTAX_ERROR",
    "AnalysisException": "QUERY_ERROR",
    "ParseException": "QUERY_ERROR",
    "OutOfMemoryError": "OUT_OF_MEMORY_ERROR",
}

log = logging.getLogger(__name__)


class LaunchError(Exception):
    """A run cannot be begun; the message is its ErrorMessage."""


class Work:
    """What a run's thread does."""

    def __init__(
        self,
        world: World,
        job: Json,
        run: Json,
        arguments: Mapping[str, str],
        bookmarks: Bookmarks,
        has_connection: Callable[[str], bool],
    ) -> None:
        self._world = world
        self._job = job
        self._run = run
        self._arguments = arguments
        self._bookmarks = bookmarks
        self._has_connection = has_connection
        self.cancel = threading.Event()
        self._shell = is_shell(job)
        self._logs = JobLogs(SHELL_GROUP if self._shell else SPARK_GROUP, run["Id"])

    def do(self, running: Callable[[], None]) -> Json:
        """Run the script; the fields of the record that its end sets. ``running`` is called when the script begins."""
        folder = Path(tempfile.mkdtemp(prefix="glue-job-"))
        try:
            outcome = SparkHost.of(self._world).run(self._described(folder, running), self.cancel)
            return self._end(outcome)
        except LaunchError as error:
            return self._failed(str(error))
        except SparkError as error:
            return self._failed(f"LAUNCH ERROR | {error}")
        except Exception as error:
            log.exception("job run %s failed inside", self._run["Id"])
            return self._failed(f"Internal Service Exception: {error!r}")
        finally:
            self._logs.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _described(self, folder: Path, running: Callable[[], None]) -> SparkRun:
        given = self._arguments
        jars = [self._fetch(uri, folder / "jars") for uri in listed(given, EXTRA_JARS)]
        try:
            conf = spark_conf(given)
        except ValueError as error:
            raise LaunchError(f"LAUNCH ERROR | {error}") from error
        modules = [
            str(self._fetch(part, folder / "wheels")) if part.startswith("s3://") else part
            for part in listed(given, MODULES)
        ]
        script = self._fetch(given.get(SCRIPT) or self._job["Command"]["ScriptLocation"], folder / "script")
        for name in (self._job.get("Connections") or {}).get("Connections") or ():
            if not self._has_connection(name):
                raise LaunchError(f"LAUNCH ERROR | Connection {name} not found.")
        return SparkRun(
            script=script,
            argv=self._argv(),
            name=self._job["Name"],
            py_files=[
                *(self._fetch(uri, folder / "python") for uri in listed(given, EXTRA_PY_FILES)),
                _JOB_PATH,
            ],
            files=[self._fetch(uri, folder / "files") for uri in listed(given, EXTRA_FILES)],
            modules=modules,
            jars=[] if self._shell else jars,
            conf=conf,
            environment={
                "GLUE_VERSION": self._job["GlueVersion"],
                "LOCALAWS_GLUE_BOOKMARK": str(self._bookmarks.path(self._job["Name"])),
            },
            preload="awsglue.session_catalog" if enabled(given, CATALOG) and not self._shell else "",
            spark=not self._shell,
            timeout=self._run["Timeout"] * 60.0,
            on_output=self._logs.write,
            on_started=running,
        )

    def _argv(self) -> list[str]:
        own = {
            "--JOB_NAME": self._job["Name"],
            "--JOB_ID": "j_" + uuid.uuid5(uuid.NAMESPACE_OID, self._job["Name"]).hex,
            "--JOB_RUN_ID": self._run["Id"],
            BOOKMARK: "job-bookmark-disable",
        }
        return [part for pair in {**own, **self._arguments}.items() for part in pair]

    def _fetch(self, uri: str, folder: Path) -> Path:
        """A copy of an object of S3. Raises LaunchError."""
        try:
            bucket, key = parse_path(uri)
            if not key or key.endswith("/"):
                raise LaunchError(f"LAUNCH ERROR | {uri} is a folder, not a file.")
            with self._world.store.open(bucket, key) as source:
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / PurePosixPath(key).name
                with target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        except AwsError as error:
            raise LaunchError(f"LAUNCH ERROR | File Does Not Exist: {uri}. {error.message}") from error
        return target

    def _end(self, outcome: Outcome) -> Json:
        state = _STATES[outcome.status]
        ended: Json = {"JobRunState": state}
        if state == "FAILED":
            ended["ErrorMessage"] = _error_message(outcome)
        elif state == "TIMEOUT":
            ended["ErrorMessage"] = "Job run timed out"
        return ended

    def _failed(self, message: str) -> Json:
        self._logs.write("stderr", message)
        return {"JobRunState": "FAILED", "ErrorMessage": message}


def new_run(job: Json, given: Mapping[str, Any], capacity: Json, *, attempt: int, previous: str, trigger: str) -> Json:
    """The record of a run that begins now; times are seconds since 1970."""
    now = time.time()
    run: Json = {
        "Id": f"{previous}_attempt_{attempt}" if attempt else f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}",
        "Attempt": attempt,
        "JobName": job["Name"],
        "JobMode": job.get("JobMode", "SCRIPT"),
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": dict(given.get("Arguments") or {}),
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": given.get("Timeout") or job["Timeout"],
        **capacity,
        "LogGroupName": SHELL_GROUP if is_shell(job) else SPARK_GROUP,
        "GlueVersion": job["GlueVersion"],
        "ExecutionClass": given.get("ExecutionClass") or job.get("ExecutionClass") or "STANDARD",
    }
    if previous:
        run["PreviousRunId"] = previous
    if trigger:
        run["TriggerName"] = trigger
    return run


def _error_message(outcome: Outcome) -> str:
    """As Glue words a failure: category, line of the script, exception."""
    kind = outcome.error.split(":")[0].strip().rpartition(".")[2]
    parts = [f"Error Category: {_CATEGORIES.get(kind, 'UNCLASSIFIED_ERROR')}"]
    if outcome.line:
        parts.append(f"Failed Line Number: {outcome.line}")
    return "; ".join([*parts, outcome.error])[:2000]
