"""Athena's queries (Trino SQL) as DuckDB SQL, with Trino's types, names, errors and results.

Every name is resolved and every expression typed as Trino does it before any DuckDB SQL is written; what is written is
made of the parts that the tables in ``functions`` and the handlers in ``expressions`` allow, and of nothing else. So a
query can reach no file, setting or function of DuckDB that is not there. What cannot be translated exactly raises
NotSupported; what Trino refuses raises SqlError with Trino's message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localaws.athena.translate.dialect import parse, source_of
from localaws.athena.translate.errors import SqlError, runtime_error
from localaws.athena.translate.output import shown_values
from localaws.athena.translate.queries import QueryBinder
from localaws.athena.translate.scope import Column, Context, Predicate, Schema, TableRef, TableSql
from localaws.athena.translate.session import prepare
from localaws.athena.translate.types import duckdb_type, parse_type

__all__ = [
    "Column",
    "Predicate",
    "Query",
    "Schema",
    "SqlError",
    "TableRef",
    "TableSql",
    "duckdb_type",
    "parse",
    "parse_type",
    "prepare",
    "runtime_error",
    "translate_query",
]

_PLACEHOLDER = re.compile("\x00(\\d+)\x00")


@dataclass(frozen=True)
class Query:
    """A translated query.

    sql: DuckDB SQL for a connection on which prepare() was called. Its values are what DuckDB holds for their type
    (see duckdb_type), but intervals and timestamps with time zone are text as Athena prints them, and JSON is text.
    columns: names and Athena types of the output, in order. tables: the uses of catalog tables, in order.
    """

    sql: str
    columns: tuple[Column, ...]
    tables: tuple[TableRef, ...]


def translate_query(sql_or_ast: Any, schema: Schema, *, database: str, table_sql: TableSql, now: datetime) -> Query:
    """Translate a SELECT, VALUES, TABLE or WITH.

    sql_or_ast: the text, or a query in a tree made by parse(). table_sql gives, for each use of a table, SQL that can
    follow FROM and has the needed columns in the DuckDB types of duckdb_type(). now: what current_timestamp is.

    Raises SqlError for what Athena refuses, NotSupported for what cannot be translated exactly.
    """
    tree = parse(sql_or_ast) if isinstance(sql_or_ast, str) else sql_or_ast
    context = Context(schema, database.lower(), now, source_of(tree))
    try:
        bound = QueryBinder(context).bind(tree)
    except RecursionError:
        raise SqlError("GENERIC_INTERNAL_ERROR", "the statement is nested too deeply") from None
    refs = tuple(use.ref() for use in context.uses)
    sql = _PLACEHOLDER.sub(lambda m: table_sql(refs[int(m[1])]), shown_values(bound))
    return Query(sql, bound.described(), refs)
