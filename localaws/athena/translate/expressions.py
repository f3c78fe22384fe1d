"""Binds expressions: resolves names, gives every node its Trino type, writes it as DuckDB SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate import conditions, literals, lookup, operators, zones
from localaws.athena.translate.casts import cast, coerce
from localaws.athena.translate.errors import SqlError, refuse
from localaws.athena.translate.functions import calls
from localaws.athena.translate.raising import failure
from localaws.athena.translate.scope import Context, Scope, Value, combine
from localaws.athena.translate.types import (
    BIGINT,
    BOOLEAN,
    INTEGRAL,
    TSTZ,
    UNKNOWN,
    VARCHAR,
    Type,
    array,
    coercible,
    common,
    duckdb_type,
    field_names,
)

if TYPE_CHECKING:
    from localaws.athena.translate.queries import QueryBinder


class ExpressionBinder:
    """Binds the expressions of one SELECT in its scope."""

    def __init__(self, context: Context, scope: Scope, queries: QueryBinder) -> None:
        self.context = context
        self.scope = scope
        self.queries = queries
        self.windows: dict[str, exp.Window] = {}
        self.aliases: dict[str, Value] = {}  # names of output columns, where ORDER BY may use them
        self.sorted_by: list[tuple[exp.Expression, Value]] = []  # what ORDER BY sorts by

    def bind(self, node: exp.Expression) -> Value:
        """The value of a node; a GROUP BY expression is no longer loose."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            self.context.fail("SYNTAX_ERROR", f"mismatched input: {node.key} is no expression of Athena SQL", node)
        try:
            value = handler(self, node)
        except operators.NoOperator:
            symbol = _SYMBOLS.get(type(node), "")
            raise SqlError("TYPE_MISMATCH", self._no_operator(node), self.context.position(node, symbol)) from None
        keys = self.scope.keys
        if keys and value.loose and value.sql in keys:
            return combine(value.sql, value.type, [], literal=value.literal)
        return value

    def boolean(self, node: exp.Expression, clause: str) -> Value:
        """A condition; TYPE_MISMATCH unless it is boolean."""
        value = self.bind(node)
        if value.type.name not in ("boolean", "unknown"):
            self.context.fail("TYPE_MISMATCH", f"{clause} must evaluate to a boolean: actual type {value.type}", node)
        return coerce(value, BOOLEAN)

    def unify(self, values: Sequence[Value], node: exp.Expression, what: str) -> tuple[list[Value], Type]:
        """The values as the type that they have in common."""
        kind: Type = UNKNOWN
        for value in values:
            shared = common(kind, value.type)
            if shared is None:
                self.context.fail("TYPE_MISMATCH", f"{what}: {kind} vs {value.type}", node)
            kind = shared
        return [coerce(v, kind) for v in values], kind

    def _no_operator(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Neg):
            return f"Cannot negate {self.bind(node.this).type}"
        symbol = _SYMBOLS.get(type(node), node.key)
        others = node.expressions or [node.args.get("expression") or node.args.get("low")]
        left = self.bind(node.this).type
        rest = [self.bind(n).type for n in others if n is not None]
        if node.args.get("query") is not None:
            rest = [self.queries.nested(node.args["query"], self.scope).columns[0].type]
        types = [left, next((t for t in rest if common(left, t) is None), rest[0])]
        return f"Cannot apply operator: {f' {symbol} '.join(map(str, types))}"


def _column(binder: ExpressionBinder, node: exp.Column) -> Value:
    return lookup.column(binder, node)


def _dot(binder: ExpressionBinder, node: exp.Dot) -> Value:
    if isinstance(node.expression, exp.Anonymous):
        binder.context.fail("FUNCTION_NOT_FOUND", f"Function '{node.sql()}' not registered", node)
    return lookup.dereference(binder.context, binder.bind(node.this), node.expression.name.lower(), node)


def _binary(binder: ExpressionBinder, node: exp.Binary) -> Value:
    return operators.arithmetic(_SYMBOLS[type(node)], binder.bind(node.this), binder.bind(node.expression))


def _logical(binder: ExpressionBinder, node: exp.Binary) -> Value:
    symbol = _SYMBOLS[type(node)]
    sides = [binder.boolean(n, f"Logical expression term of {symbol}") for n in node.flatten()]
    return combine("(" + f" {symbol} ".join(s.sql for s in sides) + ")", BOOLEAN, sides)


