"""The jobs' API, over the registry of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.glue.jobs import Jobs
from localaws.glue.paging import page

Json = dict[str, Any]

_TIMES = ("CreatedOn", "LastModifiedOn", "StartedOn", "CompletedOn")


class JobApi:
    """The operations on jobs, their runs and their bookmarks."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.operations: Mapping[str, Handler] = {
            "CreateJob": self._create,
            "UpdateJob": self._update,
            "DeleteJob": self._delete,
            "GetJob": self._get,
            "GetJobs": self._get_all,
            "ListJobs": self._list,
            "BatchGetJobs": self._batch_get,
            "StartJobRun": self._start,
            "BatchStopJobRun": self._batch_stop,
            "GetJobRun": self._get_run,
            "GetJobRuns": self._get_runs,
            **jobs.bookmarks.operations,
        }

    def _create(self, call: Call) -> Json:
        self._jobs.create(call.params)
        return {"Name": call.params["Name"]}

    def _update(self, call: Call) -> Json:
        self._jobs.update(call.params["JobName"], call.params["JobUpdate"])
        return {"JobName": call.params["JobName"]}

    def _delete(self, call: Call) -> Json:
        self._jobs.delete(call.params["JobName"])
        return {"JobName": call.params["JobName"]}

    def _get(self, call: Call) -> Json:
        return {"Job": _timed(self._jobs.get(call.params["JobName"]))}

    def _get_all(self, call: Call) -> Json:
        jobs, more = page(self._jobs.all(), call.params)
        return {"Jobs": [_timed(job) for job in jobs], **more}

    def _list(self, call: Call) -> Json:
        wanted = (call.params.get("Tags") or {}).items()
        names = [job["Name"] for job in self._jobs.all() if wanted <= self._jobs.tags(job["Name"]).items()]
        names, more = page(names, call.params)
        return {"JobNames": names, **more}

    def _batch_get(self, call: Call) -> Json:
        names = call.params["JobNames"]
        return {
            "Jobs": [_timed(self._jobs.get(name)) for name in names if self._jobs.has(name)],
            "JobsNotFound": [name for name in names if not self._jobs.has(name)],
        }

    def _start(self, call: Call) -> Json:
        return {"JobRunId": self._jobs.start(call.params)}

    def _batch_stop(self, call: Call) -> Json:
        name = call.params["JobName"]
        stopped, errors = [], []
        for run_id in call.params["JobRunIds"]:
            entry = {"JobName": name, "JobRunId": run_id}
            try:
                self._jobs.stop(name, run_id)
                stopped.append(entry)
            except AwsError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({**entry, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def _get_run(self, call: Call) -> Json:
        return {"JobRun": _timed(self._jobs.run(call.params["JobName"], call.params["RunId"]))}

    def _get_runs(self, call: Call) -> Json:
        runs, more = page(self._jobs.runs(call.params["JobName"]), call.params)
        return {"JobRuns": [_timed(run) for run in runs], **more}


def _timed(record: Json) -> Json:
    """The record with its times as times."""
    times = {key: datetime.fromtimestamp(record[key], UTC) for key in _TIMES if key in record}
    return {**record, **times}
