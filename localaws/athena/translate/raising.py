"""SQL that fails with Athena's error, in a form that TRY can still catch."""

from __future__ import annotations

from localaws.athena.translate.errors import MARK
from localaws.athena.translate.scope import text
from localaws.athena.translate.types import Type, duckdb_type


def failure(kind: str, what: str, result: Type) -> str:
    """An expression of a type that fails when it is evaluated.

    It is a cast that cannot succeed, as DuckDB's own error() counts as volatile, which TRY refuses; and no CASE, which
    the optimizer would evaluate where it stands.
    """
    message = f"{text(f'{MARK}{kind}: ')} || {text(what)}"
    return f"list_extract(CAST([] AS {duckdb_type(result)}[]), CAST({message} AS BIGINT))"
