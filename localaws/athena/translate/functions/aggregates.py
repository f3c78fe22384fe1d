"""Aggregate and window functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry, windows
from localaws.athena.translate.functions.resolution import resolve
from localaws.athena.translate.grouping import require_groupable
from localaws.athena.translate.operators import scaled, unscaled
from localaws.athena.translate.scope import Value, combine
from localaws.athena.translate.types import (
    BIGINT,
    INTEGER,
    TSTZ,
    decimal,
    duckdb_type,
    map_of,
)

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

# {d}: DISTINCT, {o}: ORDER BY, {f}: FILTER and OVER
_TWO = {"corr": "corr", "covar_pop": "covar_pop", "covar_samp": "covar_samp",
        "regr_slope": "regr_slope", "regr_intercept": "regr_intercept"}  # fmt: skip
_ONE = {"stddev": "stddev_samp", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop", "variance": "var_samp",
        "var_samp": "var_samp", "var_pop": "var_pop"}  # fmt: skip
TABLE = registry.table(
    "\n".join(f"{k}(double) -> double = {v}({{d}}{{0}}){{f}}" for k, v in _ONE.items())
    + "\n"
    + "\n".join(f"{k}(double, double) -> double = {v}({{0}}, {{1}}){{f}}" for k, v in _TWO.items())
) | registry.table("""
count() -> bigint = count(*){f}
count(T) -> bigint = count({d}{0}){f}
count_if(boolean) -> bigint = count({d}nullif({0}, false)){f}
approx_distinct(T) -> bigint = count(DISTINCT {0}){f}
approx_distinct(T, double) -> bigint = count(DISTINCT {0}){f}
approx_percentile(bigint, double) -> bigint = athena_percentile(list({0}){f}, max({1}){f})
approx_percentile(real, double) -> real = athena_percentile(list({0}){f}, max({1}){f})
approx_percentile(double, double) -> double = athena_percentile(list({0}){f}, max({1}){f})
approx_percentile(bigint, array(double)) -> array(bigint) = athena_percentiles(list({0}){f}, max({1}){f})
approx_percentile(real, array(double)) -> array(real) = athena_percentiles(list({0}){f}, max({1}){f})
approx_percentile(double, array(double)) -> array(double) = athena_percentiles(list({0}){f}, max({1}){f})
sum(tinyint) -> bigint = CAST(sum({d}{0}){f} AS BIGINT)
sum(smallint) -> bigint = CAST(sum({d}{0}){f} AS BIGINT)
sum(integer) -> bigint = CAST(sum({d}{0}){f} AS BIGINT)
sum(bigint) -> bigint = CAST(sum({d}{0}){f} AS BIGINT)
sum(real) -> real = CAST(sum({d}{0}){f} AS FLOAT)
sum(double) -> double = sum({d}{0}){f}
avg(integer) -> double = avg({d}{0}){f}
avg(bigint) -> double = avg({d}{0}){f}
avg(real) -> real = CAST(avg({d}{0}){f} AS FLOAT)
avg(double) -> double = avg({d}{0}){f}
min(T) -> T = min({0}){f}
max(T) -> T = max({0}){f}
min(T, bigint) -> array(T) = min({0}, {1}){f}
max(T, bigint) -> array(T) = max({0}, {1}){f}
bool_and(boolean) -> boolean = bool_and({0}){f}
bool_or(boolean) -> boolean = bool_or({0}){f}
every(boolean) -> boolean = bool_and({0}){f}
any_value(T) -> T = any_value({0}{o}){f}
arbitrary(T) -> T = any_value({0}{o}){f}
geometric_mean(double) -> double = exp(avg(athena_ln({0})){f})
bitwise_and_agg(bigint) -> bigint = bit_and({0}){f}
bitwise_or_agg(bigint) -> bigint = bit_or({0}){f}
array_agg(T) -> array(T) = list({d}{0}{o}){f}
listagg(varchar, varchar) -> varchar = string_agg({d}{0}, {1}{o}){f}
""")
_ORDERED = ("array_agg", "listagg", "any_value", "arbitrary")


def call(binder: ExpressionBinder, node: Any, name: str, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
    """An aggregate, over groups or over a window, or a window function."""
    _check(binder, node, name, modifiers)
    if arguments and isinstance(arguments[0], exp.Star):
        if name != "count" or len(arguments) > 1:
            binder.context.fail("SYNTAX_ERROR", "mismatched input '*'", node)
        arguments = []
    if name in SPECIAL:
        return SPECIAL[name](binder, node, arguments, modifiers)
    if name == "approx_percentile" and len(arguments) > 2:
        raise refuse("approx_percentile with weights")
    overloads = TABLE.get(name) or windows.TABLE[name]
    overload, values = resolve(binder, node, name, overloads, arguments)
    for value in values:
        if modifiers.distinct or name.startswith("approx") or (name in ("min", "max") and _unorderable(value)):
            require_groupable(value.type, f"{name} DISTINCT")
    sql = modifiers.fill(overload.template, *values)
    return finish(binder, node, sql, overload.result, values, modifiers)


def _unorderable(value: Value) -> bool:
    return value.type.name in ("json", TSTZ, "map", "row", "array")


def _check(binder: ExpressionBinder, node: Any, name: str, modifiers: windows.Modifiers) -> None:
    known = name in TABLE or name in SPECIAL
    if not known and name not in windows.TABLE:
        from localaws.athena.translate.functions.calls import SCALARS, unknown
        from localaws.athena.translate.functions.calls import SPECIAL as SCALAR_SPECIAL

        if name in SCALARS or name in SCALAR_SPECIAL:
            binder.context.fail("FUNCTION_NOT_WINDOW", f"Not a window function: {name}", node)
        unknown(binder, node, name)
    if name in windows.NEED_ORDER and not modifiers.ordered:
        binder.context.fail("MISSING_ORDER_BY", f"{name} function requires an ORDER BY window clause", node)
    if modifiers.order and name not in _ORDERED:
        if name in ("min_by", "max_by", "map_agg"):
            raise refuse(f"ORDER BY in {name}")
        modifiers.order = []  # the order of its input does not change such a result
    if not known and modifiers.condition:
        binder.context.fail("NOT_SUPPORTED", f"FILTER clause is not supported for window function {name}", node)
    if modifiers.nulls and name not in ("lag", "lead", "first_value", "last_value", "nth_value"):
        raise refuse(f"IGNORE NULLS of {name}")


def finish(
    binder: ExpressionBinder, node: Any, sql: str, kind: Any, values: list[Value], modifiers: windows.Modifiers
) -> Value:
    """The call's value: an aggregate, or a window over what may be aggregates."""
    parts = [*values, *modifiers.values]
    if any(p.window for p in parts):
        binder.context.fail("NESTED_WINDOW", "Cannot nest window functions or aggregations of window functions", node)
    if modifiers.over is not None:
        return combine(sql, kind, parts, window=True)
    if any(p.aggregate for p in parts):
        binder.context.fail(
            "NESTED_AGGREGATION", f"Cannot nest aggregations inside aggregation '{node.name or node.key}'", node
        )
    return combine(sql, kind, parts, aggregate=True, loose=frozenset())


