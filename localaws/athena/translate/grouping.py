"""GROUP BY: its sets, and that every expression of a grouped query is an aggregate or a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.errors import refuse
from localaws.athena.translate.scope import Value
from localaws.athena.translate.types import TSTZ, Type, duckdb_type

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

_SETS = {exp.GroupingSets: "GROUPING SETS", exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}


def group_by(binder: ExpressionBinder, clause: Any, items: list[Any]) -> str:
    """The clause's SQL; from here on the binder's scope has its keys."""
    if clause.args.get("all") is not None and not clause.expressions:
        binder.context.fail("SYNTAX_ERROR", "mismatched input 'ALL'", clause)
    if clause.args.get("totals") is not None:
        binder.context.fail("SYNTAX_ERROR", "mismatched input 'TOTALS'", clause)
    keys: dict[str, str] = {}
    parts = [_element(binder, e, items, keys) for e in clause.expressions]
    for extra in ("grouping_sets", "rollup", "cube"):
        parts += [_element(binder, e, items, keys) for e in clause.args.get(extra) or []]
    binder.scope.keys = keys
    return f" GROUP BY {', '.join(p for p in parts if p)}" if any(parts) else ""


def _element(binder: ExpressionBinder, node: Any, items: list[Any], keys: dict[str, str]) -> str:
    if type(node) in _SETS:
        inner = ", ".join(_element(binder, e, items, keys) or "()" for e in node.expressions)
        return f"{_SETS[type(node)]} ({inner})"
    if isinstance(node, exp.Tuple):
        return "(" + ", ".join(_key(binder, e, items, keys) for e in node.expressions) + ")"
    return _key(binder, node.this if isinstance(node, exp.Paren) else node, items, keys)


def _key(binder: ExpressionBinder, node: Any, items: list[Any], keys: dict[str, str]) -> str:
    value = _bind_key(binder, node, items)
    if value.aggregate or value.window:
        what = "GROUP BY clause cannot contain aggregations, window functions or grouping operations"
        binder.context.fail("EXPRESSION_NOT_SCALAR", what, node)
    require_groupable(value.type, "GROUP BY")
    keys[value.sql] = value.sql
    if not value.loose:  # a constant, which DuckDB would take for a column's number
        return f"CAST({value.sql} AS {duckdb_type(value.type)})"
    return value.sql


def _bind_key(binder: ExpressionBinder, node: Any, items: list[Any]) -> Value:
    if not isinstance(node, exp.Literal) or node.is_string:
        return binder.bind(node)
    if not node.this.isdigit() or not 1 <= int(node.this) <= len(items):
        binder.context.fail("INVALID_COLUMN_REFERENCE", f"GROUP BY position {node.this} is not in select list", node)
    item = items[int(node.this) - 1]
    if isinstance(item, exp.Expression):
        return binder.bind(item.this if isinstance(item, exp.Alias) else item)
    value: Value = item.value
    return value


def require_groupable(kind: Type, where: str) -> None:
    """Refuse types whose equality in DuckDB is not Trino's."""
    if kind.name == "json" or (kind.name == TSTZ and kind.zone is None):
        raise refuse(f"{where} of {kind} values" + ("" if kind.name == "json" else " that carry different zones"))
    for inner in kind.args:
        require_groupable(inner, where)


def check(binder: ExpressionBinder, items: list[Any], sorted_by: list[Any], *, grouped: bool) -> None:
    """EXPRESSION_NOT_AGGREGATE for a loose column in a grouped query."""
    values = [*items, *sorted_by]
    if not grouped and not any(v.aggregate for _, v in values):
        return
    own = {label for f in binder.scope.fields for label in f.value.loose}
    for node, value in values:
        if value.loose & own:
            shown = node.this if isinstance(node, exp.Alias) else node
            label = shown.sql(dialect="trino") if isinstance(shown, exp.Expression) else shown.name
            what = f"'{label}' must be an aggregate expression or appear in GROUP BY clause"
            where = node if isinstance(node, exp.Expression) else exp.Null()
            binder.context.fail("EXPRESSION_NOT_AGGREGATE", what, where)
