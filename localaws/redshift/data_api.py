"""The Redshift Data API: statements that run by themselves, batches in one transaction, results, metadata."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import duckdb

from localaws.core import ACCOUNT_ID, AwsError, Call, Handler, NotSupported, World
from localaws.redshift import results
from localaws.redshift.data_metadata import Metadata, paged
from localaws.redshift.database import Database
from localaws.redshift.errors import SqlError, explain
from localaws.redshift.executions import ENDED, Execution, Executions, Part
from localaws.redshift.parsing import MAX_SQL, bind, single
from localaws.redshift.statements import reads_only, run
from localaws.redshift.work import Work

Json = dict[str, Any]

WORKERS = 4
MAX_BATCH = 40
MAX_WAIT = 30
MAX_KEEP_ALIVE = 86_400
USER = "IAM:local"

log = logging.getLogger(__name__)


@dataclass
class _Session:
    """A connection that outlives a statement, with its temporary tables."""

    workgroup: str
    database: str
    connection: duckdb.DuckDBPyConnection
    seconds: int
    used: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def expired(self) -> bool:
        return not self.lock.locked() and time.monotonic() - self.used > self.seconds


class RedshiftDataEngine:
    """The Data API over Redshift Serverless's workgroups."""

    service = "redshift-data"

    def __init__(self, world: World) -> None:
        self._world = world
        self._serverless: Any = world.engines["redshift-serverless"]
        self._executions = Executions()
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="redshift")
        self.operations: Mapping[str, Handler] = {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._batch_execute,
            "DescribeStatement": self._describe,
            "GetStatementResult": self._result,
            "ListStatements": self._list,
            "CancelStatement": self._cancel,
            **Metadata(self._serverless, self._place).operations,
        }

    def close(self) -> None:
        """Abort what runs."""
        for execution in self._executions.all():
            _stop(execution)
        self._workers.shutdown(cancel_futures=True)
        for execution in self._executions.all():
            execution.done.set()
        for session in self._sessions.values():
            session.connection.close()

    # Statements

    def _execute(self, call: Call) -> Json:
        return self._submit(call, [call.params["Sql"]], batch=False)

    def _batch_execute(self, call: Call) -> Json:
        sqls = list(call.params["Sqls"])
        if not 1 <= len(sqls) <= MAX_BATCH:
            raise _invalid(f"Sqls has {len(sqls)} statements; it may have 1 to {MAX_BATCH}.")
        if (call.params.get("ExecutionMode") or "TRANSACTION") != "TRANSACTION":
            raise NotSupported("ExecutionMode AUTO_COMMIT is refused: a batch is one transaction here.")
        return self._submit(call, sqls, batch=True)

    def _submit(self, call: Call, sqls: list[str], *, batch: bool) -> Json:
        given = call.params
        if (given.get("ResultFormat") or "JSON") != "JSON":
            raise NotSupported("ResultFormat CSV is refused: the embedded AWS gives results as JSON.")
        if any(len(sql.encode()) > MAX_SQL for sql in sqls):
            raise _invalid("The SQL statement is longer than 100 KB.")
        workgroup, database, session = self._place(given)
        execution = Execution(
            [Part(sql) for sql in sqls], batch, given, workgroup, database, USER, _bound(sqls, given), session
        )
        kept = self._executions.add(execution, given.get("ClientToken"))
        if kept is execution:
            self._workers.submit(self._run, execution)
        if wait := given.get("WaitTimeSeconds"):
            kept.done.wait(min(wait, MAX_WAIT))
        answer: Json = {
            "Id": kept.id,
            "CreatedAt": kept.created,
            "Database": database,
            "DbUser": USER,
            "WorkgroupName": workgroup,
            "Status": kept.status,
        }
        return answer | ({"SessionId": kept.session} if kept.session else {})

    def _place(self, given: Mapping[str, Any]) -> tuple[str, str, str | None]:
        """Workgroup, database and session of a request."""
        if given.get("ClusterIdentifier"):
            raise NotSupported(
                "ClusterIdentifier is refused: the embedded AWS has Redshift Serverless; give WorkgroupName."
            )
        seconds = given.get("SessionKeepAliveSeconds") or 0
        if not 0 <= seconds <= MAX_KEEP_ALIVE:
            raise _invalid(f"SessionKeepAliveSeconds must be from 0 to {MAX_KEEP_ALIVE}.")
        self._forget_expired()
        if identifier := given.get("SessionId"):
            with self._lock:
                session = self._sessions.get(identifier)
                if session is None:
                    raise AwsError("ResourceNotFoundException", "Session is not available.")
                session.seconds = seconds or session.seconds
            return session.workgroup, session.database, identifier
        workgroup = given.get("WorkgroupName")
        if not workgroup:
            raise _invalid("Either ClusterIdentifier, WorkgroupName or SessionId must be given.")
        name = workgroup.rpartition("/")[2] if workgroup.startswith("arn:") else workgroup
        namespace, found = self._serverless.database(name)
        database = given.get("Database") or namespace["dbName"]
        if not seconds:
            return name, database, None
        identifier = str(uuid.uuid4())
        with self._lock:
            self._sessions[identifier] = _Session(name, database, found.session(), seconds)
        return name, database, identifier

    def _forget_expired(self) -> None:
        with self._lock:
            for identifier, session in list(self._sessions.items()):
                if session.expired:
                    del self._sessions[identifier]
                    session.connection.close()

    def _run(self, execution: Execution) -> None:
        try:
            execution.move("PICKED")
            namespace, database = self._serverless.database(execution.workgroup)
            if execution.database != namespace["dbName"]:
                raise SqlError(f'FATAL: database "{execution.database}" does not exist')
            session = self._sessions.get(execution.session or "")
            if session is None:
                connection = database.session()
                try:
                    self._run_on(execution, database, connection)
                finally:
                    connection.close()
            else:
                with session.lock:
                    self._run_on(execution, database, session.connection)
                    session.used = time.monotonic()
            execution.move("FINISHED")
        except (SqlError, AwsError) as error:
            text = str(error)
            _end(execution, "FAILED", text if text.startswith("FATAL") else f"ERROR: {text}")
        except duckdb.Error as error:
            _end(execution, *(("ABORTED", "") if execution.cancelled else ("FAILED", f"ERROR: {explain(error)}")))
        except Exception as error:
            log.exception("the statement %s failed inside", execution.id)
            _end(execution, "FAILED", f"ERROR: The embedded AWS failed inside: {type(error).__name__}: {error}")
        finally:
            execution.connection = None
            execution.done.set()
            self._tell(execution)

    def _run_on(self, execution: Execution, database: Database, connection: duckdb.DuckDBPyConnection) -> None:
        statements = [single(sql) for sql in execution.bound]
        writes = not all(reads_only(sql) for sql in statements)
        execution.connection = connection
        if execution.cancelled:
            raise duckdb.InterruptException("cancelled")
        execution.move("STARTED")
        with database.transaction(connection, writes=writes):
            for part, sql in zip(execution.parts, statements, strict=True):
                part.move("STARTED")
                if execution.cancelled:
                    raise duckdb.InterruptException("cancelled")
                try:
                    outcome = run(Work(self._world, connection), sql, batch=execution.batch)
                except (SqlError, AwsError) as error:
                    part.move("FAILED", f"ERROR: {error}")
                    raise
                part.table, part.columns = outcome.table, outcome.columns
                part.rows = outcome.table.num_rows if outcome.table is not None else outcome.count
                part.move("FINISHED")

    def _describe(self, call: Call) -> Json:
        execution, part = self._executions.get(call.params["Id"])
        if wait := call.params.get("WaitTimeSeconds"):
            execution.done.wait(min(wait, MAX_WAIT))
        if ":" not in call.params["Id"]:
            return execution.describe()
        whole = execution.describe()
        for key in ("SubStatements", "Error"):
            whole.pop(key, None)
        return {**whole, "Id": call.params["Id"], **part.describe()}

    def _result(self, call: Call) -> Json:
        execution, part = self._executions.get(call.params["Id"])
        if wait := call.params.get("WaitTimeSeconds"):
            execution.done.wait(min(wait, MAX_WAIT))
        if execution.status != "FINISHED":
            raise _invalid(f"Query is not finished. Its status is {execution.status}.")
        return results.page(part, call.params.get("NextToken"))

    def _list(self, call: Call) -> Json:
        given = call.params
        status = given.get("Status") or "ALL"
        name = given.get("StatementName") or ""
        found = [
            one.listed()
            for one in self._executions.all()
            if status in ("ALL", one.status)
            and (one.request.get("StatementName") or "").startswith(name)
            and given.get("Database") in (None, one.database)
            and given.get("WorkgroupName") in (None, one.workgroup)
        ]
        return paged("Statements", found, given)

    def _cancel(self, call: Call) -> Json:
        execution, _ = self._executions.get(call.params["Id"])
        if execution.status in ENDED:
            message = f"Could not cancel a query that is already in {execution.status} state with ID: {execution.id}"
            raise _invalid(message)
        _stop(execution)
        return {"Status": True}

    def _tell(self, execution: Execution) -> None:
        if not execution.request.get("WithEvent"):
            return
        events: Any = self._world.engines["events"]
        detail = {
            "principal": f"arn:aws:iam::{ACCOUNT_ID}:user/local",
            "statementName": execution.request.get("StatementName") or "",
            "statementId": execution.id,
            "redshiftQueryId": "0" if execution.status == "FINISHED" else "",
            "state": execution.status,
            "rows": execution.parts[-1].rows,
            "expireAt": int(time.time()) + 86_400,
        }
        arn = self._serverless.workgroup_arn(execution.workgroup)
        events.put("aws.redshift-data", "Redshift Data Statement Status Change", detail, [arn])