def _decimal_or(name: str) -> Any:
    """Sum and avg, whose decimal forms have a type of their own."""

    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
        values = [binder.bind(a) for a in arguments]
        if len(values) != 1 or values[0].type.name != "decimal":
            overload, values = resolve(binder, node, name, TABLE[name], arguments)
            sql = modifiers.fill(overload.template, *values)
            return finish(binder, node, sql, overload.result, values, modifiers)
        (value,) = values
        if name == "sum":
            kind = decimal(38, value.type.scale)
            return finish(
                binder,
                node,
                modifiers.fill(f"CAST(sum({{d}}{{0}}){{f}} AS {duckdb_type(kind)})", value),
                kind,
                values,
                modifiers,
            )
        total = unscaled(Value(modifiers.fill("sum({d}{0}){f}", value), decimal(38, value.type.scale)))
        count = modifiers.fill("CAST(count({d}{0}){f} AS HUGEINT)", value)
        sql = (
            f"CASE WHEN {count} = 0 THEN NULL ELSE {scaled(f'athena_divide_half_up({total}, {count})', value.type)} END"
        )
        return finish(binder, node, sql, value.type, values, modifiers)

    return bind


def _count(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
    if len(arguments) > 1:
        binder.context.fail(
            "FUNCTION_NOT_FOUND", "Unexpected parameters for function count. Expected: count(), count(t)", node
        )
    overload, values = resolve(binder, node, "count", TABLE["count"], arguments)
    if modifiers.distinct:
        require_groupable(values[0].type, "count DISTINCT")
    return finish(binder, node, modifiers.fill(overload.template, *values), BIGINT, values, modifiers)


def _by(function: str) -> Any:
    """min_by and max_by: of the row with the least or greatest key, its value, which may be null."""

    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
        if len(arguments) != 2:
            raise refuse(f"{node.name.lower()} of several rows")
        value, key = (binder.bind(a) for a in arguments)
        require_groupable(key.type, f"{node.name.lower()} by")
        sql = modifiers.fill(f"({function}({{{{'v': {{0}}}}}}, {{1}}){{f}}).v", value, key)
        return finish(binder, node, f"CAST({sql} AS {duckdb_type(value.type)})", value.type, [value, key], modifiers)

    return bind


def _map_agg(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
    """map_agg: the first value of each key; keys that are null are left out."""
    if len(arguments) != 2 or modifiers.distinct or modifiers.over is not None:
        raise refuse("map_agg with DISTINCT or OVER")
    key, value = (binder.bind(a) for a in arguments)
    require_groupable(key.type, "map_agg")
    pairs = modifiers.fill("list({{'k': {0}, 'v': {1}}}){f}", key, value)
    kind = map_of(key.type, value.type)
    return finish(
        binder, node, f"CAST(athena_map_pairs({pairs}) AS {duckdb_type(kind)})", kind, [key, value], modifiers
    )


def _histogram(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
    (value,) = [binder.bind(a) for a in arguments]
    require_groupable(value.type, "histogram")
    kind = map_of(value.type, BIGINT)
    sql = modifiers.fill(f"CAST(histogram({{0}}){{f}} AS {duckdb_type(kind)})", value)
    return finish(binder, node, sql, kind, [value], modifiers)


def _grouping(binder: ExpressionBinder, node: Any, arguments: list[Any], modifiers: windows.Modifiers) -> Value:
    values = [binder.bind(a) for a in arguments]
    keys = binder.scope.keys or {}
    for argument, value in zip(arguments, values, strict=True):
        if value.sql not in keys:
            what = f"GROUPING operation column '{argument.sql()}' must be in GROUP BY"
            binder.context.fail("INVALID_ARGUMENTS", what, argument)
    sql = f"CAST(grouping({', '.join(v.sql for v in values)}) AS INTEGER)"
    return combine(sql, INTEGER, values, aggregate=True, loose=frozenset())


SPECIAL: dict[str, Callable[..., Value]] = {
    "sum": _decimal_or("sum"), "avg": _decimal_or("avg"), "count": _count, "min_by": _by("arg_min"),
    "max_by": _by("arg_max"),
    "map_agg": _map_agg, "histogram": _histogram, "grouping": _grouping,
}  # fmt: skip
