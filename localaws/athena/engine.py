"""Athena: the API, and the workers that run the statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb

from localaws.athena import parser, results, text_form
from localaws.athena import statements as st
from localaws.athena.errors import explain
from localaws.athena.executions import Execution, Executions
from localaws.athena.footers import Footers
from localaws.athena.links import Links
from localaws.athena.locations import Location
from localaws.athena.locations import parse as parse_location
from localaws.athena.metadata import Metadata
from localaws.athena.runner import Runner
from localaws.athena.saved import Json, NamedQueries, PreparedStatements, Saved, listed, page
from localaws.athena.session import Session
from localaws.athena.translate import prepare
from localaws.athena.workgroups import PRIMARY, WorkGroups, check_encryption
from localaws.core import AwsError, Call, Handler, NotSupported, World

WORKERS = 4
IN_PROCESS = 2
MOST_ROWS = 1000
# AWS itself may take as long to answer; a query that ends meanwhile is seen at once, and polls take no core from it.
HELD_SECONDS = 0.1
DEFAULT_DATABASE = "default"


class Result:
    """A query's rows in process: ``columns`` are (name, Athena type)."""

    def __init__(self, columns: Sequence[tuple[str, str]], table: Any) -> None:
        self.columns = list(columns)
        self._table = table

    def arrow(self) -> Any:
        """The rows as a pyarrow Table."""
        return self._table

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples of Python values."""
        for batch in self._table.to_batches(10_000):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


class AthenaEngine:
    """The Athena service. Workgroups and saved statements last; executions are forgotten at the end."""

    service = "athena"

    def __init__(self, world: World) -> None:
        self._world = world
        folder = world.data / "athena"
        saved = Saved(folder / "saved.json")
        self._session = Session(folder / "scratch", _prepare, most=WORKERS + IN_PROCESS)
        self._executions = Executions()
        self._groups = WorkGroups(saved)
        prepared = PreparedStatements(saved)
        self._runner = Runner(world, self._session, Footers(), Links(self._session.scratch / "links"), prepared)
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="athena")
        self.operations: Mapping[str, Handler] = {
            "StartQueryExecution": self.start,
            "GetQueryExecution": self.get,
            "BatchGetQueryExecution": self.batch_get,
            "ListQueryExecutions": self.list,
            "StopQueryExecution": self.stop,
            "GetQueryResults": self.results,
            "GetQueryRuntimeStatistics": self.runtime_statistics,
            **self._groups.operations,
            **NamedQueries(saved).operations,
            **prepared.operations,
            **Metadata(world.catalog).operations,
        }

    def close(self) -> None:
        """Stop what runs, and remove the scratch files."""
        for execution in self._executions.running():
            execution.stop()
        self._workers.shutdown(cancel_futures=True)
        self._session.close()

    # In process

    def execute(self, sql: str, database: str, *, parameters: Sequence[str] = ()) -> Result:
        """Run a query and return its rows; raises AwsError with the reason if it fails. No result object is made."""
        statement = parser.parse(parser.bind(sql, tuple(parameters)) if parameters else sql)
        if not isinstance(statement, st.Select):
            raise NotSupported("in process only queries are executed; start other statements through the API")
        with self._runner.open(database) as work:
            try:
                query = work.lake.translate(statement.sql)
                table = work.cursor.execute(query.sql).to_arrow_table()
            except duckdb.Error as error:
                raise AwsError("InvalidRequestException", explain(error)[0]) from error
        names = [column.name for column in query.columns]
        return Result([(column.name, column.type) for column in query.columns], table.rename_columns(names))

    # Executions

    def start(self, call: Call) -> Json:
        """StartQueryExecution."""
        params = call.params
        group = self._groups.get(params.get("WorkGroup") or PRIMARY)
        if group["State"] != "ENABLED":
            raise AwsError("InvalidRequestException", f"WorkGroup {group['Name']} is disabled.")
        configuration = group["Configuration"]
        context = params.get("QueryExecutionContext") or {}
        if context.get("Catalog", "AwsDataCatalog").lower() != "awsdatacatalog":
            raise AwsError("InvalidRequestException", f"Catalog {context['Catalog']} is not found: use AwsDataCatalog")
        identifier = str(uuid.uuid4())
        parameters = tuple(params.get("ExecutionParameters") or ())
        execution = Execution(
            id=identifier,
            query=params["QueryString"],
            statement=_statement(params["QueryString"], parameters),
            workgroup=group["Name"],
            database=(context.get("Database") or DEFAULT_DATABASE).lower(),
            place=self._place(params, configuration),
            request=params,
            parameters=parameters,
            cutoff=configuration.get("BytesScannedCutoffPerQuery"),
            enforced=bool(configuration["EnforceWorkGroupConfiguration"]),
        )
        kept = self._executions.add(execution, params.get("ClientRequestToken"), params)
        if kept is execution:
            self._workers.submit(self._runner.run, execution)
        return {"QueryExecutionId": kept.id}

    def _place(self, params: Mapping[str, Any], configuration: Mapping[str, Any]) -> Location:
        """Where the results go: the workgroup's place if it is enforced, else the client's, else the workgroup's."""
        own = configuration["ResultConfiguration"].get("OutputLocation")
        result = params.get("ResultConfiguration") or {}
        check_encryption(result)
        asked = result.get("OutputLocation")
        chosen = own if own and configuration["EnforceWorkGroupConfiguration"] else asked or own
        if not chosen:
            raise AwsError(
                "InvalidRequestException",
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input.",
            )
        place = parse_location(chosen)
        if place.bucket not in {bucket.name for bucket in self._world.store.buckets()}:
            raise AwsError(
                "InvalidRequestException",
                f"Unable to verify/create output bucket {place.bucket}: there is no such bucket",
            )
        return place

    def get(self, call: Call) -> Json:
        """GetQueryExecution. The answer for one that runs is held back a little: clients ask again and again."""
        execution = self._executions.get(call.params["QueryExecutionId"])
        execution.done.wait(HELD_SECONDS)
        return {"QueryExecution": execution.describe()}

    def batch_get(self, call: Call) -> Json:
        """BatchGetQueryExecution."""
        found, missing = [], []
        for identifier in call.params["QueryExecutionIds"]:
            try:
                found.append(self._executions.get(identifier).describe())
            except AwsError as error:
                missing.append({"QueryExecutionId": identifier, "ErrorCode": error.code, "ErrorMessage": error.message})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def list(self, call: Call) -> Json:
        """ListQueryExecutions."""
        workgroup = call.params.get("WorkGroup") or PRIMARY
        self._groups.get(workgroup)
        return listed("QueryExecutionIds", *page(self._executions.of(workgroup), call.params))

    def stop(self, call: Call) -> Json:
        """StopQueryExecution; one that has ended stays as it is."""
        self._executions.get(call.params["QueryExecutionId"]).stop()
        return {}

    def results(self, call: Call) -> Json:
        """GetQueryResults."""
        execution = self._executions.get(call.params["QueryExecutionId"])
        if execution.state != "SUCCEEDED" or execution.result is None:
            state = f"Query has not yet finished. Current state: {execution.state}"
            if execution.done.is_set():
                state = f"Query did not finish successfully. Final query state: {execution.state}"
            raise AwsError("InvalidRequestException", state)
        size = call.params.get("MaxResults") or MOST_ROWS
        if not 1 <= size <= MOST_ROWS:
            raise AwsError("InvalidRequestException", f"MaxResults is more than maximum allowed length {MOST_ROWS}")
        result = execution.result
        rows: list[Json] = []
        token = None
        if not execution.manifest:
            rows, token = results.page(self._world.store, result, call.params.get("NextToken"), size)
        info = [kind.column_info(name) for name, kind in result.columns]
        answer: Json = {
            "UpdateCount": execution.update_count,
            "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}},
        }
        return answer | ({"NextToken": token} if token else {})

    def runtime_statistics(self, call: Call) -> Json:
        """GetQueryRuntimeStatistics."""
        execution = self._executions.get(call.params["QueryExecutionId"])
        return {"QueryRuntimeStatistics": execution.runtime_statistics()}


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    prepare(connection)
    connection.execute(text_form.MACROS)


def _statement(sql: str, parameters: tuple[str, ...]) -> st.Statement:
    """The statement with the call's parameters in it: they go to the question marks or to an EXECUTE."""
    statement = parser.parse(sql)
    if not parameters:
        return statement
    if isinstance(statement, st.Execute):
        if statement.arguments:
            raise AwsError("InvalidRequestException", "Give parameters with USING or with the call, not both")
        return st.Execute(statement.name, parameters)
    return parser.parse(parser.bind(sql, parameters))
