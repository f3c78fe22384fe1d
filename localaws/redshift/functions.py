"""Redshift's aggregates and functions of numbers and nulls, each as a DuckDB expression that means the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.redshift import datefunctions, textfunctions, windows
from localaws.redshift.casts import assign
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.scope import Scope, Typed
from localaws.redshift.types import BOOL, FLOAT8, FLOATS, INT8, INTEGERS, Type, numeric, said

if TYPE_CHECKING:
    from localaws.redshift.expressions import Expressions

Rule = Callable[["Expressions", Any, Scope], Typed]
Aggregate = tuple[str, Callable[[str], str], Type]
_STATISTICS = {
    exp.Stddev: "stddev_samp",
    exp.StddevSamp: "stddev_samp",
    exp.StddevPop: "stddev_pop",
    exp.Variance: "var_samp",
    exp.VariancePop: "var_pop",
}


def call(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    """A function's call; raises SqlError for one that there is none."""
    if isinstance(node, exp.Anonymous):
        name = str(node.this).lower()
        named = _NAMED.get(name)
        if named is None:
            raise SqlError(
                f"function {name.removeprefix('localaws_')} does not exist, or is not supported by the embedded AWS"
            )
        least, most, rule = named
        if not least <= len(node.expressions) <= most:
            raise SqlError(f"function {name} with {len(node.expressions)} arguments does not exist")
        return rule(self, node, scope)
    found = aggregate(self, node, scope)
    if found is not None:
        sql, wrap, kind = found
        return Typed(wrap(sql), kind)
    if isinstance(node, exp.GroupConcat):
        return windows.listagg(self, node, scope)
    typed = _RULES.get(type(node)) or textfunctions.RULES.get(type(node)) or datefunctions.RULES.get(type(node))
    if typed is None:
        what = node.sql_name() if isinstance(node, exp.Func) else type(node).__name__.upper()
        raise Unsupported(what)
    return typed(self, node, scope)


def now(scope: Scope) -> Typed:
    """SYSDATE."""
    return datefunctions.now()


def aggregate(self: Expressions, node: exp.Expression, scope: Scope) -> Aggregate | None:
    """An aggregate: its call, what is put around that, and its type; None for what is none."""
    inner = node.this if isinstance(node, exp.Func) else None
    distinct = ""
    if isinstance(inner, exp.Distinct):
        if len(inner.expressions) != 1:
            raise Unsupported("An aggregate of several distinct columns")
        distinct, inner = "DISTINCT ", inner.expressions[0]
    if isinstance(node, exp.Count):
        if node.expressions:
            raise SqlError("count takes one argument")
        sql = "count(*)" if isinstance(inner, exp.Star) else f"count({distinct}{self.value(inner, scope).sql})"
        return sql, _same, INT8
    if isinstance(node, exp.ApproxDistinct):
        # An exact count is within the error that APPROXIMATE allows.
        return f"count(DISTINCT {self.value(inner, scope).sql})", _same, INT8
    if isinstance(node, exp.Sum | exp.Avg):
        return _sum_or_average(self, node, inner, distinct, scope)
    if isinstance(node, exp.Min | exp.Max | exp.AnyValue):
        if isinstance(node, exp.Min | exp.Max) and node.expressions:
            raise SqlError("min and max take one argument")
        value = self.value(inner, scope)
        return f"{type(node).__name__.lower().replace('anyvalue', 'any_value')}({value.sql})", _same, value.type
    if type(node) in _STATISTICS:
        value = _number(self.value(inner, scope), _STATISTICS[type(node)])
        return f"{_STATISTICS[type(node)]}({distinct}CAST({value.sql} AS DOUBLE))", _same, FLOAT8
    if isinstance(node, exp.Median):
        value = _number(self.value(inner, scope), "median")
        return f"quantile_cont(CAST({value.sql} AS DOUBLE), 0.5)", _same, FLOAT8
    if isinstance(node, exp.LogicalAnd | exp.LogicalOr):
        name = "bool_and" if isinstance(node, exp.LogicalAnd) else "bool_or"
        return f"{name}({self.typed(inner, scope, BOOL)})", _same, BOOL
    return None


