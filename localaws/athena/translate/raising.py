"""SQL that fails with Athena's error, in a form that TRY can still catch."""

from __future__ import annotations

from localaws.athena.translate.errors import MARK
from localaws.athena.translate.scope import text
from localaws.athena.translate.types import Type, duckdb_type


def failure(kind: str, what: str, result: Type) -> str:
    """An expression that fails when it is evaluated.

    It is a cast that cannot succeed, as DuckDB's own error() counts as volatile, which TRY refuses and which stops
    constants from being folded.
    """
    boolean = f"CAST({text(f'{MARK}{kind}: {what}')} AS BOOLEAN)"
    return f"CAST(CASE WHEN {boolean} THEN NULL END AS {duckdb_type(result)})"


def failure_with(kind: str, before: str, value_sql: str, after: str, result: Type) -> str:
    """The same with a value in its message; value_sql is a VARCHAR."""
    message = f"concat({text(f'{MARK}{kind}: {before}')}, {value_sql}, {text(after)})"
    return f"CAST(CASE WHEN CAST({message} AS BOOLEAN) THEN NULL END AS {duckdb_type(result)})"
