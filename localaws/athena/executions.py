"""Query executions: their life from QUEUED to an end, and what GetQueryExecution says of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from localaws.athena.errors import Cancelled
from localaws.athena.locations import Location
from localaws.athena.results import ResultObject
from localaws.athena.statements import Statement
from localaws.core import AwsError

ENGINE_VERSION = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
KEPT = 10_000


def now() -> datetime:
    """The present, aware UTC."""
    return datetime.now(UTC)


@dataclass
class Execution:
    """One query execution. ``times``: seconds of ``time.perf_counter`` when queued, started, planned, run, ended."""

    id: str
    query: str
    statement: Statement
    workgroup: str
    database: str
    place: Location
    request: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    cutoff: int | None = None
    enforced: bool = False
    state: str = "QUEUED"
    reason: str | None = None
    error: dict[str, Any] | None = None
    submitted: datetime = field(default_factory=now)
    completed: datetime | None = None
    times: dict[str, float] = field(default_factory=lambda: {"queued": time.perf_counter()})
    scanned: int = 0
    rows: int = 0
    result: ResultObject | None = None
    manifest: str | None = None
    update_count: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    _connection: duckdb.DuckDBPyConnection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> bool:
        """Note that it runs; False if it was stopped before."""
        with self._lock:
            if self.done.is_set():
                return False
            self.times["started"] = time.perf_counter()
            self.state = "RUNNING"
            return True

    def mark(self, phase: str, *, last: bool = False) -> None:
        """Note that a phase begins; raises Cancelled if the execution is to stop, unless it is too late for that."""
        self.times[phase] = time.perf_counter()
        if self.stopping.is_set() and not last:
            raise Cancelled

    def end(self, state: str, reason: str | None = None, error: dict[str, Any] | None = None) -> None:
        """Note the end."""
        self.times["ended"] = time.perf_counter()
        self.reason, self.error, self.completed = reason, error, now()
        self.state = state
        self.done.set()

    def interruptible(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        """Tell on which connection it runs, None when it no longer does, so that no other query is interrupted."""
        with self._lock:
            self._connection = connection

    def stop(self) -> None:
        """Have it end soon: an interrupt that comes before DuckDB has begun is lost, so it is repeated."""
        with self._lock:
            if self.state == "QUEUED":
                self.end("CANCELLED", str(Cancelled()))
            if self.done.is_set():
                return
            self.stopping.set()
        threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        while not self.done.wait(0.01):
            with self._lock:
                if self._connection is not None:
                    self._connection.interrupt()

    def describe(self) -> dict[str, Any]:
        """The QueryExecution of the API."""
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.error:
            status["AthenaError"] = self.error
        statistics = self.timeline() | {
            "DataScannedInBytes": self.scanned,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        if self.manifest:
            statistics["DataManifestLocation"] = self.manifest
        described: dict[str, Any] = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement.statement_type,
            "ResultConfiguration": {**self.request.get("ResultConfiguration", {}), "OutputLocation": self.location},
            "ResultReuseConfiguration": self.request.get("ResultReuseConfiguration")
            or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": dict(self.request.get("QueryExecutionContext") or {}),
            "Status": status,
            "Statistics": statistics,
            "WorkGroup": self.workgroup,
            "EngineVersion": ENGINE_VERSION,
        }
        if self.statement.substatement_type:
            described["SubstatementType"] = self.statement.substatement_type
        if self.parameters:
            described["ExecutionParameters"] = list(self.parameters)
        return described

    @property
    def location(self) -> str:
        """Where its result is, or will be."""
        return self.result.uri if self.result else f"{self.place.uri}{self.id}{self.statement.ending}"

    def timeline(self) -> dict[str, int]:
        """Milliseconds by phase; phases that have not been reached are 0."""
        times = self.times
        last = times.get("ended", time.perf_counter())

        def span(start: str, *ends: str) -> int:
            if start not in times:
                return 0
            end = next((times[name] for name in ends if name in times), last)
            return round((end - times[start]) * 1000)

        return {
            "QueryQueueTimeInMillis": span("queued", "started"),
            "QueryPlanningTimeInMillis": span("started", "planned"),
            "EngineExecutionTimeInMillis": span("started", "run"),
            "ServiceProcessingTimeInMillis": span("run"),
            "ServicePreProcessingTimeInMillis": 0,
            "TotalExecutionTimeInMillis": span("queued"),
        }

    def runtime_statistics(self) -> dict[str, Any]:
        """The QueryRuntimeStatistics of the API; rows going in are not counted, so they are left out."""
        return {"Timeline": self.timeline(), "Rows": {"InputBytes": self.scanned, "OutputRows": self.rows}}


class Executions:
    """The executions of this run, the latest 10,000 of them."""

    def __init__(self) -> None:
        self._all: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._lock = threading.Lock()

    def add(self, execution: Execution, token: str | None, request: Mapping[str, Any]) -> Execution:
        """Keep a new execution, or return the one that the same request token has started already."""
        with self._lock:
            if token:
                known = self._tokens.get(token)
                if known and known[0] != request:
                    raise AwsError("InvalidRequestException", "Idempotent parameters do not match")
                if known and known[1] in self._all:
                    return self._all[known[1]]
                self._tokens[token] = (request, execution.id)
            self._all[execution.id] = execution
            while len(self._all) > KEPT:
                self._all.pop(next(iter(self._all)))
            while len(self._tokens) > KEPT:
                self._tokens.pop(next(iter(self._tokens)))
        return execution

    def get(self, identifier: str) -> Execution:
        """An execution; raises AwsError InvalidRequestException."""
        found = self._all.get(identifier)
        if found is None:
            raise AwsError("InvalidRequestException", f"QueryExecution {identifier} was not found")
        return found

    def of(self, workgroup: str) -> list[str]:
        """The ids of a workgroup's executions, the latest first."""
        with self._lock:
            return [one.id for one in reversed(self._all.values()) if one.workgroup == workgroup]

    def running(self) -> list[Execution]:
        """Those that have not ended."""
        with self._lock:
            return [one for one in self._all.values() if not one.done.is_set()]