def _same(sql: str) -> str:
    return sql


def _number(value: Typed, name: str) -> Typed:
    if value.type.name in ("unknown", "null"):
        return assign(value, FLOAT8)
    if not value.type.is_number:
        raise SqlError(f"function {name}({said(value.type)}) does not exist")
    return value


def _sum_or_average(self: Expressions, node: exp.Expression, inner: Any, distinct: str, scope: Scope) -> Aggregate:
    name = "sum" if isinstance(node, exp.Sum) else "avg"
    value = _number(self.value(inner, scope), name)
    if value.type.name in FLOATS:
        return f"{name}({distinct}CAST({value.sql} AS DOUBLE))", _same, FLOAT8
    if name == "sum":
        kind = INT8 if value.type.name in ("int2", "int4") else numeric(38, value.type.numeric()[1])
        return f"sum({distinct}{value.sql})", lambda sql: f"CAST({sql} AS {kind.duckdb})", kind
    if isinstance(node.find_ancestor(exp.Window), exp.Window) and node.parent is node.find_ancestor(exp.Window):
        raise Unsupported("AVG of integers or decimals as a window function; cast to double precision, or divide a SUM")
    precision, scale = value.type.numeric()
    total, count = f"sum({distinct}{value.sql})", f"count({distinct}{value.sql})"
    if value.type.name in INTEGERS:
        # AVG of integers is an integer, cut towards zero.
        return f"CAST(({total} // nullif({count}, 0)) AS BIGINT)", _same, INT8
    kind = numeric(19 if precision <= 19 else 38, scale)
    units = f"CAST({total} * CAST({10**scale} AS DECIMAL({scale + 1}, 0)) AS HUGEINT)"
    digits = f"CAST(localaws.quotient({units}, CAST(nullif({count}, 0) AS HUGEINT)) AS DECIMAL(38, 0))"
    if not scale:
        return f"CAST({digits} AS {kind.duckdb})", _same, kind
    point = f"CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale}, {scale}))"
    return f"CAST(({digits} * {point}) AS {kind.duckdb})", _same, kind


