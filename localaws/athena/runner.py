"""Runs one statement: reads, writes, changes the catalog, and leaves the result where AWS puts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from localaws.athena import changes, inserts, parser, results, shows
from localaws.athena import statements as st
from localaws.athena.errors import Cancelled, QueryError, explain
from localaws.athena.executions import Execution
from localaws.athena.footers import Footers
from localaws.athena.inserts import Writing
from localaws.athena.lake import Lake
from localaws.athena.links import Links
from localaws.athena.results import Columns, ResultObject
from localaws.athena.saved import PreparedStatements
from localaws.athena.session import Session
from localaws.athena.types import parse as parse_type
from localaws.athena.writing import Written
from localaws.core import World

VARCHAR = parse_type("varchar")
ROWS = (("rows", parse_type("bigint")),)


@dataclass
class Runner:
    """What all statements share."""

    world: World
    session: Session
    footers: Footers
    links: Links
    prepared: PreparedStatements

    def run(self, execution: Execution) -> None:
        """Run an execution to its end, whatever that is; never raises."""
        if not execution.begin():
            return
        try:
            self._run(execution)
            execution.end("SUCCEEDED")
        except Cancelled as cancelled:
            execution.end("CANCELLED", str(cancelled))
        except Exception as error:
            if execution.stopping.is_set() and isinstance(error, duckdb.InterruptException):
                execution.end("CANCELLED", str(Cancelled()))
            else:
                execution.end("FAILED", *explain(error))

    def _run(self, execution: Execution) -> None:
        with self.open(execution.database, execution.cutoff) as work:
            execution.interruptible(work.cursor)
            try:
                statement = self.resolve(execution.statement, execution.workgroup)
                RUNS.get(type(statement), Work.change)(work, statement, execution)
            finally:
                execution.scanned = work.lake.scanned
                execution.interruptible(None)

    @contextmanager
    def open(self, database: str, cutoff: int | None = None) -> Iterator[Work]:
        """A statement's own connection, scratch folder and view of the lake."""
        with self.links.in_use(), self.session.connection() as cursor, self.session.folder() as folder:
            lake = Lake(self.world.catalog, self.world.store, self.footers, self.links, database, folder, cutoff)
            yield Work(self, cursor, folder, lake)

    def resolve(self, statement: st.Statement, workgroup: str) -> st.Statement:
        """The statement that an EXECUTE stands for."""
        if not isinstance(statement, st.Execute):
            return statement
        prepared = self.prepared.get(workgroup, statement.name)
        return parser.parse(parser.bind(prepared["QueryStatement"], statement.arguments))


