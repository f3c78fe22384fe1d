"""The corpus of Athena SQL: tables, cases, and how a case is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from localaws.athena.translate import (
    Column,
    Query,
    SqlError,
    duckdb_type,
    parse_type,
    prepare,
    runtime_error,
    translate_query,
)

CORPUS = Path(__file__).parent / "corpus"
NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    sql: str
    source: str
    columns: list[str] = field(default_factory=list)  # types, or "name: type"
    rows: list[list[Any]] = field(default_factory=list)
    error: str | None = None
    refused: str | None = None


def cases() -> Iterator[tuple[str, Case]]:
    """Every case with its id: the file's name and the SQL."""
    for path in sorted(CORPUS.glob("*.yaml")):
        if path.name == "tables.yaml":
            continue
        for group in yaml.safe_load(path.read_text(encoding="utf-8")):
            for case in _group(group):
                yield f"{path.stem}: {case.sql[:90]}", case


def _group(group: dict[str, Any]) -> Iterator[Case]:
    for expression, kind, value in group.get("expressions", []):
        sql, source = f"SELECT {expression}", group["source"]
        if kind in ("error", "refused"):
            yield Case(sql, source, **{kind: value})
        else:
            yield Case(sql, source, [kind], [[value]])
    for query in group.get("queries", []):
        yield Case(**{"source": group["source"], **query})


def tables() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((CORPUS / "tables.yaml").read_text(encoding="utf-8"))


class Catalog:
    def __init__(self) -> None:
        self.tables = tables()

    def columns(self, database: str | None, table: str) -> list[Column]:
        found = self.tables.get(table) if database == "db" else None
        if found is None:
            raise SqlError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{table}' does not exist")
        return [Column(name, kind) for name, kind in found["columns"].items()]


@pytest.fixture(scope="session")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    prepare(connection)
    for name, table in tables().items():
        columns = [f'"{c}" {duckdb_type(parse_type(t))}' for c, t in table["columns"].items()]
        connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        for row in table["rows"]:
            connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
    return connection


@pytest.fixture(scope="session")
def translate(catalog: Catalog) -> Callable[[str], Query]:
    return lambda sql: translate_query(sql, catalog, database="db", table_sql=lambda ref: ref.table, now=NOW)


def shown(value: Any, kind: str) -> Any:
    """A value as the corpus writes it."""
    if isinstance(value, float):
        return "NaN" if value != value else {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, value)
    if isinstance(value, datetime):
        digits = parse_type(kind).params[0] if kind.startswith("timestamp") else 3
        text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
        return text[: 20 + digits] if digits else text[:19]
    if isinstance(value, Decimal | date | time):
        return str(value)
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, dict):
        return {k: shown(v, kind) for k, v in value.items()}
    if isinstance(value, list):
        return [shown(v, kind) for v in value]
    return value


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        every = list(cases())
        metafunc.parametrize("case", [c for _, c in every], ids=[name for name, _ in every])


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def corpus() -> list[Case]:
    return [case for _, case in cases()]


@pytest.fixture(scope="session")
def run(connection: duckdb.DuckDBPyConnection, translate: Callable[[str], Query]) -> Callable[[str], Any]:
    def run(sql: str) -> tuple[tuple[Column, ...], list[list[Any]]]:
        query = translate(sql)
        try:
            rows = connection.execute(query.sql).fetchall()
        except duckdb.Error as error:
            raise runtime_error(error) from error
        return query.columns, [[shown(v, c.type) for v, c in zip(row, query.columns, strict=True)] for row in rows]

    return run
