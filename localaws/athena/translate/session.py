"""What a DuckDB connection needs before it runs a translated query."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from localaws.athena.translate.python_functions import register

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET default_null_order = 'nulls_last'",
    "SET integer_division = false",
    "SET ieee_floating_point_ops = true",
    "SET scalar_subquery_error_on_multiple_rows = true",
    "SET preserve_insertion_order = true",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
)


@cache
def _macros() -> str:
    return (Path(__file__).parent.parent / "macros.sql").read_text(encoding="utf-8")


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the connection up: settings under which DuckDB answers as Trino, macros, a few Python functions."""
    for setting in _SETTINGS:
        connection.execute(setting)
    register(connection)
    connection.execute(_macros())