def _bound(sqls: list[str], given: Mapping[str, Any]) -> list[str]:
    """The statements with the request's parameters in them."""
    parameters = {one["name"]: one["value"] for one in given.get("Parameters") or ()}
    if not parameters:
        return sqls
    used: set[str] = set()
    bound = []
    for sql in sqls:
        try:
            text, names = bind(sql, parameters)
        except SqlError:
            text, names = sql, set()  # it fails when it runs, with the reason
        bound.append(text)
        used |= names
    if missing := sorted(used - parameters.keys()):
        raise _invalid(f"Parameters list does not contain the parameters: {missing}")
    if unused := sorted(parameters.keys() - used):
        raise _invalid(f"Parameters list contains unused parameters. Unused parameters: {unused}")
    return bound


def _end(execution: Execution, status: str, error: str) -> None:
    """End an execution that did not finish: all its parts are undone."""
    for part in execution.parts:
        part.table = part.columns = None
        if part.status == "FAILED":
            continue
        alone = len(execution.parts) == 1
        part.move(status if alone else "ABORTED", error if alone else "")
    execution.move(status, error)


def _stop(execution: Execution) -> None:
    """Have an execution end soon; an interrupt counts only while a query runs, so it is sent until it has ended."""
    execution.cancelled = True

    def interrupt() -> None:
        while not execution.done.wait(0.05):
            if (connection := execution.connection) is not None:
                connection.interrupt()

    if not execution.done.is_set():
        threading.Thread(target=interrupt, name="redshift-cancel", daemon=True).start()


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
