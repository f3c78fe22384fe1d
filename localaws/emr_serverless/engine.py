"""The EMR Serverless service: applications and job runs."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.documents import Documents
from localaws.emr_serverless import applications, runs
from localaws.emr_serverless.applications import invalid, new_application
from localaws.emr_serverless.runs import ENDED, JobRun, new_run
from localaws.lambda_.logs import LogWriter
from localaws.spark.host import SparkHost

Json = dict[str, Any]

MAX_RUNS = 25
PAGE = 50


class EmrServerlessEngine:
    """Applications whose job runs are carried out by this machine's Spark. Records outlive a restart."""

    service = "emr-serverless"

    def __init__(self, world: World) -> None:
        self._world = world
        folder = world.data / "emr-serverless"
        self._applications = Documents(folder / "applications")
        self._runs = Documents(folder / "runs")
        self._tokens: dict[tuple[str, str], str] = {}
        self._live: dict[str, JobRun] = {}
        self._logs = LogWriter()
        self._lock = threading.RLock()
        self._end_interrupted()
        self.operations: Mapping[str, Handler] = {
            "CreateApplication": self._create,
            "GetApplication": lambda call: {"application": applications.shown(self._application(call))},
            "ListApplications": self._list,
            "UpdateApplication": self._update,
            "StartApplication": self._start,
            "StopApplication": self._stop,
            "DeleteApplication": self._delete,
            "StartJobRun": self._start_run,
            "GetJobRun": lambda call: {"jobRun": runs.shown(self._run(call))},
            "ListJobRuns": self._list_runs,
            "CancelJobRun": self._cancel,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda call: {"tags": self._tagged(call)[1]["tags"]},
        }

    def close(self) -> None:
        """End what runs."""
        live = list(self._live.values())
        for run in live:
            run.close()
        if live:
            SparkHost.of(self._world).close()
        self._logs.close()

    def _end_interrupted(self) -> None:
        """Runs that the last server left under way ended with it."""
        for record in self._runs.all():
            if record["state"] not in ENDED:
                ended = {"state": "FAILED", "stateDetails": "The embedded AWS ended while the job ran."}
                self._runs.save(
                    record["jobRunId"], {**record, **ended, "updatedAt": time.time(), "endedAt": time.time()}
                )

    # Applications

    def _application(self, call: Call) -> Json:
        """An application, stopped if it was idle for long."""
        identifier = call.params["applicationId"]
        with self._lock:
            found = self._applications.get(identifier)
            if found is None:
                raise AwsError("ResourceNotFoundException", f"Application {identifier} does not exist", 404)
            stop = found["autoStopConfiguration"]
            idle = time.time() - found["updatedAt"] > stop["idleTimeoutMinutes"] * 60
            if found["state"] == "STARTED" and stop["enabled"] and idle and not self._running(identifier):
                found = self._move(found, "STOPPED")
            return found

    def _move(self, application: Json, state: str) -> Json:
        changed = {**application, "state": state, "updatedAt": time.time()}
        self._applications.save(application["applicationId"], changed)
        return changed

    def _running(self, application: str) -> list[Json]:
        return [one for one in self._runs.all() if one["applicationId"] == application and one["state"] not in ENDED]

    def _create(self, call: Call) -> Json:
        with self._lock:
            token = ("", call.params["clientToken"])
            record = self._applications.get(self._tokens.get(token, ""))
            if record is None:
                record = new_application(call.params)
                self._tokens[token] = record["applicationId"]
                self._applications.save(record["applicationId"], record)
        return {key: record[key] for key in ("applicationId", "name", "arn") if key in record}

    def _list(self, call: Call) -> Json:
        states = set(call.params.get("states") or ())
        found = [applications.summary(one) for one in self._applications.all() if not states or one["state"] in states]
        return _paged("applications", found, call)

    def _update(self, call: Call) -> Json:
        applications.check(call.params)
        with self._lock:
            record = self._application(call)
            if record["state"] not in ("CREATED", "STOPPED"):
                raise AwsError(
                    "ConflictException", f"Application must be CREATED or STOPPED, it is {record['state']}", 409
                )
            kept = (
                "initialCapacity",
                "maximumCapacity",
                "releaseLabel",
                "runtimeConfiguration",
                "monitoringConfiguration",
            )
            changed = {key: call.params[key] for key in kept if call.params.get(key) is not None}
            for key in ("autoStartConfiguration", "autoStopConfiguration"):
                if call.params.get(key):
                    changed[key] = {**record[key], **call.params[key]}
            return {"application": applications.shown(self._move({**record, **changed}, record["state"]))}

    def _start(self, call: Call) -> Json:
        with self._lock:
            record = self._application(call)
            if record["state"] != "STARTED":
                self._move(record, "STARTED")
        return {}

    def _stop(self, call: Call) -> Json:
        with self._lock:
            record = self._application(call)
            if running := self._running(record["applicationId"]):
                message = f"Application {record['applicationId']} has {len(running)} job runs that have not ended"
                raise AwsError("ConflictException", message, 409)
            if record["state"] == "STARTED":
                self._move(record, "STOPPED")
        return {}

    def _delete(self, call: Call) -> Json:
        with self._lock:
            record = self._application(call)
            if record["state"] not in ("CREATED", "STOPPED"):
                message = f"Application {record['applicationId']} must be CREATED or STOPPED, it is {record['state']}"
                raise invalid(message)
            self._applications.delete(record["applicationId"])
            for run in self._runs.all():
                if run["applicationId"] == record["applicationId"]:
                    self._runs.delete(run["jobRunId"])
        return {}

    # Job runs

    def _start_run(self, call: Call) -> Json:
        given = call.params
        with self._lock:
            application = self._application(call)
            token = (application["applicationId"], given["clientToken"])
            known = self._runs.get(self._tokens.get(token, ""))
            if known is None:
                known = self._begin(given, application)
                self._tokens[token] = known["jobRunId"]
        return {key: known[key] for key in ("applicationId", "jobRunId", "arn")}

    def _begin(self, given: Mapping[str, Any], application: Json) -> Json:
        if application["state"] != "STARTED" and not application["autoStartConfiguration"]["enabled"]:
            raise invalid(f"Application {application['applicationId']} is not started, and does not start by itself")
        if len(self._running(application["applicationId"])) >= MAX_RUNS:
            raise AwsError("ServiceQuotaExceededException", f"An application may run {MAX_RUNS} jobs at once", 402)
        record, command = new_run(given, application)
        overrides = record["configurationOverrides"].get("monitoringConfiguration")
        monitoring = overrides or application.get("monitoringConfiguration") or {}
        identifier = record["jobRunId"]

        def ended() -> None:
            with self._lock:
                self._live.pop(identifier, None)
                current = self._applications.get(record["applicationId"])
                if current is not None:
                    self._move(current, current["state"])

        run = JobRun(self._world, record, command, monitoring, self._logs, self._save, ended)
        self._live[identifier] = run
        self._move(application, "STARTED")
        run.start()
        return record

    def _save(self, record: Json) -> None:
        self._runs.save(record["jobRunId"], copy.deepcopy(record))

    def _run(self, call: Call) -> Json:
        application = self._application(call)
        found = self._runs.get(call.params["jobRunId"])
        if found is None or found["applicationId"] != application["applicationId"]:
            raise AwsError("ResourceNotFoundException", f"Job run {call.params['jobRunId']} does not exist", 404)
        return found

    def _list_runs(self, call: Call) -> Json:
        given = call.params
        application = self._application(call)["applicationId"]
        states = set(given.get("states") or ())
        after, before = given.get("createdAtAfter"), given.get("createdAtBefore")
        found = [
            runs.summary(one)
            for one in sorted(self._runs.all(), key=lambda one: -one["createdAt"])
            if one["applicationId"] == application
            and (not states or one["state"] in states)
            and (after is None or one["createdAt"] >= after.timestamp())
            and (before is None or one["createdAt"] <= before.timestamp())
        ]
        return _paged("jobRuns", found, call)

    def _cancel(self, call: Call) -> Json:
        record = self._run(call)
        run = self._live.get(record["jobRunId"])
        if record["state"] in ENDED or run is None:
            raise invalid(f"Job run {record['jobRunId']} is in the state {record['state']} and cannot be cancelled")
        run.cancel()
        return {"applicationId": record["applicationId"], "jobRunId": record["jobRunId"]}

    # Tags

    def _tagged(self, call: Call) -> tuple[Documents, Json, str]:
        arn = call.params["resourceArn"]
        for documents, key in ((self._applications, "applicationId"), (self._runs, "jobRunId")):
            for one in documents.all():
                if one["arn"] == arn:
                    return documents, one, one[key]
        raise AwsError("ResourceNotFoundException", f"There is no resource {arn}", 404)

    def _tag(self, call: Call) -> Json:
        with self._lock:
            documents, record, name = self._tagged(call)
            documents.save(name, {**record, "tags": {**record["tags"], **call.params["tags"]}})
        return {}

    def _untag(self, call: Call) -> Json:
        with self._lock:
            documents, record, name = self._tagged(call)
            kept = {key: value for key, value in record["tags"].items() if key not in call.params["tagKeys"]}
            documents.save(name, {**record, "tags": kept})
        return {}


def _paged(name: str, items: list[Json], call: Call) -> Json:
    token = call.params.get("nextToken") or "0"
    if not token.isdigit():
        raise invalid("The nextToken is not one that this operation gave.")
    start = int(token)
    end = start + int(call.params.get("maxResults") or PAGE)
    return {name: items[start:end], **({"nextToken": str(end)} if end < len(items) else {})}
