"""UNNEST of arrays, maps and arrays of rows, with ordinality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.athena.translate.expressions import ExpressionBinder
from localaws.athena.translate.relations import Relation, column
from localaws.athena.translate.scope import Field, Scope, Value
from localaws.athena.translate.types import BIGINT, Type, field_names

if TYPE_CHECKING:
    from localaws.athena.translate.queries import QueryBinder


def unnest(queries: QueryBinder, node: Any, around: Scope) -> Relation:
    """The rows of UNNEST(a, b, ...); shorter ones are padded with nulls, a null array has no rows."""
    context = queries.context
    binder = ExpressionBinder(context, around, queries)
    inner, outer, kinds, lengths = [], [], [], []
    for number, argument in enumerate(node.expressions):
        value = binder.bind(argument)
        if value.type.name not in ("array", "map"):
            context.fail("INVALID_FUNCTION_ARGUMENT", f"Cannot unnest type: {value.type}", argument)
        columns = _columns(value, f"u{number}_")
        inner += [f"unnest({sql}) AS {alias}" for sql, alias in columns]
        lengths.append(f"coalesce(len({columns[0][0]}), 0)")
        for (_, alias), kind in zip(columns, value.type.args, strict=True):
            fields = [(f"({alias}).{f}", k) for f, k in zip(field_names(kind), kind.args, strict=True)]
            spread = fields if kind.name == "row" and value.type.name == "array" else [(alias, kind)]
            outer += [sql for sql, _ in spread]
            kinds += [k for _, k in spread]
    alias_node = node.args.get("alias")
    names = [c.name for c in alias_node.args.get("columns") or []] if alias_node is not None else []
    ordinality = node.args.get("offset")
    if ordinality is not None and ordinality is not False:
        if ordinality is not True:
            names.append(ordinality.name)
        longest = lengths[0] if len(lengths) == 1 else f"greatest({', '.join(lengths)})"
        inner.append(f"unnest(range(1, {longest} + 1)) AS n")
        outer.append("n")
        kinds.append(BIGINT)
    return _relation(context.fresh("r"), context, node, alias_node, names, inner, outer, kinds)


def _relation(
    emitted: str,
    context: Any,
    node: Any,
    alias: Any,
    names: list[str],
    inner: list[str],
    outer: list[str],
    kinds: list[Type],
) -> Relation:
    if names and len(names) != len(kinds):
        what = f"Column alias list has {len(names)} entries but '{alias.name}' has {len(kinds)} columns available"
        context.fail("MISMATCHED_COLUMN_ALIASES", what, node)
    shown = names or [f"_col{i}" for i in range(len(kinds))]
    quoted = [f"c{i}" for i in range(len(kinds))]
    listed = ", ".join(f"{sql} AS {q}" for sql, q in zip(outer, quoted, strict=True))
    sql = f"LATERAL (SELECT {listed} FROM (SELECT {', '.join(inner)}) AS u) AS {emitted}"
    qualifiers = (alias.name.lower(),) if alias is not None and alias.name else ()
    fields = [Field(s, qualifiers, column(f"{emitted}.{q}", k)) for s, q, k in zip(shown, quoted, kinds, strict=True)]
    return Relation(sql, fields)


def _columns(value: Value, prefix: str) -> list[tuple[str, str]]:
    if value.type.name == "map":
        return [(f"map_keys({value.sql})", f"{prefix}k"), (f"map_values({value.sql})", f"{prefix}v")]
    return [(value.sql, f"{prefix}e")]
