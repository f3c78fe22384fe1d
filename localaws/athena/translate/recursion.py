"""WITH RECURSIVE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate import relations
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.raising import failure
from localaws.athena.translate.scope import Scope, Value
from localaws.athena.translate.types import BOOLEAN, coercible

if TYPE_CHECKING:
    from localaws.athena.translate.queries import Bound, QueryBinder

MAX_DEPTH = 10  # Trino's max_recursion_depth, which Athena does not let one change


def bind_recursive(
    queries: QueryBinder, node: Any, key: str, emitted: str, columns: list[str], parent: Scope | None
) -> tuple[Bound, str]:
    """The recursive query and its WITH item; a hidden column counts the steps, which Trino limits."""
    from localaws.athena.translate.queries import Bound, as_types

    if not isinstance(node, exp.Union) or node.args.get("distinct") or node.args.get("order") or node.args.get("limit"):
        raise refuse("WITH RECURSIVE that is not a plain UNION ALL of two queries")
    if not columns:
        queries.context.fail("MISSING_COLUMN_ALIASES", "missing column aliases in recursive WITH query", node)
    anchor = queries.bind(node.this, parent)
    relations.rename(queries.context, anchor, columns, node)
    listed, raw = ", ".join(anchor.names), f'{emitted[:-1]}_steps"'
    queries.ctes[key] = Bound(raw, anchor.columns, anchor.shown, anchor.names)
    step = queries.bind(node.expression, parent)
    kinds = [c.type for c in anchor.columns]
    if len(step.columns) != len(kinds) or not all(
        coercible(s.type, k) for s, k in zip(step.columns, kinds, strict=True)
    ):
        what = "recursion step relation output type is not coercible to the base relation's"
        queries.context.fail("TYPE_MISMATCH", what, node)
    relations.rename(queries.context, step, columns, node)
    what = (
        f"Recursion depth limit exceeded ({MAX_DEPTH}). Use 'max_recursion_depth' session property to modify the limit."
    )
    reached = f'(SELECT max("$depth") FROM {raw})'
    within = f"""CASE WHEN "$depth" > {MAX_DEPTH} THEN {failure("NOT_SUPPORTED", what, BOOLEAN)} ELSE true END"""
    sql = (
        f'{raw}({listed}, "$depth") AS (SELECT {listed}, 0 FROM ({anchor.sql}) AS a({listed}) UNION ALL '
        f"SELECT {listed}, {reached} + 1 FROM ({as_types(step, kinds)}) AS s({listed}) "
        f"WHERE {reached} <= {MAX_DEPTH}), "
        f"{emitted}({listed}) AS (SELECT {listed} FROM {raw} WHERE {within})"
    )
    return Bound(sql, [Value(n, k) for n, k in zip(anchor.names, kinds, strict=True)], anchor.shown, anchor.names), sql
