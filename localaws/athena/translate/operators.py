"""Arithmetic and comparison with Trino's types and results."""

from __future__ import annotations

from localaws.athena.translate import zones
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.raising import failure
from localaws.athena.translate.scope import NO_LITERAL, Value, combine
from localaws.athena.translate.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DAY_SECOND,
    DOUBLE,
    INTEGRAL,
    NUMERIC,
    TSTZ,
    VARCHAR,
    YEAR_MONTH,
    Type,
    as_decimal,
    common,
    decimal,
    duckdb_type,
    field_names,
)

DAY_MS = 86_400_000
_ORDERED = (*NUMERIC, "varchar", "char", "varbinary", "date", "time", "timestamp", TSTZ, "boolean", "unknown", "uuid",
            "interval year to month", "interval day to second", "array", "row")  # fmt: skip


class NoOperator(Exception):
    """Trino has no such operator for these types."""


def compare(operator: str, left: Value, right: Value) -> Value:
    """Left = <> < <= > >= right, or IS [NOT] DISTINCT FROM; raises NoOperator."""
    kind = common(left.type, right.type)
    equality = operator in ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
    if kind is None or (not equality and kind.name not in _ORDERED):
        raise NoOperator
    if kind.name in ("json", "map") and not equality:
        raise NoOperator
    a, b = comparable(coerce(left, kind)), comparable(coerce(right, kind))
    parts = [left, right]
    if kind.name in ("real", "double") and "DISTINCT" not in operator:
        return combine(_compare_floats(operator, a, b), BOOLEAN, parts)
    if kind.args and "DISTINCT" not in operator:
        return combine(_compare_nested(operator, a, b), BOOLEAN, parts)
    return combine(f"({a.sql} {operator} {b.sql})", BOOLEAN, parts)


def _compare_nested(operator: str, a: Value, b: Value) -> str:
    """Equality that is null where an element is: of rows field by field; arrays with nulls fail when they are met."""
    if a.type.name == "row" and operator in ("=", "<>"):
        names = field_names(a.type)
        pairs = [
            (Value(f"({a.sql}).{n}", k), Value(f"({b.sql}).{n}", k)) for n, k in zip(names, a.type.args, strict=True)
        ]
        equal = "(" + " AND ".join(compare("=", x, y).sql for x, y in pairs) + ")"
        return equal if operator == "=" else f"(NOT {equal})"
    if a.type.name != "array" or a.type.args[0].args or a.type.args[0].name in ("real", "double"):
        raise refuse(f"{operator} of {a.type} values")
    return f"athena_compare_arrays({a.sql}, {b.sql}, {a.sql} {operator} {b.sql})"


def comparable(value: Value) -> Value:
    """The value in a form whose equality and order in DuckDB are Trino's."""
    if value.type.name == TSTZ:
        return combine(zones.instant(value), value.type, [value], literal=value.literal)
    if value.type.name == "json":
        raise refuse("comparison of JSON values")
    if any(_carries_zone(a) for a in value.type.args):
        raise refuse(f"comparison of {value.type} values")
    return value


def _carries_zone(kind: Type) -> bool:
    return kind.name in (TSTZ, "json") or any(map(_carries_zone, kind.args))


