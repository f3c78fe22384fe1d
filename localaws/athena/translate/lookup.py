"""Finds what a name stands for: a column in scope or around it, or a field of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from localaws.athena.translate.scope import Context, Field, Scope, TableUse, Value, combine, text
from localaws.athena.translate.types import VARCHAR, field_names

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder


def column(binder: ExpressionBinder, node: exp.Column) -> Value:
    """The value of a column reference a, t.a, db.t.a, or of a row's field t.a.b."""
    parts = [p.name.lower() for p in node.parts]
    if len(parts) == 1 and parts[0] in binder.aliases:
        return binder.aliases[parts[0]]
    scope: Scope | None = binder.scope
    local = True
    while scope is not None:
        found = _in_scope(binder.context, scope, parts, node)
        if found is not None:
            field, rest = found
            value = field.read()
            if not local:
                binder.queries.note_outer(value)
            for name in rest:
                value = dereference(binder.context, value, name, node)
            return value
        scope, local = scope.parent, False
    if len(parts) == 1 and node.this.args.get("quoted") is not True and parts[0] in _NO_PARENTHESES:
        return _NO_PARENTHESES[parts[0]](binder, node)
    binder.context.fail(
        "COLUMN_NOT_FOUND",
        f"Column '{'.'.join(p.name for p in node.parts)}' cannot be resolved or requester is not authorized to "
        "access requested resources",
        node,
    )


def base_column(binder: ExpressionBinder, node: exp.Column) -> tuple[TableUse, str] | None:
    """The table and column that a reference names, where it is a table's column in the local scope."""
    found = _in_scope(binder.context, binder.scope, [p.name.lower() for p in node.parts], node)
    if found is None or found[1] or found[0].use is None:
        return None
    return found[0].use, found[0].catalog_name


def _current_schema(binder: ExpressionBinder, _: exp.Column) -> Value:
    return Value(text(binder.context.database), VARCHAR)


_NO_PARENTHESES = {"current_schema": _current_schema}


def _in_scope(context: Context, scope: Scope, parts: list[str], node: exp.Column) -> tuple[Field, list[str]] | None:
    """The field that the longest possible qualifier names, and the row fields that follow."""
    for used in range(min(len(parts), 4), 0, -1):
        fields = scope.find(tuple(parts[: used - 1]), parts[used - 1])
        if len(fields) > 1:
            context.fail("AMBIGUOUS_NAME", f"Column '{'.'.join(parts)}' is ambiguous", node)
        if fields:
            return fields[0], parts[used:]
    return None


def dereference(context: Context, value: Value, name: str, node: exp.Expression) -> Value:
    """value.name of a row."""
    if value.type.name != "row":
        context.fail("TYPE_MISMATCH", f"Expression {name} is not of type ROW", node)
    matches = [i for i, f in enumerate(value.type.fields) if f == name]
    if len(matches) != 1:
        problem = "is ambiguous" if matches else "cannot be resolved"
        context.fail("COLUMN_NOT_FOUND", f"Column '{name}' {problem}", node)
    quoted = field_names(value.type)[matches[0]]
    return combine(f"({value.sql}).{quoted}", value.type.args[matches[0]], [value])
