"""One statement: which it is, and running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from localaws.redshift import altering, copying, ddl, dml, unloading
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader, parse
from localaws.redshift.scope import Columns
from localaws.redshift.work import Work

MAX_RESULT = 500 << 20
# They change no result: statistics and order on disk are DuckDB's business, permissions are not decided by anything.
_WITHOUT_EFFECT = ("ANALYZE", "VACUUM", "GRANT", "REVOKE")
_REFUSED = (
    "CALL",
    "CANCEL",
    "CLOSE",
    "COMMENT",
    "DEALLOCATE",
    "DECLARE",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "LOCK",
    "PREPARE",
    "RESET",
    "SET",
    "SHOW",
    "USE",
)
_READS = ("SELECT", "WITH", "(")


@dataclass(frozen=True)
class Outcome:
    """What a statement gives: rows (an Arrow table and its columns), or the number of rows that it changed."""

    table: Any = None
    columns: Columns | None = None
    count: int = 0


def reads_only(sql: str) -> bool:
    """Whether a statement is a query."""
    return Reader(sql).word in _READS


def run(work: Work, sql: str, *, batch: bool) -> Outcome:
    """Run a statement in the transaction that is open; raises SqlError."""
    reader = Reader(sql)
    word = reader.word
    if word in _READS:
        return _query(work, sql)
    if word in ("INSERT", "UPDATE", "DELETE", "MERGE"):
        return Outcome(count=_change(work, parse(sql)))
    if word in _WITHOUT_EFFECT:
        return Outcome()
    if word == "TRUNCATE" and batch:
        raise Unsupported("TRUNCATE in a batch, which it would commit; use DELETE")
    commands = {
        "CREATE": ddl.create,
        "DROP": ddl.drop,
        "ALTER": altering.alter,
        "REFRESH": ddl.refresh,
        "TRUNCATE": dml.truncate,
    }
    counting = {"COPY": copying.copy, "UNLOAD": unloading.unload}
    if word not in commands and word not in counting:
        if word in ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"):
            raise Unsupported(f"{word}: a batch is one transaction; use BatchExecuteStatement")
        if word not in _REFUSED:
            raise reader.unexpected()
        raise Unsupported(f"The statement {word}")
    reader.next()
    if word in counting:
        return Outcome(count=counting[word](work, reader))
    commands[word](work, reader)
    return Outcome()


def _query(work: Work, sql: str) -> Outcome:
    tree = parse(sql)
    if isinstance(tree, exp.Select) and tree.args.get("into"):
        raise Unsupported("SELECT INTO; use CREATE TABLE AS")
    if not isinstance(tree, exp.Query):
        raise SqlError(f'syntax error at or near "{sql.split()[0]}"')
    query = work.queries.query(tree)
    table = work.execute(query.sql).to_arrow_table()
    if table.nbytes > MAX_RESULT:
        raise SqlError("The result is larger than 500 MB; use UNLOAD")
    return Outcome(table, query.columns)


def _change(work: Work, tree: exp.Expression) -> int:
    if isinstance(tree, exp.Insert):
        return dml.insert(work, tree)
    if isinstance(tree, exp.Update):
        return dml.update(work, tree)
    if isinstance(tree, exp.Delete):
        return dml.delete(work, tree)
    if isinstance(tree, exp.Merge):
        return dml.merge(work, tree)
    raise Unsupported(f"This form of {type(tree).__name__.upper()}")
