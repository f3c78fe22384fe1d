"""Predicates: comparisons, IN, EXISTS, LIKE, BETWEEN, IS NULL, quantified comparisons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate import operators
from localaws.athena.translate.casts import cast, coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.scope import Value, combine
from localaws.athena.translate.types import BOOLEAN, VARCHAR, Type, common

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

OPERATORS = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip


def compare(binder: ExpressionBinder, node: exp.Binary) -> Value:
    """Left op right, or left op ANY/ALL (subquery)."""
    operator = OPERATORS[type(node)]
    if isinstance(node.expression, exp.Any | exp.All):
        return _quantified(binder, node, operator)
    return operators.compare(operator, binder.bind(node.this), binder.bind(node.expression))


def _quantified(binder: ExpressionBinder, node: exp.Binary, operator: str) -> Value:
    inner = node.expression.this
    if isinstance(inner, exp.Subquery):
        inner = inner.this
    word = "ANY" if isinstance(node.expression, exp.Any) else "ALL"
    value = binder.bind(node.this)
    left, sql, outer = _against(binder, value, inner, node)
    return combine(f"({left.sql} {operator} {word} ({sql}))", BOOLEAN, [value, outer])


def _against(
    binder: ExpressionBinder, value: Value, query: exp.Expression, node: exp.Expression
) -> tuple[Value, str, Value]:
    """A value and a one-column subquery, both as the type that they have in common."""
    bound = binder.queries.nested(query, binder.scope)
    if len(bound.columns) != 1:
        count = len(bound.columns)
        binder.context.fail(
            "TYPE_MISMATCH", f"Multiple columns returned by subquery are not yet supported. Found {count}", node
        )
    right = bound.columns[0]
    kind = common(value.type, right.type)
    if kind is None:
        raise operators.NoOperator
    left = operators.comparable(coerce(value, kind))
    item = Value(f"q.{bound.names[0]}", right.type)
    target = operators.comparable(coerce(item, kind))
    sql = bound.sql if target.sql == item.sql else f"SELECT {target.sql} FROM ({bound.sql}) AS q"
    return left, sql, bound.outer


def in_(binder: ExpressionBinder, node: exp.In) -> Value:
    """Value IN (list) or IN (subquery)."""
    value = binder.bind(node.this)
    query = node.args.get("query")
    if query is not None:
        left, sql, outer = _against(binder, value, query.this if isinstance(query, exp.Subquery) else query, node)
        return combine(f"({left.sql} IN ({sql}))", BOOLEAN, [value, outer])
    items = [binder.bind(e) for e in node.expressions]
    if not items or any(node.args.get(k) for k in ("unnest", "field")):
        binder.context.fail("SYNTAX_ERROR", "mismatched input after IN. Expecting: '('", node)
    tests = [operators.compare("=", value, item) for item in items]
    kind: Type | None = value.type
    for item in items:
        kind = common(kind, item.type) if kind else None
    if kind is None:
        raise operators.NoOperator
    if kind.name in ("real", "double", "row", "array", "map", "unknown"):
        return combine("(" + " OR ".join(t.sql for t in tests) + ")", BOOLEAN, [value, *items])
    as_sql = [operators.comparable(coerce(v, kind)).sql for v in (value, *items)]
    return combine(f"({as_sql[0]} IN ({', '.join(as_sql[1:])}))", BOOLEAN, [value, *items])


def exists(binder: ExpressionBinder, node: exp.Exists) -> Value:
    """EXISTS (subquery)."""
    inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
    bound = binder.queries.nested(inner, binder.scope)
    return combine(f"EXISTS ({bound.sql})", BOOLEAN, [bound.outer])


def between(binder: ExpressionBinder, node: exp.Between) -> Value:
    """Value BETWEEN low AND high."""
    if node.args.get("symmetric"):
        binder.context.fail("SYNTAX_ERROR", "mismatched input 'SYMMETRIC'", node)
    value, low, high = (binder.bind(node.args[k]) for k in ("this", "low", "high"))
    first, second = operators.compare(">=", value, low), operators.compare("<=", value, high)
    return combine(f"({first.sql} AND {second.sql})", BOOLEAN, [first, second])


def is_null(binder: ExpressionBinder, node: exp.Is) -> Value:
    """Value IS NULL; Trino has no IS TRUE."""
    if not isinstance(node.expression, exp.Null):
        binder.context.fail("SYNTAX_ERROR", f"mismatched input '{node.expression.sql()}'. Expecting: 'NULL'", node)
    value = binder.bind(node.this)
    return combine(f"({value.sql} IS NULL)", BOOLEAN, [value])


def like(binder: ExpressionBinder, node: exp.Like, mark: Value | None = None) -> Value:
    """Value LIKE pattern [ESCAPE mark]."""
    value, pattern = binder.bind(node.this), binder.bind(node.expression)
    for side in (value, pattern):
        if side.type.name not in ("varchar", "char", "unknown"):
            what = f"Left side of LIKE expression must evaluate to a varchar (actual: {side.type})"
            binder.context.fail("TYPE_MISMATCH", what, node)
    sides = [cast(v, VARCHAR) if v.type.name == "char" else v for v in (value, pattern)]
    negate = "NOT " if node.args.get("negate") else ""
    parts: list[Value] = [value, pattern]
    tail = ""
    if mark is not None:
        parts.append(mark)
        _check_pattern(binder, pattern.literal, mark.literal, node)
        tail = f" ESCAPE {mark.sql}"
    return combine(f"({sides[0].sql} {negate}LIKE {sides[1].sql}{tail})", BOOLEAN, parts)


def escape(binder: ExpressionBinder, node: exp.Escape) -> Value:
    """LIKE with an escape character."""
    if not isinstance(node.this, exp.Like):
        binder.context.fail("SYNTAX_ERROR", "mismatched input 'ESCAPE'", node)
    return like(binder, node.this, binder.bind(node.expression))


def _check_pattern(binder: ExpressionBinder, pattern: Any, mark: Any, node: exp.Expression) -> None:
    if not isinstance(mark, str) or not isinstance(pattern, str):
        raise refuse("LIKE with an ESCAPE that is no literal")
    if len(mark) != 1:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character", node)
    if re.search(re.escape(mark) + rf"(?![%_{re.escape(mark)}])", re.sub(re.escape(mark) * 2, "", pattern)):
        what = "Escape character must be followed by '%', '_' or the escape character itself"
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", what, node)