def _not(binder: ExpressionBinder, node: exp.Not) -> Value:
    value = binder.boolean(node.this, "Value of logical NOT expression")
    return combine(f"(NOT {value.sql})", BOOLEAN, [value])


def _neg(binder: ExpressionBinder, node: exp.Neg) -> Value:
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        return literals.number(node.this.this, negative=True)
    return operators.negate(binder.bind(node.this))


def _concat(binder: ExpressionBinder, node: exp.DPipe) -> Value:
    return operators.concat(binder.bind(node.this), binder.bind(node.expression))


def _paren(binder: ExpressionBinder, node: exp.Paren) -> Value:
    return binder.bind(node.this)


def _case(binder: ExpressionBinder, node: exp.Case) -> Value:
    subject = binder.bind(node.this) if node.this is not None else None
    tests = []
    for branch in node.args["ifs"]:
        if subject is None:
            tests.append(binder.boolean(branch.this, "CASE WHEN clause"))
        else:
            tests.append(operators.compare("=", subject, binder.bind(branch.this)))
    default = node.args.get("default")
    results = [binder.bind(b.args["true"]) for b in node.args["ifs"]]
    results.append(binder.bind(default) if default is not None else Value("NULL", UNKNOWN))
    return _choose(binder, node, tests, results, "All CASE results must be the same type or coercible to a common type")


def _choose(
    binder: ExpressionBinder, node: exp.Expression, tests: list[Value], results: list[Value], what: str
) -> Value:
    values, kind = binder.unify(results, node, what)
    whens = " ".join(f"WHEN {t.sql} THEN {v.sql}" for t, v in zip(tests, values, strict=False))
    return combine(f"CASE {whens} ELSE {values[-1].sql} END", kind, [*tests, *values])


def _if(binder: ExpressionBinder, node: exp.If) -> Value:
    test = binder.boolean(node.this, "IF condition")
    otherwise = node.args.get("false")
    results = [
        binder.bind(node.args["true"]),
        binder.bind(otherwise) if otherwise is not None else Value("NULL", UNKNOWN),
    ]
    return _choose(binder, node, [test], results, "Result types for IF must be the same")


def _cast(binder: ExpressionBinder, node: exp.Cast) -> Value:
    target = literals.cast_type(node.args["to"])
    value = binder.bind(node.this)
    if isinstance(node.this, exp.Literal) and node.this.is_string and target.name == TSTZ:
        target = literals.literal_zone_type(node.this.this, target)
    elif target.name == TSTZ and value.type.name in ("date", "timestamp", TSTZ):
        target = Type(TSTZ, target.params, zone=value.type.zone if value.type.name == TSTZ else "UTC")
    try:
        result = cast(value, target)
    except TypeError:
        binder.context.fail("TYPE_MISMATCH", f"Cannot cast {value.type} to {target}", node)
    literal = literals.cast_literal(node.this, target)
    if isinstance(node, exp.TryCast):
        return combine(f"TRY({result.sql})", target, [result])
    return combine(result.sql, target, [result], literal=literal)


def _array(binder: ExpressionBinder, node: exp.Array) -> Value:
    values, kind = binder.unify(
        [binder.bind(e) for e in node.expressions], node, "All ARRAY elements must be the same type"
    )
    items = ", ".join(v.sql for v in values)
    return combine(f"CAST([{items}] AS {duckdb_type(array(kind))})", array(kind), values)


def _bracket(binder: ExpressionBinder, node: exp.Bracket) -> Value:
    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        binder.context.fail("SYNTAX_ERROR", "mismatched input ':'", node)
    base, index = binder.bind(node.this), binder.bind(node.expressions[0])
    parts = [base, index]
    if base.type.name == "array" and index.type.name in INTEGRAL:
        item = base.type.args[0]
        macro = f"athena_subscript({base.sql}, {coerce(index, BIGINT).sql})"
        return combine(macro, item, parts)
    if base.type.name == "map" and coercible(index.type, base.type.args[0]):
        key = coerce(index, base.type.args[0])
        missing = failure("INVALID_FUNCTION_ARGUMENT", "Key not present in map", base.type.args[1])
        return combine(
            f"CASE WHEN {base.sql} IS NULL OR {key.sql} IS NULL THEN NULL "
            f"WHEN map_contains({base.sql}, {key.sql}) THEN ({base.sql})[{key.sql}] ELSE {missing} END",
            base.type.args[1], parts,
        )  # fmt: skip
    if base.type.name == "row" and isinstance(index.literal, int):
        if not 1 <= index.literal <= len(base.type.args):
            binder.context.fail("INVALID_FUNCTION_ARGUMENT", f"ROW index out of bounds: {index.literal}", node)
        name = field_names(base.type)[index.literal - 1]
        return combine(f"({base.sql}).{name}", base.type.args[index.literal - 1], parts)
    raise operators.NoOperator


