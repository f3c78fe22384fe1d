"""Statements of the Data API: what is known of each, and its way from SUBMITTED to its end."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from localaws.core import AwsError
from localaws.redshift.scope import Columns

Json = dict[str, Any]

ENDED = ("FINISHED", "FAILED", "ABORTED")
KEPT = 1_000


@dataclass
class Part:
    """One SQL statement: its state, and what it gave."""

    sql: str
    status: str = "SUBMITTED"
    error: str = ""
    started: float = 0.0
    duration: int = -1  # nanoseconds
    rows: int = -1
    table: Any = None
    columns: Columns | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def move(self, status: str, error: str = "") -> None:
        """Take the part to another state."""
        now = time.perf_counter()
        if status == "STARTED":
            self.started = now
        elif status in ENDED and self.started:
            self.duration = int((now - self.started) * 1e9)
        self.status, self.error = status, error
        self.updated = datetime.now(UTC)

    def describe(self) -> Json:
        """What DescribeStatement says of it."""
        described: Json = {
            "Status": self.status,
            "CreatedAt": self.created,
            "UpdatedAt": self.updated,
            "QueryString": self.sql,
            "HasResultSet": self.table is not None,
            "ResultRows": self.rows,
            "ResultSize": self.table.nbytes if self.table is not None else -1 if self.rows < 0 else 0,
            "Duration": self.duration,
            "RedshiftQueryId": 0 if self.status == "FINISHED" else -1,
        }
        return described | ({"Error": self.error} if self.error else {})


@dataclass
class Execution:
    """A call of ExecuteStatement or BatchExecuteStatement."""

    parts: list[Part]
    batch: bool
    request: Mapping[str, Any]
    workgroup: str
    database: str
    user: str
    bound: list[str] = field(default_factory=list)
    session: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "SUBMITTED"
    error: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    done: threading.Event = field(default_factory=threading.Event)
    connection: duckdb.DuckDBPyConnection | None = None
    cancelled: bool = False

    def move(self, status: str, error: str = "") -> None:
        """Take it to another state."""
        self.status, self.error = status, error
        self.updated = datetime.now(UTC)

    def describe(self) -> Json:
        """What DescribeStatement answers."""
        described: Json = {
            "Id": self.id,
            "Status": self.status,
            "CreatedAt": self.created,
            "UpdatedAt": self.updated,
            "Database": self.database,
            "DbUser": self.user,
            "WorkgroupName": self.workgroup,
            "ResultFormat": "JSON",
            "RedshiftPid": 1073750000,
            "HasResultSet": any(part.table is not None for part in self.parts),
            "Duration": sum(max(part.duration, 0) for part in self.parts) if self.done.is_set() else -1,
        }
        last = self.parts[-1].describe()
        described |= {key: last[key] for key in ("ResultRows", "ResultSize", "RedshiftQueryId")}
        if self.batch:
            described["SubStatements"] = [
                {"Id": f"{self.id}:{place}", **part.describe()} for place, part in enumerate(self.parts, 1)
            ]
        else:
            described["QueryString"] = self.parts[0].sql
        if self.request.get("Parameters"):
            described["QueryParameters"] = list(self.request["Parameters"])
        if self.session:
            described["SessionId"] = self.session
        return described | ({"Error": self.error} if self.error else {})

    def listed(self) -> Json:
        """What ListStatements says of it."""
        listed: Json = {
            "Id": self.id,
            "Status": self.status,
            "CreatedAt": self.created,
            "UpdatedAt": self.updated,
            "IsBatchStatement": self.batch,
            "QueryString": self.parts[0].sql,
            "ResultFormat": "JSON",
        }
        if self.batch:
            listed["QueryStrings"] = [part.sql for part in self.parts]
        if self.request.get("StatementName"):
            listed["StatementName"] = self.request["StatementName"]
        if self.request.get("Parameters"):
            listed["QueryParameters"] = list(self.request["Parameters"])
        return listed


class Executions:
    """The executions of this run, the latest thousand of them."""

    def __init__(self) -> None:
        self._all: dict[str, Execution] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, execution: Execution, token: str | None) -> Execution:
        """Keep a new one, or give that which the same client token began."""
        with self._lock:
            known = self._all.get(self._tokens.get(token, "")) if token else None
            if known is not None:
                return known
            if token:
                self._tokens[token] = execution.id
            self._all[execution.id] = execution
            for identifier in [one.id for one in self._all.values() if one.done.is_set()][
                : max(len(self._all) - KEPT, 0)
            ]:
                del self._all[identifier]
            return execution

    def get(self, identifier: str) -> tuple[Execution, Part]:
        """An execution and the part of it that an id means (``id:2`` is a batch's second)."""
        plain, _, place = identifier.partition(":")
        found = self._all.get(plain)
        if found is None or (place and not (place.isdigit() and 1 <= int(place) <= len(found.parts))):
            raise AwsError("ResourceNotFoundException", "Query does not exist.")
        return found, found.parts[int(place) - 1 if place else -1]

    def all(self) -> list[Execution]:
        """All, the latest first."""
        with self._lock:
            return list(reversed(self._all.values()))
