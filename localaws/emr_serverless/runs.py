"""Job runs: each a thread that takes its record from SUBMITTED to its end."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, NotSupported, World
from localaws.emr import submit
from localaws.emr.submit import Output, SparkError, Submit, SubmitError
from localaws.emr_serverless.applications import check_monitoring, invalid, new_id, spark_properties
from localaws.lambda_.logs import LogWriter

Json = dict[str, Any]

ENDED = ("SUCCESS", "FAILED", "CANCELLED")
DEFAULT_TIMEOUT = 720
LOG_GROUP = "/aws/emr-serverless"

log = logging.getLogger(__name__)


def new_run(given: Mapping[str, Any], application: Json) -> tuple[Json, Submit]:
    """The record of a job run, and what it runs; raises AwsError."""
    driver = given.get("jobDriver") or {}
    if driver.get("hive"):
        raise NotSupported("jobDriver.hive is refused: the embedded AWS runs Spark only.")
    if not driver.get("sparkSubmit"):
        raise invalid("jobDriver.sparkSubmit must be given.")
    if (given.get("mode") or "BATCH") != "BATCH":
        raise NotSupported("The mode STREAMING is refused: a run ends here when its script does.")
    if ((given.get("retryPolicy") or {}).get("maxAttempts") or 1) > 1:
        raise NotSupported("retryPolicy.maxAttempts above 1 is refused: start another run.")
    if given.get("executionIamPolicy"):
        raise NotSupported("executionIamPolicy is refused: roles and policies decide nothing here.")
    overrides = given.get("configurationOverrides") or {}
    if overrides.get("diskEncryptionConfiguration"):
        raise NotSupported("diskEncryptionConfiguration is refused: nothing is encrypted here.")
    check_monitoring(overrides.get("monitoringConfiguration") or {})
    spark = driver["sparkSubmit"]
    defaults = {
        **spark_properties(application.get("runtimeConfiguration") or ()),
        **spark_properties(overrides.get("applicationConfiguration") or ()),
    }
    try:
        words = shlex.split(spark.get("sparkSubmitParameters") or "")
        arguments = list(spark.get("entryPointArguments") or ())
        command = submit.read([*words, spark["entryPoint"], *arguments], defaults)
    except (SubmitError, ValueError) as error:
        raise invalid(f"The job cannot be run: {error}") from error
    identifier, now = new_id(), time.time()
    record: Json = {
        "applicationId": application["applicationId"],
        "jobRunId": identifier,
        "name": given.get("name") or "",
        "arn": f"{application['arn']}/jobruns/{identifier}",
        "createdBy": f"arn:aws:iam::{ACCOUNT_ID}:user/local",
        "createdAt": now,
        "updatedAt": now,
        "executionRole": given["executionRoleArn"],
        "state": "SUBMITTED",
        "stateDetails": "",
        "releaseLabel": application["releaseLabel"],
        "configurationOverrides": overrides,
        "jobDriver": driver,
        "tags": dict(given.get("tags") or {}),
        "executionTimeoutMinutes": given.get("executionTimeoutMinutes", DEFAULT_TIMEOUT),
        "mode": "BATCH",
        "attempt": 1,
    }
    return record, command


class JobRun:
    """A run under way; ``save`` keeps its record, ``ended`` is called at its end."""

    def __init__(
        self,
        world: World,
        record: Json,
        command: Submit,
        monitoring: Mapping[str, Any],
        logs: LogWriter,
        save: Callable[[Json], None],
        ended: Callable[[], None],
    ) -> None:
        self._world = world
        self.record = record
        self._command = command
        self._monitoring = monitoring
        self._logs = logs
        self._save = save
        self._ended = ended
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=f"emr-serverless-{record['jobRunId']}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._save(self.record)
        self._tell("")
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the run."""
        self._move("CANCELLING")
        self._cancel.set()

    def close(self) -> None:
        """The server ends: so does the run."""
        self._stopped = True
        self._cancel.set()
        if self._thread.is_alive():
            self._thread.join(15)

    def _work(self) -> None:
        output = Output(self._to_cloudwatch())
        began: list[float] = []

        def started() -> None:
            began.append(time.time())
            self._move("RUNNING", startedAt=began[0])

        for state in ("PENDING", "SCHEDULED"):
            self._move(state)
        minutes = self.record["executionTimeoutMinutes"]
        try:
            outcome = submit.run(
                self._world, self._command, output, self._cancel, timeout=minutes * 60 or None, started=started
            )
            state = {"succeeded": "SUCCESS", "stopped": "CANCELLED"}.get(outcome.status, "FAILED")
            said = "Job failed, please check complete logs in configured logging destination."
            details = "" if outcome.ok else f"{said} {outcome.error}"
            if outcome.status == "timeout":
                details = f"Job execution exceeded the timeout of {minutes} minutes"
        except (SubmitError, SparkError) as error:
            state, details = "FAILED", f"Job failed: {error}"
        except Exception as error:
            log.exception("the job run %s failed inside", self.record["jobRunId"])
            state, details = "FAILED", f"The embedded AWS failed inside: {error!r}"
        if state == "CANCELLED":
            details = "The embedded AWS was stopped." if self._stopped else "Job run cancelled"
        if details:
            output.write("stderr", details)
        if place := (self._monitoring.get("s3MonitoringConfiguration") or {}).get("logUri"):
            output.put(self._world, f"{place.rstrip('/')}/{self._place()}/")
        output.close()
        seconds = max(int(time.time() - began[0]), 1) if began else 0
        self._move(
            state, details=details[:1024], endedAt=time.time(), totalExecutionDurationSeconds=seconds, final=True
        )
        self._ended()

    def _place(self) -> str:
        return f"applications/{self.record['applicationId']}/jobs/{self.record['jobRunId']}/SPARK_DRIVER"

    def _to_cloudwatch(self) -> Callable[[str, str], None] | None:
        given = self._monitoring.get("cloudWatchLoggingConfiguration") or {}
        if not given.get("enabled"):
            return None
        group = given.get("logGroupName") or LOG_GROUP
        prefix = given.get("logStreamNamePrefix")
        place = f"{prefix.strip('/')}/{self._place()}" if prefix else self._place()
        return lambda stream, line: self._logs.write(group, f"{place}/{stream}", [line or " "])

    def _move(self, state: str, *, details: str = "", final: bool = False, **more: Any) -> None:
        with self._lock:
            old = self.record["state"]
            if old in ENDED or (old == "CANCELLING" and not final):
                return
            self.record |= {"state": state, "stateDetails": details, "updatedAt": time.time(), **more}
            self._save(self.record)
        self._tell(old)

    def _tell(self, old: str) -> None:
        kept = ("jobRunId", "applicationId", "arn", "releaseLabel", "state", "createdBy")
        detail = {
            **{key: self.record[key] for key in kept},
            "jobRunName": self.record["name"],
            "previousState": old,
            "createdAt": _written(self.record["createdAt"]),
            "updatedAt": _written(self.record["updatedAt"]),
        }
        events: Any = self._world.engines["events"]
        events.put("aws.emr-serverless", "EMR Serverless Job Run State Change", detail)


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(record: Mapping[str, Any]) -> Json:
    """A record as GetJobRun gives it."""
    names = ("createdAt", "updatedAt", "startedAt", "endedAt")
    return {**record, **{name: datetime.fromtimestamp(record[name], UTC) for name in names if name in record}}


def summary(record: Mapping[str, Any]) -> Json:
    """A JobRunSummary."""
    kept = (
        "applicationId",
        "name",
        "mode",
        "arn",
        "createdBy",
        "executionRole",
        "state",
        "stateDetails",
        "releaseLabel",
    )
    times = {name: datetime.fromtimestamp(record[name], UTC) for name in ("createdAt", "updatedAt")}
    return {"id": record["jobRunId"], **{key: record[key] for key in kept}, **times, "type": "SPARK", "attempt": 1}
