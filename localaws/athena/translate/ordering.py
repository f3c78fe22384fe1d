"""ORDER BY, OFFSET, LIMIT and FETCH FIRST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate import operators
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.scope import NO_LITERAL, Value

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder


def order_by(binder: ExpressionBinder, clause: Any, outputs: list[Value], *, distinct: bool = False) -> str:
    """The clause's SQL; output columns may be named or numbered."""
    binder.sorted_by = []
    if clause is None:
        return ""
    parts = []
    for item in clause.expressions:
        value = _ordinal(binder, item, outputs) or binder.bind(item.this)
        if distinct and all(value.sql != o.sql for o in outputs):
            what = "For SELECT DISTINCT, ORDER BY expressions must appear in select list"
            binder.context.fail("EXPRESSION_NOT_IN_DISTINCT", what, item)
        binder.sorted_by.append((item.this, value))
        if value.literal is not NO_LITERAL:
            continue
        parts.append(sort_key(binder, item, value))
    return f" ORDER BY {', '.join(parts)}" if parts else ""


def sort_key(binder: ExpressionBinder, item: Any, value: Value) -> str:
    """``x DESC NULLS LAST`` of an ORDER BY item; nulls come last unless the query says otherwise."""
    if value.type.name in ("map", "json"):
        binder.context.fail(
            "TYPE_MISMATCH", f"Type {value.type} is not orderable, and therefore cannot be used in ORDER BY", item
        )
    direction = "DESC" if item.args.get("desc") else "ASC"
    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
    return f"{operators.comparable(value).sql} {direction} NULLS {nulls}"


def _ordinal(binder: ExpressionBinder, item: Any, outputs: list[Value]) -> Value | None:
    node = item.this
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    if not node.this.isdigit() or not 1 <= int(node.this) <= len(outputs):
        binder.context.fail("INVALID_COLUMN_REFERENCE", f"ORDER BY position {node.this} is not in select list", node)
    return outputs[int(node.this) - 1]


def limits(binder: ExpressionBinder, node: Any) -> str:
    """LIMIT and OFFSET."""
    sql = ""
    limit = node.args.get("limit")
    if isinstance(limit, exp.Fetch):
        options = limit.args.get("limit_options")
        if options is not None and options.args.get("with_ties"):
            raise refuse("FETCH FIRST ... WITH TIES")
        sql += f" LIMIT {_count(binder, limit.args.get('count') or exp.Literal.number(1))}"
    elif limit is not None and limit.expression.name.upper() != "ALL":
        sql += f" LIMIT {_count(binder, limit.expression)}"
    offset = node.args.get("offset")
    return sql + (f" OFFSET {_count(binder, offset.expression)}" if offset is not None else "")


def _count(binder: ExpressionBinder, value: Any) -> str:
    if not isinstance(value, exp.Literal) or value.is_string or not value.this.isdigit():
        binder.context.fail("SYNTAX_ERROR", f"mismatched input '{value.sql()}'. Expecting: <integer>", value)
    return str(value.this)