def _compare_floats(operator: str, a: Value, b: Value) -> str:
    """Comparison in which NaN equals nothing; DuckDB has it equal to itself and greater than all."""

    def guard(value: Value) -> str:
        return "" if value.literal is not NO_LITERAL else f" AND NOT isnan({value.sql})"

    if operator == "<>":
        both = guard(a) and guard(b)
        return f"({a.sql} <> {b.sql} OR isnan({a.sql}))" if both else f"({a.sql} <> {b.sql})"
    watched = {"=": a if b.literal is NO_LITERAL else b, "<": b, "<=": b, ">": a, ">=": a}[operator]
    return f"({a.sql} {operator} {b.sql}{guard(watched)})"


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Left + - * / % right; raises NoOperator."""
    names = (left.type.name, right.type.name)
    if any(n in ("date", "timestamp", TSTZ, "time") or n.startswith("interval") for n in names):
        return _temporal(operator, left, right)
    if names == ("unknown", "unknown"):
        kind: Type | None = BIGINT
    else:
        kind = common(left.type, right.type)
    if kind is None or kind.name not in NUMERIC:
        raise NoOperator
    a, b = (
        coerce(left, kind) if kind.name != "decimal" else left,
        coerce(right, kind) if kind.name != "decimal" else right,
    )
    parts = [left, right]
    if kind.name == "decimal":
        return _decimal(operator, left, right)
    if kind.name in INTEGRAL and operator in "/%":
        return combine(_checked(f"({a.sql} {'//' if operator == '/' else '%'} {b.sql})", b, kind), kind, parts)
    if operator == "%":
        return combine(f"athena_fmod({a.sql}, {b.sql})", kind, parts)
    return combine(f"({a.sql} {operator} {b.sql})", kind, parts)


def _checked(sql: str, divisor: Value, kind: Type) -> str:
    if divisor.literal is not NO_LITERAL and divisor.literal:
        return sql
    return f"CASE WHEN {divisor.sql} = 0 THEN {failure('DIVISION_BY_ZERO', 'Division by zero', kind)} ELSE {sql} END"


def _decimal(operator: str, left: Value, right: Value) -> Value:
    x, y = as_decimal(left.type), as_decimal(right.type)
    a, b = coerce(left, x), coerce(right, y)
    whole = max(x.precision - x.scale, y.precision - y.scale)
    scale = max(x.scale, y.scale)
    parts = [left, right]
    if operator in "+-":
        kind = decimal(whole + scale + 1, scale)
        return combine(f"CAST({a.sql} {operator} {b.sql} AS {duckdb_type(kind)})", kind, parts)
    if operator == "*":
        if x.scale + y.scale > 38:
            raise NoOperator
        kind = decimal(x.precision + y.precision, x.scale + y.scale)
        return combine(f"CAST({a.sql} * {b.sql} AS {duckdb_type(kind)})", kind, parts)
    if operator == "%":
        kind = decimal(min(x.precision - x.scale, y.precision - y.scale) + scale, scale)
        return combine(_checked(f"CAST({a.sql} % {b.sql} AS {duckdb_type(kind)})", b, kind), kind, parts)
    kind = decimal(x.precision + y.scale + max(0, y.scale - x.scale), scale)
    shift = scale - x.scale + y.scale
    whole_type = "BIGINT" if max(x.precision + shift, y.precision) <= 18 else "HUGEINT"
    dividend = f"({unscaled(a, whole_type)} * {10**shift}::{whole_type})"
    quotient = f"athena_divide_half_up({dividend}, {unscaled(b, whole_type)})"
    return combine(_checked(scaled(quotient, kind), b, kind), kind, parts)


def unscaled(value: Value, whole_type: str = "HUGEINT") -> str:
    """A decimal's digits as a whole number: 1.25 of decimal(5,2) is 125."""
    kind = value.type
    if kind.scale == 0:
        return f"CAST({value.sql} AS {whole_type})"
    if kind.precision + kind.scale + 1 <= 38:
        return f"CAST({value.sql} * CAST(1{'0' * kind.scale} AS DECIMAL({kind.scale + 1},0)) AS {whole_type})"
    return f"CAST(replace(CAST({value.sql} AS VARCHAR), '.', '') AS {whole_type})"


def scaled(digits: str, kind: Type) -> str:
    """The decimal of a whole number of digits; the inverse of unscaled."""
    if kind.scale == 0:
        return f"CAST({digits} AS {duckdb_type(kind)})"
    if kind.precision + kind.scale <= 38:
        unit = f"CAST(0.{'0' * (kind.scale - 1)}1 AS DECIMAL({kind.scale},{kind.scale}))"
        return f"CAST(CAST({digits} AS DECIMAL({kind.precision},0)) * {unit} AS {duckdb_type(kind)})"
    return f"CAST(athena_scaled_text({digits}, {kind.scale}) AS {duckdb_type(kind)})"


