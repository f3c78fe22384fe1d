"""The jobs and their runs: kept on disk, started, stopped, retried."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError, World
from localaws.documents import Documents
from localaws.glue.connections import Connections
from localaws.glue.job_arguments import check_arguments
from localaws.glue.job_bookmarks import Bookmarks
from localaws.glue.job_definition import (
    CAPACITY,
    capacity,
    check_timeout,
    invalid,
    is_shell,
    job_definition,
    refuse_queuing,
)
from localaws.glue.job_notices import run_ended
from localaws.glue.job_runs import ENDED, Work, new_run
from localaws.glue.tags import add_tags, arn, remove_tags, tags_of
from localaws.spark.host import SparkHost

Json = dict[str, Any]

_CUT_OFF = "The embedded AWS ended during the run."

log = logging.getLogger(__name__)


class Jobs:
    """All jobs by name, and their runs by id; times in records are seconds since 1970.

    ``ended`` are called with a job's name, the run's id and the state in which it ended.
    """

    def __init__(self, world: World, connections: Connections) -> None:
        self._world = world
        self._connections = connections
        self._lock = threading.RLock()
        self._jobs = Documents(world.data / "glue" / "jobs")
        self._runs = Documents(world.data / "glue" / "job_runs")
        self.bookmarks = Bookmarks(world.data / "glue" / "job_bookmarks")
        self.ended: list[Callable[[str, str, str], None]] = []
        self._works: dict[str, Work] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closing = False
        for kept in self._jobs.all():
            add_tags(world.catalog, arn("job", kept["job"]["Name"]), kept["tags"])
        for run in self._runs.all():
            if run["JobRunState"] not in ENDED:
                self._change(run["Id"], {"JobRunState": "FAILED", "ErrorMessage": _CUT_OFF, "CompletedOn": time.time()})

    def close(self) -> None:
        """Stop the runs that are under way: they have failed."""
        with self._lock:
            self._closing = True
            threads = list(self._threads.values())
            for work in self._works.values():
                work.cancel.set()
        for thread in threads:
            thread.join(15)
        SparkHost.of(self._world).close()
        with self._lock:
            for job in self.all():
                self._save(job)

    # Definitions

    def all(self) -> list[Json]:
        """Every job, by name."""
        with self._lock:
            return [dict(kept["job"]) for kept in self._jobs.all()]

    def get(self, name: str) -> Json:
        """One job; raises EntityNotFoundException."""
        with self._lock:
            kept = self._jobs.get(name)
            if kept is None:
                raise AwsError("EntityNotFoundException", f"Job {name} not found.")
            return dict(kept["job"])

    def has(self, name: str) -> bool:
        """Whether there is a job of that name."""
        with self._lock:
            return self._jobs.get(name) is not None

    def tags(self, name: str) -> dict[str, str]:
        """A job's tags."""
        return tags_of(self._world.catalog, arn("job", name))

    def create(self, given: Mapping[str, Any]) -> None:
        """Add a job from the parameters of CreateJob."""
        now = time.time()
        job = {**job_definition(given), "CreatedOn": now, "LastModifiedOn": now}
        with self._lock:
            if self.has(job["Name"]):
                raise AwsError("AlreadyExistsException", f"Job {job['Name']} already exists.")
            add_tags(self._world.catalog, arn("job", job["Name"]), given.get("Tags"))
            self._save(job)

    def update(self, name: str, given: Mapping[str, Any]) -> None:
        """Replace a job's definition by a JobUpdate, whole."""
        with self._lock:
            old = self.get(name)
            job = job_definition({**given, "Name": name, "Role": given.get("Role") or old["Role"]})
            self._save({**job, "CreatedOn": old["CreatedOn"], "LastModifiedOn": time.time()})

    def delete(self, name: str) -> None:
        """Remove a job with its runs and its bookmark, if there is one; a run that is under way goes on."""
        with self._lock:
            self._jobs.delete(name)
            remove_tags(self._world.catalog, arn("job", name))
            self.bookmarks.delete(name)
            for run in self._runs.all():
                if run["JobName"] == name and run["JobRunState"] in ENDED:
                    self._runs.delete(run["Id"])

    # Runs

    def runs(self, name: str) -> list[Json]:
        """A job's runs, the newest first; raises EntityNotFoundException."""
        with self._lock:
            self.get(name)
            found = [run for run in self._runs.all() if run["JobName"] == name]
            return sorted(found, key=lambda run: run["StartedOn"], reverse=True)

    def run(self, name: str, run_id: str) -> Json:
        """One run; raises EntityNotFoundException."""
        with self._lock:
            self.get(name)
            run = self._runs.get(run_id)
            if run is None or run["JobName"] != name:
                raise AwsError("EntityNotFoundException", f"Job Run with id {run_id} not found for job {name}.")
            return dict(run)

    def start(self, given: Mapping[str, Any], *, trigger: str = "") -> str:
        """Begin a run from the parameters of StartJobRun, in a thread of its own; its id."""
        name = given["JobName"]
        refuse_queuing(given)
        with self._lock:
            if not self.has(name):
                raise AwsError("EntityNotFoundException", "Failed to start job run due to missing metadata")
            job = self.get(name)
            previous = given.get("JobRunId") or ""
            attempt = 0
            if previous:
                before = self.run(name, previous)
                if before["JobRunState"] not in ENDED:
                    raise invalid(f"The job run {previous} is still {before['JobRunState']}, so it is not retried.")
                given = {"Arguments": before["Arguments"], **given}
                attempt = before["Attempt"] + 1
            arguments = _merged(job, given.get("Arguments") or {})
            if given.get("Timeout") is not None:
                check_timeout(given["Timeout"])
            sizes = {key: given[key] for key in CAPACITY if given.get(key) is not None}
            size = capacity(sizes, shell=is_shell(job)) if sizes else {key: job[key] for key in CAPACITY if key in job}
            running = [run for run in self.runs(name) if run["JobRunState"] not in ENDED]
            if len(running) >= job["ExecutionProperty"]["MaxConcurrentRuns"]:
                raise AwsError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
            run = new_run(job, given, size, attempt=attempt, previous=_first_id(previous), trigger=trigger)
            self._begin(job, run, arguments)
            return str(run["Id"])

    def stop(self, name: str, run_id: str) -> None:
        """Ask a run to end."""
        with self._lock:
            run = self.run(name, run_id)
            if run["JobRunState"] in ENDED:
                message = (
                    f"The job run {run_id} is in the terminal state {run['JobRunState']}, so it cannot be stopped."
                )
                raise AwsError("JobRunInTerminalStateException", message)
            self._change(run_id, {"JobRunState": "STOPPING"})
            self._works[run_id].cancel.set()

    def _begin(self, job: Json, run: Json, arguments: Mapping[str, str]) -> None:
        """With the lock held: keep the record and start the thread."""
        if self._closing:
            raise AwsError("OperationTimeoutException", "The embedded AWS is ending: no run is begun any more.")
        work = Work(self._world, job, run, arguments, self.bookmarks, self._connections.has)
        self._runs.save(run["Id"], run)
        self._works[run["Id"]] = work
        thread = threading.Thread(
            target=self._do, args=(job, run["Id"], work, arguments), name=f"glue-job-{job['Name']}", daemon=True
        )
        self._threads[run["Id"]] = thread
        thread.start()

    def _do(self, job: Json, run_id: str, work: Work, arguments: Mapping[str, str]) -> None:
        began = 0.0

        def running() -> None:
            nonlocal began
            began = time.time()
            with self._lock:
                if not work.cancel.is_set():
                    self._change(run_id, {"JobRunState": "RUNNING"})

        end = work.do(running)
        now = time.time()
        seconds = now - began if began else 0.0
        with self._lock:
            if self._closing and work.cancel.is_set():
                end = {"JobRunState": "FAILED", "ErrorMessage": _CUT_OFF}
            run = self._change(
                run_id,
                {
                    **end,
                    "CompletedOn": now,
                    "ExecutionTime": round(seconds),
                    "DPUSeconds": round(seconds * self._runs_size(run_id), 3),
                },
            )
            del self._works[run_id], self._threads[run_id]
            retry = run["JobRunState"] == "FAILED" and run["Attempt"] < job["MaxRetries"] and not self._closing
            if retry and self.has(job["Name"]):
                size = {key: run[key] for key in CAPACITY if key in run}
                first = _first_id(run_id)
                again = new_run(job, run, size, attempt=run["Attempt"] + 1, previous=first, trigger="")
                self._begin(job, again, arguments)
        run_ended(self._world, run)
        for ended in self.ended:
            try:
                ended(job["Name"], run_id, run["JobRunState"])
            except Exception:
                log.exception("what waits for job run %s failed", run_id)

    def _runs_size(self, run_id: str) -> float:
        run = self._runs.get(run_id)
        return float(run["MaxCapacity"]) if run else 0.0

    def _change(self, run_id: str, fields: Json) -> Json:
        run = {**(self._runs.get(run_id) or {}), **fields, "LastModifiedOn": time.time()}
        self._runs.save(run_id, run)
        return run

    def _save(self, job: Json) -> None:
        self._jobs.save(job["Name"], {"job": job, "tags": self.tags(job["Name"])})


def _merged(job: Json, given: Mapping[str, str]) -> dict[str, str]:
    """The arguments that a run has: the job's defaults, the run's own, and those that a run may not change."""
    fixed = job.get("NonOverridableArguments") or {}
    if clash := sorted(fixed.keys() & given.keys()):
        raise invalid(f"The job {job['Name']} does not let a run set {', '.join(clash)}.")
    merged = {**(job.get("DefaultArguments") or {}), **given, **fixed}
    check_arguments(merged)
    return merged


def _first_id(run_id: str) -> str:
    """The id of the run that a run retries, in the end."""
    return run_id.partition("_attempt_")[0]