def _at_time_zone(binder: ExpressionBinder, node: exp.AtTimeZone) -> Value:
    value, zone = binder.bind(node.this), binder.bind(node.args["zone"])
    if value.type.name == "timestamp":  # it becomes a moment in the session's zone, which is UTC
        value = coerce(value, Type(TSTZ, value.type.params, zone="UTC"))
    if value.type.name != TSTZ or zone.type.name != "varchar":
        if zone.type.name.startswith("interval"):
            raise refuse("AT TIME ZONE with an interval")
        binder.context.fail("TYPE_MISMATCH", f"Type of value must be a time or timestamp (actual {value.type})", node)
    return at_zone(value, zone)


def at_zone(value: Value, zone: Value) -> Value:
    """The same instant, seen in another zone."""
    known = literals.zone_name(zone.literal) if isinstance(zone.literal, str) else zone
    return zones.with_zone(zones.instant(value), known, value.type.precision, [value])


def _tuple(binder: ExpressionBinder, node: exp.Tuple) -> Value:
    return literals.row([binder.bind(e) for e in node.expressions])


def _scalar_subquery(binder: ExpressionBinder, node: exp.Subquery) -> Value:
    query = binder.queries.nested(node.this, binder.scope)
    if len(query.columns) != 1:
        raise refuse("a scalar subquery of several columns")
    return combine(f"({query.sql})", query.columns[0].type, [query.outer])


def _identifier(binder: ExpressionBinder, node: exp.Identifier) -> Value:
    """A lambda's parameter, which the parser leaves as a bare name."""
    return binder.bind(exp.Column(this=node.copy()))


def _null(*_: Any) -> Value:
    return Value("NULL", UNKNOWN, literal=None)


def _boolean(_: ExpressionBinder, node: exp.Boolean) -> Value:
    return Value("true" if node.this else "false", BOOLEAN, literal=bool(node.this))


def _placeholder(binder: ExpressionBinder, node: exp.Expression) -> Value:
    binder.context.fail("INVALID_PARAMETER_USAGE", "Incorrect number of parameters: a ? has no value", node)


def _session(binder: ExpressionBinder, node: exp.Expression) -> Value:
    values = {exp.CurrentCatalog: "awsdatacatalog"}
    if type(node) not in values:
        raise refuse("current_user")
    return Value(f"'{values[type(node)]}'", VARCHAR)


_SYMBOLS: dict[type, str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.And: "AND", exp.Or: "OR",
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.Between: "BETWEEN",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM", exp.DPipe: "||", exp.In: "=",
}  # fmt: skip


_HANDLERS: dict[type, Callable[[ExpressionBinder, Any], Value]] = {
    exp.Column: _column, exp.Identifier: _identifier, exp.Dot: _dot, exp.Paren: _paren,
    exp.Literal: literals.literal, exp.Null: _null,
    exp.Boolean: _boolean, exp.Neg: _neg, exp.Not: _not, exp.And: _logical, exp.Or: _logical, exp.DPipe: _concat,
    exp.Case: _case, exp.If: _if, exp.Cast: _cast, exp.TryCast: _cast, exp.Array: _array, exp.Bracket: _bracket,
    exp.AtTimeZone: _at_time_zone, exp.Tuple: _tuple, exp.Subquery: _scalar_subquery, exp.Interval: literals.interval,
    exp.HexString: literals.hex_string, exp.UnicodeString: literals.unicode_string, exp.Placeholder: _placeholder,
    exp.Parameter: _placeholder, exp.CurrentCatalog: _session, exp.CurrentUser: _session,
    exp.In: conditions.in_, exp.Exists: conditions.exists, exp.Like: conditions.like, exp.Escape: conditions.escape,
    exp.Between: conditions.between, exp.Is: conditions.is_null,
    **dict.fromkeys(conditions.OPERATORS, conditions.compare),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _binary),
    **dict.fromkeys((exp.Anonymous, exp.Window, exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.GroupConcat,
                     exp.Extract, exp.Trim, exp.StrPosition, exp.Substring, exp.ParseJSON,
                     exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp, exp.Localtime,
                     exp.CurrentTime), calls.call),
}  # fmt: skip