def _coalesce(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    given = node.expressions if isinstance(node, exp.Anonymous) else [node.this, *node.expressions]
    sqls, kind = self.same_type(given, scope, "COALESCE")
    return Typed(f"coalesce({', '.join(sqls)})", kind)


def _nullif(self: Expressions, node: exp.Nullif, scope: Scope) -> Typed:
    value = self.value(node.this, scope)
    sides, _ = self.same_type([node.this, node.expression], scope, "NULLIF")
    return Typed(f"CASE WHEN {sides[0]} = {sides[1]} THEN NULL ELSE {value.sql} END", value.type)


def _nvl2(self: Expressions, node: exp.Nvl2, scope: Scope) -> Typed:
    results, kind = self.same_type([node.args["true"], node.args["false"]], scope, "NVL2")
    value = self.value(node.this, scope).sql
    return Typed(f"CASE WHEN {value} IS NOT NULL THEN {results[0]} ELSE {results[1]} END", kind)


def _decode(self: Expressions, node: exp.DecodeCase, scope: Scope) -> Typed:
    subject, *rest = node.expressions
    default = rest.pop() if len(rest) % 2 else None
    searched, results = rest[::2], rest[1::2]
    (value, *compared), _ = self.same_type([subject, *searched], scope, "DECODE")
    sqls, kind = self.same_type([*results, *([default] if default else [])], scope, "DECODE")
    # In DECODE two nulls are equal.
    whens = " ".join(
        f"WHEN {value} IS NOT DISTINCT FROM {one} THEN {then}" for one, then in zip(compared, sqls, strict=False)
    )
    return Typed(f"CASE {whens}{f' ELSE {sqls[-1]}' if default else ''} END", kind)


def _greatest(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    sqls, kind = self.same_type([node.this, *node.expressions], scope, name.upper())
    return Typed(f"{name}({', '.join(sqls)})", kind)


# Numbers


def _round(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    name = "round" if isinstance(node, exp.Round) else "trunc"
    value = self.value(node.this, scope)
    if name == "trunc" and value.type.name in ("date", "timestamp") and not node.args.get("decimals"):
        return Typed(f"CAST({value.sql} AS DATE)", Type("date"))
    value = _number(value, name)
    places = node.args.get("decimals")
    if node.args.get("truncate"):
        raise Unsupported("this form of ROUND")
    if value.type.name in INTEGERS:
        if places is not None:
            raise Unsupported(f"{name.upper()} of an integer to a number of places")
        return value
    digits = 0
    if places is not None:
        literal = places.this if isinstance(places, exp.Neg) else places
        if not isinstance(literal, exp.Literal) or not literal.name.isdigit():
            raise Unsupported(f"{name.upper()} to places that are not a constant")
        digits = -int(literal.name) if isinstance(places, exp.Neg) else int(literal.name)
    if value.type.name in FLOATS:
        if name == "trunc" and digits:
            raise Unsupported("TRUNC of a floating-point number to places; cast to numeric")
        return Typed(f"{name}(CAST({value.sql} AS DOUBLE){f', {digits}' if digits else ''})", FLOAT8)
    precision, scale = value.type.args
    if digits >= scale:
        return value
    if digits < 0 or name == "trunc":
        raise Unsupported(f"{name.upper()} of a decimal to {digits} places")
    kind = numeric(precision, digits)
    return Typed(f"CAST(round({value.sql}, {digits}) AS {kind.duckdb})", kind)


def _whole_of(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    name = "floor" if isinstance(node, exp.Floor) else "ceil"
    value = _number(self.value(node.this, scope), name)
    if node.args.get("decimals"):
        raise SqlError(f"function {name} takes one argument")
    if value.type.name in INTEGERS:
        return value
    if value.type.name in FLOATS:
        return Typed(f"{name}(CAST({value.sql} AS DOUBLE))", FLOAT8)
    kind = numeric(value.type.args[0], 0)
    return Typed(f"CAST({name}({value.sql}) AS {kind.duckdb})", kind)


def _abs(self: Expressions, node: exp.Abs, scope: Scope) -> Typed:
    value = _number(self.value(node.this, scope), "abs")
    return Typed(f"abs({value.sql})", value.type)


def _double(name: str) -> Rule:
    def rule(self: Expressions, node: Any, scope: Scope) -> Typed:
        values = [node.this, *([node.expression] if node.args.get("expression") is not None else [])]
        given = [f"CAST({_number(self.value(one, scope), name).sql} AS DOUBLE)" for one in values]
        return Typed(f"{name}({', '.join(given)})", FLOAT8)

    return rule


def _log(self: Expressions, node: exp.Log, scope: Scope) -> Typed:
    if node.args.get("expression"):
        raise SqlError("function log takes one argument")
    return Typed(f"log10({self.typed(node.this, scope, FLOAT8)})", FLOAT8)


_RULES: Mapping[type[exp.Expression], Rule] = {
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Nvl2: _nvl2,
    exp.DecodeCase: _decode,
    exp.Greatest: _greatest,
    exp.Least: _greatest,
    exp.Round: _round,
    exp.Trunc: _round,
    exp.Floor: _whole_of,
    exp.Ceil: _whole_of,
    exp.Abs: _abs,
    exp.Pow: _double("pow"),
    exp.Sqrt: _double("sqrt"),
    exp.Exp: _double("exp"),
    exp.Ln: _double("ln"),
    exp.Log: _log,
}
_NAMED: Mapping[str, tuple[int, int, Rule]] = {
    "isnull": (2, 2, _coalesce),
    **textfunctions.NAMED,
    **datefunctions.NAMED,
}