def _temporal(operator: str, left: Value, right: Value) -> Value:
    names = (left.type.name, right.type.name)
    intervals = ("interval year to month", "interval day to second")
    if operator in "+-" and names[1] in intervals and names[0] in ("date", "timestamp", TSTZ):
        return add_interval(left, right, operator)
    if operator == "+" and names[0] in intervals and names[1] in ("date", "timestamp", TSTZ):
        return add_interval(right, left, "+")
    parts = [left, right]
    if operator in "+-" and names[0] == names[1] and names[0] in intervals:
        return combine(f"({left.sql} {operator} {right.sql})", left.type, parts)
    if operator == "-" and names[0] not in intervals and names[1] not in intervals:
        kind = common(left.type, right.type)
        if kind == DATE:
            return combine(f"(CAST({left.sql} - {right.sql} AS BIGINT) * {DAY_MS})", DAY_SECOND, parts)
        if kind and kind.name in ("timestamp", TSTZ):
            a, b = comparable(coerce(left, kind)), comparable(coerce(right, kind))
            return combine(f"((epoch_us({a.sql}) - epoch_us({b.sql})) // 1000)", DAY_SECOND, parts)
    return _scale_interval(operator, left, right)


def _scale_interval(operator: str, left: Value, right: Value) -> Value:
    if left.type.name in NUMERIC and operator == "*":
        left, right = right, left
    if not left.type.name.startswith("interval") or operator not in "*/" or right.type.name not in NUMERIC:
        raise NoOperator
    target = duckdb_type(left.type)
    parts = [left, right]
    if right.type.name in INTEGRAL and operator == "*":
        return combine(f"CAST({left.sql} * {right.sql} AS {target})", left.type, parts)
    factor = coerce(right, DOUBLE)
    sql = f"CAST(trunc(CAST({left.sql} AS DOUBLE) {operator} {factor.sql}) AS {target})"
    return combine(_checked(sql, factor, left.type) if operator == "/" else sql, left.type, parts)


def add_interval(moment: Value, interval: Value, sign: str) -> Value:
    """A date, timestamp or zoned timestamp plus or minus an interval, of the type it had."""
    parts = [moment, interval]
    kind = moment.type
    months = interval.type == YEAR_MONTH
    step = f"to_months({interval.sql})" if months else f"to_microseconds({interval.sql} * 1000)"
    if kind == DATE:
        if not months:
            step = f"CAST({interval.sql} // {DAY_MS} AS INTEGER)"
            fails = failure("INVALID_FUNCTION_ARGUMENT", "Cannot add hour, minutes or seconds to a date", DATE)
            check = f"CASE WHEN {interval.sql} % {DAY_MS} <> 0 THEN {fails} ELSE "
            whole = interval.literal is not NO_LITERAL and interval.literal % DAY_MS == 0
            sql = f"({moment.sql} {sign} {step})"
            return combine(sql if whole else f"{check}{sql} END", kind, parts)
        return combine(f"CAST({moment.sql} {sign} {step} AS DATE)", kind, parts)
    if kind.name == TSTZ:
        if months:
            shifted = zones.from_local(f"({zones.local(moment)} {sign} {step})", moment)
        else:
            shifted = f"({zones.instant(moment)} {sign} {step})"
        return combine(zones.rezone(moment, shifted), kind, parts)
    return combine(f"({moment.sql} {sign} {step})", kind, parts)


def negate(value: Value) -> Value:
    """-value; raises NoOperator."""
    if value.type.name not in NUMERIC and not value.type.name.startswith("interval"):
        raise NoOperator
    literal = NO_LITERAL if value.literal is NO_LITERAL else -value.literal
    return combine(f"(- {value.sql})", value.type, [value], literal=literal)


def concat(left: Value, right: Value) -> Value:
    """Left || right of text, bytes or arrays; raises NoOperator."""
    parts = [left, right]
    kinds = (left.type.name, right.type.name)
    if "array" in kinds:
        from localaws.athena.translate.functions.arrays import concat_arrays

        return concat_arrays(parts)
    if all(k in ("varchar", "char", "unknown") for k in kinds):
        return combine(f"({coerce(left, VARCHAR).sql} || {coerce(right, VARCHAR).sql})", VARCHAR, parts)
    if kinds == ("varbinary", "varbinary"):
        return combine(f"({left.sql} || {right.sql})", left.type, parts)
    raise NoOperator
