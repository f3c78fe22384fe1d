"""Binds function calls: finds the signature, coerces the arguments, fills in the template."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import (
    aggregates,
    arrays,
    dates,
    jsons,
    math,
    registry,
    strings,
    trino_names,
    windows,
)
from localaws.athena.translate.functions.resolution import apply
from localaws.athena.translate.scope import Value

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

Special = Callable[["ExpressionBinder", Any, list[Any]], Value]
SCALARS: dict[str, list[registry.Overload]] = {
    **strings.TABLE,
    **math.TABLE,
    **dates.TABLE,
    **jsons.TABLE,
    **arrays.TABLE,
}
SPECIAL: dict[str, Special] = {**strings.SPECIAL, **math.SPECIAL, **dates.SPECIAL, **jsons.SPECIAL, **arrays.SPECIAL}
_NO_ARGUMENTS = {
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtimestamp: "localtimestamp",
}


def call(binder: ExpressionBinder, node: Any) -> Value:
    """The value of a call, with its FILTER, NULL treatment and window."""
    modifiers = windows.Modifiers()
    inner = node
    while isinstance(inner, exp.Window | exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        modifiers.add(binder, inner)
        inner = inner.this
    name, arguments = _name_and_arguments(binder, inner, modifiers)
    if modifiers.over is not None or name in aggregates.TABLE or name in aggregates.SPECIAL:
        return aggregates.call(binder, inner, name, arguments, modifiers)
    modifiers.require_none(binder, inner, name)
    if name in windows.TABLE:
        binder.context.fail("MISSING_OVER", f"Window function {name} requires an OVER clause", inner)
    if name in SPECIAL:
        return SPECIAL[name](binder, inner, arguments)
    if name not in SCALARS:
        unknown(binder, inner, name)
    return apply(binder, inner, name, SCALARS[name], arguments)


def unknown(binder: ExpressionBinder, node: Any, name: str) -> None:
    """Refuse a function that is not in the tables."""
    if name in trino_names.NAMES:
        raise refuse(f"the function {name}")
    binder.context.fail("FUNCTION_NOT_FOUND", f"Function '{name}' not registered", node)


def _name_and_arguments(binder: ExpressionBinder, node: Any, modifiers: windows.Modifiers) -> tuple[str, list[Any]]:
    """A call's lower-case name and arguments; calls with a grammar of their own become ordinary ones."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower(), modifiers.unwrap(binder, list(node.expressions))
    if type(node) in _NO_ARGUMENTS:
        return _NO_ARGUMENTS[type(node)], [node.this] if node.this is not None else []
    if isinstance(node, exp.Extract):
        return "$extract", [exp.Literal.string(node.this.name), node.expression]
    if isinstance(node, exp.Trim):
        position = (node.args.get("position") or "BOTH").upper()
        name = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}[position]
        return name, [node.this] + ([node.expression] if node.expression is not None else [])
    if isinstance(node, exp.StrPosition):
        return "strpos", [node.this, node.args["substr"]]
    if isinstance(node, exp.Substring):
        return "substr", [a for a in (node.this, node.args.get("start"), node.args.get("length")) if a is not None]
    if isinstance(node, exp.ParseJSON):
        return "json_parse", [node.this]
    if isinstance(node, exp.GroupConcat):
        if node.args.get("on_overflow") is not None:
            raise refuse("LISTAGG ... ON OVERFLOW")
        separator = node.args.get("separator") or exp.Literal.string("")
        return "listagg", modifiers.unwrap(binder, [node.this, separator])
    raise refuse(f"{node.key} expressions")
