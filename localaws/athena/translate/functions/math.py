"""Numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import registry
from localaws.athena.translate.operators import NoOperator, arithmetic, comparable, compare
from localaws.athena.translate.scope import NO_LITERAL, Value, combine
from localaws.athena.translate.types import DOUBLE, INTEGRAL, NUMERIC, decimal, duckdb_type

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

_UNARY = {  # Trino's name: DuckDB's
    "sqrt": "athena_sqrt", "cbrt": "athena_cbrt", "exp": "exp", "ln": "athena_ln", "log2": "athena_log2",
    "log10": "athena_log10",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "athena_asin", "acos": "athena_acos", "atan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "degrees": "degrees", "radians": "radians",
}  # fmt: skip
TABLE = registry.table("\n".join(f"{k}(double) -> double = {v}({{0}})" for k, v in _UNARY.items())) | registry.table("""
abs(N) -> N = abs({0})
pi() -> double = pi()
e() -> double = exp(CAST(1 AS DOUBLE))
infinity() -> double = CAST('inf' AS DOUBLE)
nan() -> double = CAST('nan' AS DOUBLE)
is_nan(double) -> boolean = isnan({0})
is_finite(double) -> boolean = isfinite({0})
is_infinite(double) -> boolean = isinf({0})
power(double, double) -> double = pow({0}, {1})
pow(double, double) -> double = pow({0}, {1})
atan2(double, double) -> double = atan2({0}, {1})
log(double, double) -> double = (athena_ln({1}) / athena_ln({0}))
bitwise_and(bigint, bigint) -> bigint = ({0} & {1})
bitwise_or(bigint, bigint) -> bigint = ({0} | {1})
bitwise_xor(bigint, bigint) -> bigint = xor({0}, {1})
bitwise_not(bigint) -> bigint = (~ {0})
random() -> double = random()
rand() -> double = random()
to_base(bigint, bigint) -> varchar = athena_to_base({0}, {1})
width_bucket(double, double, double, bigint) -> bigint = athena_width_bucket({0}, {1}, {2}, {3})
""")


def _one(binder: ExpressionBinder, node: Any, arguments: list[Any], counts: tuple[int, ...] = (1,)) -> list[Value]:
    values = [binder.bind(a) for a in arguments]
    if len(values) not in counts or any(v.type.name not in (*NUMERIC, "unknown") for v in values):
        kinds = ", ".join(str(v.type) for v in values)
        binder.context.fail(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({kinds}) for function {node.name.lower()}", node
        )
    return [coerce(v, DOUBLE) if v.type.name == "unknown" else v for v in values]


def _whole(function: str) -> Any:
    """Ceiling and floor: of a decimal a decimal without fraction."""

    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        (value,) = _one(binder, node, arguments)
        if value.type.name in INTEGRAL:
            return value
        if value.type.name != "decimal":
            return combine(f"{function}({value.sql})", value.type, [value])
        kind = decimal(value.type.precision - value.type.scale + min(value.type.scale, 1), 0)
        return combine(f"CAST({function}({value.sql}) AS {duckdb_type(kind)})", kind, [value])

    return bind


def _round(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    value, *rest = _one(binder, node, arguments, (1, 2))
    kind = value.type
    digits = rest[0].literal if rest else 0
    if rest and (rest[0].type.name not in INTEGRAL or digits is NO_LITERAL):
        raise refuse("round to a number of digits that is no literal")
    if kind.name in INTEGRAL:
        if digits >= 0:
            return value
        unit = 10**-digits
        units = f"athena_divide_half_up(CAST({value.sql} AS HUGEINT), {unit}::HUGEINT)"
        sql = f"CAST({units} * {unit} AS {duckdb_type(kind)})"
        return combine(sql, kind, [value])
    if kind.name == "decimal":
        if not rest:
            result = decimal(min(38, kind.precision - kind.scale + min(1, kind.scale)), 0)
            return combine(f"CAST({value.sql} AS {duckdb_type(result)})", result, [value])
        result = decimal(min(38, kind.precision + 1), kind.scale)
        return combine(f"CAST(round({value.sql}, {digits}) AS {duckdb_type(result)})", result, [value])
    if digits == 0:
        return combine(f"round({value.sql})", kind, [value])
    return combine(f"athena_round({value.sql}, {digits})", kind, [value])


def _truncate(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    value, *rest = _one(binder, node, arguments, (1, 2))
    if rest:
        raise refuse("truncate to a number of digits")
    if value.type.name == "decimal":
        kind = decimal(max(1, value.type.precision - value.type.scale), 0)
        return combine(f"CAST(trunc({value.sql}) AS {duckdb_type(kind)})", kind, [value])
    return combine(f"trunc({value.sql})", value.type if value.type.name == "real" else DOUBLE, [value])


def _sign(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    (value,) = _one(binder, node, arguments)
    kind = decimal(1, 0) if value.type.name == "decimal" else value.type
    if kind.name in ("real", "double"):
        return combine(
            f"CASE WHEN isnan({value.sql}) THEN {value.sql} ELSE CAST(sign({value.sql}) AS {duckdb_type(kind)}) END",
            kind,
            [value],
        )
    return combine(f"CAST(sign({value.sql}) AS {duckdb_type(kind)})", kind, [value])


def _mod(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    left, right = _one(binder, node, arguments, (2,))
    return arithmetic("%", left, right)


def _extreme(operator: str) -> Any:
    """Greatest and least: null where an argument is null, as DuckDB leaves nulls out."""

    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        values, kind = binder.unify([binder.bind(a) for a in arguments], node, f"All {node.name.lower()} arguments")
        try:
            for value in values:
                compare(operator, values[0], value)
        except NoOperator:
            binder.context.fail("TYPE_MISMATCH", f"Type {kind} is not orderable", node)
        if kind.args or kind.name.startswith("timestamp with"):
            raise refuse(f"{node.name.lower()} of {kind} values")
        nulls = " OR ".join(f"{v.sql} IS NULL" for v in values if v.literal is NO_LITERAL) or "false"
        listed = ", ".join(comparable(v).sql for v in values)
        function = "greatest" if operator == ">" else "least"
        sql = f"CASE WHEN {nulls} THEN NULL ELSE CAST({function}({listed}) AS {duckdb_type(kind)}) END"
        return combine(sql, kind, values)

    return bind


def _coalesce(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) < 2:
        binder.context.fail(
            "INVALID_FUNCTION_ARGUMENT", "The 'coalesce' function must have at least two arguments", node
        )
    values, kind = binder.unify(
        [binder.bind(a) for a in arguments], node, "All COALESCE operands must be the same type"
    )
    return combine(f"coalesce({', '.join(v.sql for v in values)})", kind, values)


def _nullif(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) != 2:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", "Invalid number of arguments for 'nullif' function", node)
    first, second = (binder.bind(a) for a in arguments)
    equal = compare("=", first, second)
    return combine(f"CASE WHEN {equal.sql} THEN NULL ELSE {first.sql} END", first.type, [first, second])


def _try(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) != 1:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", "The 'try' function must have exactly one argument", node)
    value = binder.bind(arguments[0])
    if value.aggregate or value.window or "SELECT " in value.sql:
        raise refuse("try of an aggregate, window function or subquery")
    return combine(f"TRY({value.sql})", value.type, [value])


SPECIAL = {
    "ceil": _whole("ceil"), "ceiling": _whole("ceil"), "floor": _whole("floor"), "round": _round, "truncate": _truncate,
    "sign": _sign, "mod": _mod, "greatest": _extreme(">"), "least": _extreme("<"), "coalesce": _coalesce,
    "nullif": _nullif, "try": _try,
}  # fmt: skip
