"""Window functions and ordered aggregates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.scope import Scope, Typed
from localaws.redshift.types import FLOAT8, INT8, TIMESTAMP, Type, said, text

if TYPE_CHECKING:
    from localaws.redshift.expressions import Expressions

_RANKS: dict[type[exp.Expression], tuple[str, Type]] = {
    exp.RowNumber: ("row_number()", INT8),
    exp.Rank: ("rank()", INT8),
    exp.DenseRank: ("dense_rank()", INT8),
    exp.PercentRank: ("percent_rank()", FLOAT8),
    exp.CumeDist: ("cume_dist()", FLOAT8),
}
_NAVIGATION: dict[type[exp.Expression], str] = {
    exp.Lag: "lag",
    exp.Lead: "lead",
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
}


def window(self: Expressions, node: exp.Window, scope: Scope) -> Typed:
    """``f(…) OVER (…)``."""
    for key, value in node.args.items():
        if value and key not in ("this", "partition_by", "order", "spec", "over"):
            raise Unsupported(f"{key.upper()} in a window")
    partition = ", ".join(self.value(one, scope).sql for one in node.args.get("partition_by") or ())
    order = node.args.get("order")
    over = f"PARTITION BY {partition}" if partition else ""
    if order:
        over += f" ORDER BY {', '.join(self.ordered(item, scope) for item in order.expressions)}"
    frame = _frame(node.args.get("spec"))
    function = node.this
    if isinstance(function, exp.Anonymous) and str(function.this).lower() == "ratio_to_report":
        value = self.typed(function.expressions[0], scope, FLOAT8)
        return Typed(f"({value} / nullif(sum({value}) OVER ({over}), 0))", FLOAT8)
    called = _function(self, function, scope)
    ranks = type(function) in _RANKS or isinstance(function, exp.Ntile | exp.Lag | exp.Lead)
    aggregate = not ranks and not isinstance(_bare(function), exp.FirstValue | exp.LastValue)
    if aggregate and order and not frame:
        raise SqlError("Aggregate window functions with an ORDER BY clause require a frame clause")
    # The aggregate's own cast stands outside of OVER.
    return Typed(called[1](f"{called[0]} OVER ({over}{frame})"), called[2])


def _bare(node: exp.Expression) -> exp.Expression:
    return node.this if isinstance(node, exp.IgnoreNulls | exp.RespectNulls) else node


def _function(self: Expressions, node: exp.Expression, scope: Scope) -> tuple[str, Callable[[str], str], Type]:
    from localaws.redshift.functions import aggregate

    def plain(sql: str) -> str:
        return sql

    if type(node) in _RANKS:
        sql, kind = _RANKS[type(node)]
        return sql, plain, kind
    if isinstance(node, exp.Ntile):
        return f"ntile({self.whole(node.this, scope)})", plain, INT8
    bare = _bare(node)
    nulls = " IGNORE NULLS" if isinstance(node, exp.IgnoreNulls) else ""
    if type(bare) in _NAVIGATION:
        inner = bare.this
        if isinstance(inner, exp.IgnoreNulls):
            inner, nulls = inner.this, " IGNORE NULLS"
        if bare.args.get("default"):
            raise Unsupported("A default in LAG or LEAD")
        value = self.value(inner, scope)
        offset = bare.args.get("offset")
        more = f", {self.whole(offset, scope)}" if offset else ""
        return f"{_NAVIGATION[type(bare)]}({value.sql}{more}{nulls})", plain, value.type
    found = aggregate(self, node, scope)
    if found is None:
        raise Unsupported(f"{type(node).__name__} as a window function")
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct):
        raise SqlError("DISTINCT is not supported in window functions")
    return found


def _frame(spec: Any) -> str:
    if spec is None:
        return ""
    kind = str(spec.args.get("kind") or "").upper()
    if kind != "ROWS" or spec.args.get("exclude"):
        raise Unsupported("A window frame other than ROWS")
    bounds = []
    for name in ("start", "end"):
        bound, side = spec.args.get(name), str(spec.args.get(f"{name}_side") or "").upper()
        if bound is None:
            bounds.append("CURRENT ROW")
        elif isinstance(bound, exp.Literal) and bound.name.isdigit():
            bounds.append(f"{int(bound.name)} {side}")
        elif str(bound).upper() in ("UNBOUNDED", "CURRENT ROW"):
            bounds.append(f"{str(bound).upper()} {side}".strip())
        else:
            raise Unsupported("A window frame with an expression")
    return f" ROWS BETWEEN {bounds[0]} AND {bounds[1]}"


def within_group(self: Expressions, node: exp.WithinGroup, scope: Scope) -> Typed:
    """LISTAGG and PERCENTILE_CONT, with the order they go by."""
    order = node.expression.expressions
    inner = node.this
    if isinstance(inner, exp.GroupConcat):
        items = ", ".join(self.ordered(item, scope) for item in order)
        return listagg(self, inner, scope, f" ORDER BY {items}")
    if isinstance(inner, exp.PercentileCont | exp.PercentileDisc) and len(order) == 1:
        value = self.value(order[0].this, scope)
        if not value.type.is_number and value.type.name not in ("date", "timestamp"):
            raise SqlError(f"function percentile_cont({said(value.type)}) does not exist")
        part = inner.this
        if not isinstance(part, exp.Literal) or not 0 <= float(part.name) <= 1:
            raise SqlError("The percentile must be a constant from 0 to 1")
        fraction = 1 - float(part.name) if order[0].args.get("desc") else float(part.name)
        if isinstance(inner, exp.PercentileDisc):
            return Typed(f"quantile_disc({value.sql}, {fraction})", value.type)
        if value.type.is_number:
            return Typed(f"quantile_cont(CAST({value.sql} AS DOUBLE), {fraction})", FLOAT8)
        return Typed(f"quantile_cont(CAST({value.sql} AS TIMESTAMP), {fraction})", TIMESTAMP)
    raise Unsupported(f"{type(inner).__name__} WITHIN GROUP")


def listagg(self: Expressions, node: exp.GroupConcat, scope: Scope, order: str = "") -> Typed:
    """LISTAGG; a result of more than 65,535 bytes fails, as in Redshift."""
    inner, separator = node.this, node.args.get("separator")
    distinct = ""
    if isinstance(inner, exp.Distinct):
        distinct = "DISTINCT "
        inner, *rest = inner.expressions
        separator = rest[0] if rest else separator
    if separator is not None and not (isinstance(separator, exp.Literal) and separator.is_string):
        raise SqlError("The delimiter of LISTAGG must be a constant")
    mark = self.string(separator, scope) if separator is not None else "''"
    value = self.typed(inner, scope, text(65_535))
    joined = f"string_agg({distinct}{value}, {mark}{order})"
    failed = "localaws.fail('Result size exceeds LISTAGG limit')"
    return Typed(f"CASE WHEN strlen({joined}) > 65535 THEN {failed} ELSE {joined} END", text(65_535))