class Work:
    """One statement being run."""

    def __init__(self, runner: Runner, cursor: duckdb.DuckDBPyConnection, folder: Path, lake: Lake) -> None:
        self.runner = runner
        self.cursor = cursor
        self.folder = folder
        self.lake = lake
        self.store = runner.world.store

    def select(self, statement: st.Select, execution: Execution) -> None:
        """A query: its rows as CSV."""
        query = self.lake.translate(statement.sql)
        execution.mark("planned")
        columns = [(column.name, parse_type(column.type)) for column in query.columns]
        path = self.folder / "result.csv"
        execution.rows = results.write_csv(self.cursor, query.sql, columns, path)
        execution.mark("run")
        self._put(execution, f"{execution.id}.csv", path, columns, header=True)

    def explain(self, statement: st.Explain, execution: Execution) -> None:
        """EXPLAIN: the plan of the engine that really runs the query."""
        query = self.lake.translate(statement.sql)
        execution.mark("planned")
        form = " (FORMAT json)" if statement.format == "JSON" else ""
        rows = self.cursor.execute(f"EXPLAIN{form} {query.sql}").fetchall()
        self.lake.scanned = 0
        self._lines(execution, "\n".join(str(row[1]) for row in rows).split("\n"), ("Query Plan",))

    def show(self, statement: st.Show, execution: Execution) -> None:
        """SHOW and DESCRIBE."""
        self._lines(execution, shows.run(statement, self.lake), shows.COLUMNS[statement.what])

    def change(self, statement: st.Statement, execution: Execution) -> None:
        """DDL."""
        self._lines(execution, changes.run(statement, self.lake), ())

    def prepare(self, statement: st.Prepare, execution: Execution) -> None:
        """PREPARE."""
        parser.parse(statement.sql)
        self.runner.prepared.put(execution.workgroup, statement.name, statement.sql)
        self._lines(execution, [], ())

    def deallocate(self, statement: st.Deallocate, execution: Execution) -> None:
        """DEALLOCATE PREPARE."""
        self.runner.prepared.delete(execution.workgroup, statement.name)
        self._lines(execution, [], ())

    def row_change(self, statement: st.RowChange, execution: Execution) -> None:
        """DELETE, UPDATE, MERGE, OPTIMIZE, VACUUM: no table here takes them."""
        table = self.lake.table(statement.name.database or self.lake.database, statement.name.table)
        raise QueryError(
            "NOT_SUPPORTED",
            f"Modifying Hive table rows is only supported for transactional tables: {statement.verb} of {table.name}",
        )

    def insert(self, statement: st.Insert, execution: Execution) -> None:
        """INSERT INTO."""
        self._written(execution, inserts.insert(statement, self._writing(execution)))

    def unload(self, statement: st.Unload, execution: Execution) -> None:
        """UNLOAD."""
        self._written(execution, inserts.unload(statement, self._writing(execution)))

    def create_table_as(self, statement: st.CreateTableAs, execution: Execution) -> None:
        """CREATE TABLE AS."""
        place = execution.place
        written = inserts.create_table_as(statement, self._writing(execution), f"{place.uri}tables/{execution.id}/")
        self._written(execution, written)

    def _writing(self, execution: Execution) -> Writing:
        return Writing(self.lake, self.cursor, self.folder, execution.mark, execution.enforced)

    def _written(self, execution: Execution, written: Written) -> None:
        # The rows are there and the catalog knows: a stop comes too late.
        execution.mark("run", last=True)
        execution.rows = execution.update_count = written.rows
        place, name = execution.place, f"{execution.id}-manifest.csv"
        self.store.put(place.bucket, place.key(name), written.manifest(), content_type="text/csv")
        execution.manifest = f"s3://{place.bucket}/{place.key(name)}"
        results.put_metadata(self.store, place, execution.id, ROWS)
        execution.result = ResultObject(place.bucket, place.key(execution.id), ROWS, header=False)

    def _lines(self, execution: Execution, lines: Sequence[str], columns: Sequence[str]) -> None:
        if "run" not in execution.times:
            execution.mark("run")
        path = self.folder / "result.txt"
        path.write_bytes("".join(line + "\n" for line in lines).encode())
        execution.rows = len(lines)
        self._put(execution, f"{execution.id}.txt", path, [(name, VARCHAR) for name in columns], header=False)

    def _put(self, execution: Execution, name: str, path: Path, columns: Columns, *, header: bool) -> None:
        place = execution.place
        kind = "text/csv" if header else "text/plain"
        self.store.put(place.bucket, place.key(name), path, content_type=kind)
        results.put_metadata(self.store, place, name, columns)
        execution.result = ResultObject(place.bucket, place.key(name), tuple(columns), header)


RUNS: dict[type[st.Statement], Callable[[Work, Any, Execution], None]] = {
    st.Select: Work.select,
    st.Explain: Work.explain,
    st.Show: Work.show,
    st.Prepare: Work.prepare,
    st.Deallocate: Work.deallocate,
    st.RowChange: Work.row_change,
    st.Insert: Work.insert,
    st.Unload: Work.unload,
    st.CreateTableAs: Work.create_table_as,
}
