"""Runs the SQL of ``retraced``: renders the files as Airflow does, translates them as the local Athena does, and plays
the publish step on tables in memory."""

import datetime as dt
import functools
import re
from collections.abc import Iterable
from pathlib import Path

import duckdb
import jinja2
import pytest

from localaws.athena.translate import Column, prepare, translate_query
from millrace import contracts

SQL = Path(__file__).parents[2] / "sql"
UNLOAD = re.compile(r"UNLOAD \((.*)\)\s*TO '([^']*)'\s*WITH \(([^)]*)\)\s*", re.DOTALL)

JINJA = jinja2.Environment(loader=jinja2.FileSystemLoader(SQL), undefined=jinja2.StrictUndefined)

TABLES = """
CREATE SCHEMA retraced;
SET search_path = 'retraced,main';
CREATE TABLE user_companies (user_id varchar, company_id varchar, accepted_at timestamp, upload_date varchar);
CREATE TABLE user_login_locations (user_id varchar, company_id varchar, login_at timestamp, upload_date varchar);
CREATE TABLE memberships (user_id varchar, company_id varchar, accepted_at timestamp);
CREATE TABLE user_days (user_id varchar, company_id varchar, day date, last_login_at timestamp, month varchar);
CREATE TABLE company_months (company_id varchar, active_users bigint, month varchar);
CREATE TABLE active_periods (
    grain varchar, starts_on date, active_users bigint, active_companies bigint, month varchar
);
"""


class Lake:
    """The tables of ``retraced``, and the steps of a run in the DAG's order."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        prepare(self._connection)
        self._connection.execute(TABLES)

    def upload(self, date: str, companies: Iterable[tuple] = (), logins: Iterable[tuple] = ()) -> None:
        """Add rows to the partition of an upload date: (user, company, accepted) and (user, company, time)."""
        for table, rows in (("user_companies", companies), ("user_login_locations", logins)):
            if rows := [(*row, date) for row in rows]:
                self._connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)

    def run(self, *upload_dates: str, rebuild: bool = False) -> list[str]:
        """One run of the pipeline over these upload dates; the months that it built."""
        params = {"upload_dates": list(upload_dates), "rebuild": rebuild, "build": "b1", "final_bucket": "final"}
        months = [month for (month,) in self.query("touched_months", **params)]
        for table in ("user_days", "company_months", "active_periods", "memberships"):
            self.build(table, **params, months=months)
        return months

    def build(self, table: str, *, months: list[str], **params: object) -> None:
        """Run the UNLOAD of a table and publish what it wrote."""
        select, target, options = UNLOAD.fullmatch(_no_header(self.render(table, months=months, **params))).groups()
        assert target == f"s3://final/retraced/{table}/build=b1/0-1/"
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE built AS {self._duckdb(select)}")
        if "partitioned_by = ARRAY['month']" in options:
            built = {month for (month,) in self.sql("SELECT DISTINCT month FROM built")}
            assert built <= set(months), f"{table} wrote months that were not asked for: {built - set(months)}"
            self._connection.execute(f"DELETE FROM {table} WHERE list_contains(?, month)", [months])
        else:
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM built")

    def query(self, name: str, **params: object) -> list[tuple]:
        """The rows of a SELECT."""
        return self.sql(self._duckdb(self.render(name, **params)))

    def checks(self, *upload_dates: str, months: list[str], rebuild: bool = False) -> dict[str, tuple[str, bool, str]]:
        """Check → severity, whether it is ok, detail."""
        rows = self.query("checks", upload_dates=list(upload_dates), months=months, rebuild=rebuild)
        return {name: rest for name, *rest in rows}

    def sql(self, statement: str) -> list[tuple]:
        """The rows of a statement in DuckDB's SQL."""
        return self._connection.execute(statement).fetchall()

    def tables(self) -> dict[str, list[tuple]]:
        """All rows of the derived tables."""
        names = ("memberships", "user_days", "company_months", "active_periods")
        return {name: self.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in names}

    @staticmethod
    def render(name: str, **params: object) -> str:
        """The SQL of a file, as Airflow renders it."""
        attempt = {"map_index": 0, "try_number": 1}
        return JINJA.get_template(f"retraced/{name}.sql").render(params=params, ti=attempt)

    def _duckdb(self, athena: str) -> str:
        return _translated(athena)


class Catalog:
    """The tables by their contracts."""

    def columns(self, database: str | None, table: str) -> list[Column]:
        assert database == "retraced"
        contract = contracts.get("retraced", table)
        columns = [(column.name, column.type) for column in contract.columns]
        return [
            Column(name, "varchar" if kind == "string" else kind) for name, kind in [*columns, *contract.partitions]
        ]


@functools.cache
def _translated(athena: str) -> str:
    # The database is that of AWS's default, so that a table's name without its database is found out.
    query = translate_query(
        athena,
        Catalog(),
        database="default",
        table_sql=lambda ref: ref.table,
        now=dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
    )
    return query.sql


def _no_header(sql: str) -> str:
    return re.sub(r"\A(--.*\n)+", "", sql).strip()


@pytest.fixture
def lake() -> Lake:
    return Lake()


@pytest.fixture
def new_lake() -> type[Lake]:
    """For tests that need several."""
    return Lake
