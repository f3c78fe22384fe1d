"""Runs the SQL of ``retraced``: renders the files as Airflow does, translates them as the local Athena does, and plays
the publish step on tables in memory."""

import datetime as dt
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
CREATE TABLE user_days (
    user_id varchar, company_id varchar, day date, last_login_at timestamp, month varchar, part bigint
);
CREATE TABLE activity (
    grain varchar, starts_on date, company_id varchar, active_users bigint, active_companies bigint, month varchar
);
CREATE TABLE built_memberships AS FROM memberships;
CREATE TABLE built_user_days AS FROM user_days;
CREATE TABLE built_activity AS FROM activity;
CREATE VIEW "user_days$partitions" AS SELECT DISTINCT month, part FROM user_days;
"""
# In the order in which they are published: the partition columns, and the one by which a build makes partitions anew.
DERIVED = {"user_days": (["month", "part"], "part"), "activity": (["month"], "month"), "memberships": ([], "")}


class Lake:
    """The tables of ``retraced``, and the steps of a run in the DAG's order."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        prepare(self._connection)
        self._connection.execute(TABLES)
        self._published: set[str] = set()  # upload dates

    def upload(self, date: str, companies: Iterable[tuple] = (), logins: Iterable[tuple] = ()) -> None:
        """Add rows to the partition of an upload date: (user, company, accepted) and (user, company, time)."""
        for table, rows in (("user_companies", companies), ("user_login_locations", logins)):
            if rows := [(*row, date) for row in rows]:
                self._connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)

    def run(self, *upload_dates: str, rebuild: bool = False, publish: int | None = None) -> list[str]:
        """One run of the pipeline over these upload dates; the months that it built.

        publish: how many tables it published before it died, and so did not mark its uploads; None: it did not die.
        """
        params = self.params(*upload_dates, rebuild=rebuild)
        months = params["all_months"]
        for table in DERIVED:
            self.build(table, months=months, **params)
        for table in list(DERIVED)[:publish]:
            self.publish(table, **params)
        if publish is None:
            self._published.update(upload_dates)
        return months

    def params(self, *upload_dates: str, rebuild: bool = False) -> dict[str, Any]:
        """What a run over these upload dates passes to its statements, but for the months of each."""
        load = {"upload_dates": list(upload_dates), "rebuild": rebuild, "build": "b1", "final_bucket": "final"}
        months = [month for (month,) in self.query("touched_months", **load)]
        return {**load, "part": 0 if rebuild else len(self._published), "all_months": months}

    def build(self, table: str, **params: Any) -> None:
        """Run the UNLOAD of a table, which makes the table built_<table>; a second chunk of months is added to it."""
        select, target, options = UNLOAD.fullmatch(_no_header(self.render(table, **params))).groups()
        assert target == f"s3://final/retraced/{table}/build=b1/0-1/"
        keys = re.findall("'([a-z]+)'", options.partition("ARRAY")[2])
        assert keys == DERIVED[table][0]
        if params["months"][:1] == params["all_months"][:1]:
            self._connection.execute(f"DELETE FROM built_{table}")
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE written AS {_translated(select)}")
        if "month" in keys:
            built = {month for (month,) in self.sql("SELECT DISTINCT month FROM written")}
            assert built <= set(params["months"]), f"{table}: months not asked for: {built - set(params['months'])}"
        self._connection.execute(f"INSERT INTO built_{table} BY NAME SELECT * FROM written")

    def publish(self, table: str, **params: Any) -> None:
        """Let readers of a table see what was built of it."""
        key = DERIVED[table][1]
        values = {"month": params["all_months"], "part": [params["part"]]}
        if key and not params["rebuild"]:
            self._connection.execute(f"DELETE FROM {table} WHERE list_contains(?, {key})", [values[key]])
        else:
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM built_{table}")

    def query(self, name: str, **params: object) -> list[tuple]:
        """The rows of a SELECT."""
        return self.sql(_translated(self.render(name, **params)))

    def checks(self, *upload_dates: str, months: list[str], rebuild: bool = False) -> dict[str, tuple[str, bool, str]]:
        """Check → severity, whether it is ok, detail: of what was built."""
        rows = self.query("checks", upload_dates=list(upload_dates), all_months=months, rebuild=rebuild)
        return {name: rest for name, *rest in rows}

    def sql(self, statement: str) -> list[tuple]:
        """The rows of a statement in DuckDB's SQL."""
        return self._connection.execute(statement).fetchall()

    def tables(self) -> dict[str, list[tuple]]:
        """All rows of the derived tables; the parts of user_days as one."""
        together = """
            SELECT user_id, company_id, day, max(last_login_at), month FROM user_days
            GROUP BY ALL ORDER BY ALL
        """
        whole = {name: self.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in ("memberships", "activity")}
        return {**whole, "user_days": self.sql(together)}

    @staticmethod
    def render(name: str, **params: object) -> str:
        """The SQL of a file, as Airflow renders it."""
        attempt = {"map_index": 0, "try_number": 1}
        return JINJA.get_template(f"retraced/{name}.sql").render(params=params, ti=attempt)


class Catalog:
    """The tables by their contracts."""

    def columns(self, database: str | None, table: str) -> list[Column]:
        assert database == "retraced"
        contract = contracts.get("retraced", table.removeprefix("built_").removesuffix("$partitions"))
        columns = [] if table.endswith("$partitions") else [(column.name, column.type) for column in contract.columns]
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
        table_sql=lambda ref: f'"{ref.table}"',
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
