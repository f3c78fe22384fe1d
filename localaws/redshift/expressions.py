"""Expressions from Redshift's SQL to DuckDB's; what has no rule here or in functions.py fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.types import literal
from localaws.redshift import functions, windows
from localaws.redshift.calculation import calculate
from localaws.redshift.casts import assign, cast
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.scope import Scope, Typed
from localaws.redshift.types import (
    BOOL,
    FLOAT8,
    INT4,
    INT8,
    INTEGERS,
    INTERVAL,
    NULL,
    Type,
    numeric,
    parse,
    said,
    text,
    unified,
)

if TYPE_CHECKING:
    from localaws.redshift.queries import Queries

_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_OPERATORS = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_UNITS = {
    "DAY": "days",
    "WEEK": "weeks",
    "MONTH": "months",
    "YEAR": "years",
    "HOUR": "hours",
    "MINUTE": "minutes",
    "SECOND": "seconds",
}


class Expressions:
    """Translates the expressions of one statement."""

    def __init__(self, queries: Queries) -> None:
        self.queries = queries

    def value(self, node: exp.Expression, scope: Scope) -> Typed:
        """An expression; raises SqlError."""
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node, scope)
        if isinstance(node, exp.Binary) and type(node) in _COMPARISONS:
            return self._comparison(node, scope)
        return functions.call(self, node, scope)

    def condition(self, node: exp.Expression, scope: Scope) -> str:
        """An expression that must be a truth value."""
        value = self.value(node, scope)
        if value.type.name not in ("bool", "null"):
            raise SqlError(f"argument of WHERE or ON must be type boolean, not type {said(value.type)}")
        return value.sql

    def typed(self, node: exp.Expression, scope: Scope, kind: Type) -> str:
        """An expression converted to a type."""
        return assign(self.value(node, scope), kind).sql

    def ordered(self, node: exp.Ordered, scope: Scope, *, aliases_first: bool = False) -> str:
        """An item of ORDER BY; nulls are greatest, as in Redshift."""
        inner = node.this
        if aliases_first and isinstance(inner, exp.Column) and not inner.table:
            value = scope.column("", inner.name.lower(), aliases_first=True)
        else:
            value = self.value(inner, scope)
        return f"{value.sql}{self.direction(node)}"

    def direction(self, node: exp.Ordered) -> str:
        """``DESC NULLS FIRST`` and the like."""
        descending = bool(node.args.get("desc"))
        first = node.args.get("nulls_first")
        if first is None:
            first = descending
        return f"{' DESC' if descending else ' ASC'} NULLS {'FIRST' if first else 'LAST'}"

    def same_type(self, nodes: list[exp.Expression], scope: Scope, what: str) -> tuple[list[str], Type]:
        """Several expressions converted to the type that fits them all."""
        values = [self.value(node, scope) for node in nodes]
        kind = unified([value.type for value in values], what)
        if kind.name in ("null", "unknown"):
            kind = text(max((*(len(value.literal or "") for value in values), 1)))
        return [assign(value, kind).sql for value in values], kind

    # Rules

    def _column(self, node: exp.Column, scope: Scope) -> Typed:
        if node.args.get("db") or node.args.get("catalog"):
            raise Unsupported("A column's name with a schema; give its table an alias")
        if isinstance(node.this, exp.Star):
            raise SqlError('syntax error at or near "*"')
        name = node.name.lower()
        if not node.table and not node.this.args.get("quoted") and name in ("sysdate",):
            return functions.now(scope)
        return scope.column(node.table.lower(), name)

    def _literal(self, node: exp.Literal, scope: Scope) -> Typed:
        given = str(node.this)
        if node.is_string:
            return Typed(literal(given), Type("unknown", (max(len(given.encode()), 1),)), given)
        if "e" in given.lower():
            return Typed(f"CAST({float(given)!r} AS DOUBLE)", FLOAT8)
        if "." in given:
            whole, _, fraction = given.partition(".")
            whole = whole.lstrip("0")
            kind = numeric(max(len(whole) + len(fraction), 1), len(fraction))
            return Typed(f"CAST({literal(given)} AS {kind.duckdb})", kind)
        number = int(given)
        if number >= 1 << 63:
            return Typed(f"CAST({number} AS DECIMAL(38, 0))", numeric(38, 0))
        kind = INT4 if number < 1 << 31 else INT8
        return Typed(f"CAST({number} AS {kind.duckdb})", kind)

    def _null(self, node: exp.Expression, scope: Scope) -> Typed:
        return Typed("NULL", NULL)

    def _boolean(self, node: exp.Boolean, scope: Scope) -> Typed:
        return Typed("true" if node.this else "false", BOOL)

    def _paren(self, node: exp.Paren, scope: Scope) -> Typed:
        value = self.value(node.this, scope)
        return Typed(f"({value.sql})", value.type, value.literal)

    def _connector(self, node: exp.Binary, scope: Scope) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        sides = [self.typed(side, scope, BOOL) for side in (node.this, node.expression)]
        return Typed(f"({sides[0]} {word} {sides[1]})", BOOL)

    def _not(self, node: exp.Not, scope: Scope) -> Typed:
        return Typed(f"(NOT {self.typed(node.this, scope, BOOL)})", BOOL)

    def _is(self, node: exp.Is, scope: Scope) -> Typed:
        value = self.value(node.this, scope)
        if isinstance(node.expression, exp.Null):
            return Typed(f"({value.sql} IS NULL)", BOOL)
        if isinstance(node.expression, exp.Boolean):
            word = "TRUE" if node.expression.this else "FALSE"
            return Typed(f"({assign(value, BOOL).sql} IS {word})", BOOL)
        raise Unsupported("IS with anything but NULL, TRUE or FALSE")

    def _comparison(self, node: exp.Binary, scope: Scope) -> Typed:
        if isinstance(node.expression, exp.Any | exp.All):
            raise Unsupported("ANY and ALL")
        sides, _ = self.same_type([node.this, node.expression], scope, "operator")
        return Typed(f"({sides[0]} {_COMPARISONS[type(node)]} {sides[1]})", BOOL)

    def _between(self, node: exp.Between, scope: Scope) -> Typed:
        given = [node.this, node.args["low"], node.args["high"]]
        (value, low, high), _ = self.same_type(given, scope, "BETWEEN")
        return Typed(f"({value} BETWEEN {low} AND {high})", BOOL)

    def _in(self, node: exp.In, scope: Scope) -> Typed:
        if node.args.get("unnest") or node.args.get("field"):
            raise Unsupported("this form of IN")
        if query := node.args.get("query"):
            found = self.queries.query(query, scope)
            value = self.value(node.this, scope)
            if len(found.columns) != 1:
                raise SqlError("subquery has too many columns")
            kind = unified((value.type, found.columns[0][1]), "IN")
            inner = self.queries.assigned(found, [("v", kind)])
            return Typed(f"({assign(value, kind).sql} IN ({inner}))", BOOL)
        (value_, *items), _ = self.same_type([node.this, *node.expressions], scope, "IN")
        return Typed(f"({value_} IN ({', '.join(items)}))", BOOL)

    def _exists(self, node: exp.Exists, scope: Scope) -> Typed:
        return Typed(f"EXISTS ({self.queries.query(node.this, scope).sql})", BOOL)

    def _subquery(self, node: exp.Subquery, scope: Scope) -> Typed:
        found = self.queries.query(node, scope)
        if len(found.columns) != 1:
            raise SqlError("subquery must return only one column")
        return Typed(f"({found.sql})", found.columns[0][1])

    def _like(self, node: exp.Expression, scope: Scope) -> Typed:
        escape = literal("\\")  # Redshift's default
        if isinstance(node, exp.Escape):
            if not isinstance(node.expression, exp.Literal) or len(node.expression.name) != 1:
                raise SqlError("invalid escape string: it must be one character")
            escape = literal(node.expression.name)
            node = node.this
        if not isinstance(node, exp.Like | exp.ILike):
            raise Unsupported("ESCAPE with anything but LIKE")
        word = "LIKE" if isinstance(node, exp.Like) else "ILIKE"
        value, pattern = (self.string(side, scope) for side in (node.this, node.expression))
        return Typed(f"({value} {word} {pattern} ESCAPE {escape})", BOOL)

    def _case(self, node: exp.Case, scope: Scope) -> Typed:
        results = [branch.args["true"] for branch in node.args["ifs"]]
        otherwise = node.args.get("default")
        texts, kind = self.same_type([*results, *([otherwise] if otherwise else [])], scope, "CASE")
        conditions = [branch.this for branch in node.args["ifs"]]
        if node.this:
            (subject, *compared), _ = self.same_type([node.this, *conditions], scope, "CASE/WHEN")
            whens = [f"{subject} = {one}" for one in compared]
        else:
            whens = [self.typed(condition, scope, BOOL) for condition in conditions]
        body = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(whens, texts, strict=False))
        return Typed(f"CASE {body}{f' ELSE {texts[-1]}' if otherwise else ''} END", kind)

    def _cast(self, node: exp.Cast, scope: Scope) -> Typed:
        if isinstance(node, exp.TryCast) or node.args.get("format") or node.args.get("default"):
            raise Unsupported("TRY_CAST and CAST with a format")
        return cast(self.value(node.this, scope), parse_type(node.args["to"]))

    def _concat(self, node: exp.Expression, scope: Scope) -> Typed:
        parts = node.expressions if isinstance(node, exp.Concat) else [node.this, node.expression]
        values = [self.value(part, scope) for part in parts]
        length = sum(value.type.args[0] if value.type.is_text and value.type.args else 64 for value in values)
        pieces = [assign(value, text(65_535)).sql for value in values]
        return Typed(f"({' || '.join(pieces)})", text(length))

    def _negative(self, node: exp.Neg, scope: Scope) -> Typed:
        value = self.value(node.this, scope)
        if not value.type.is_number:
            raise SqlError(f"operator does not exist: - {said(value.type)}")
        return Typed(f"(- {value.sql})", value.type)

    def _arithmetic(self, node: exp.Binary, scope: Scope) -> Typed:
        return calculate(_OPERATORS[type(node)], self.value(node.this, scope), self.value(node.expression, scope))

    def _interval(self, node: exp.Interval, scope: Scope) -> Typed:
        unit = str(node.args["unit"].name if node.args.get("unit") else "").upper().removesuffix("S")
        if unit not in _UNITS or not isinstance(node.this, exp.Literal):
            raise Unsupported(
                "An interval other than a whole number of days, weeks, months, years, hours, minutes, seconds"
            )
        try:
            amount = int(node.this.name)
        except ValueError:
            raise Unsupported("An interval of several parts or fractions") from None
        return Typed(f"to_{_UNITS[unit]}({amount})", INTERVAL)

    def string(self, node: exp.Expression, scope: Scope) -> str:
        """An expression that must be text."""
        value = self.value(node, scope)
        if not value.type.is_text and value.type.name != "null":
            raise SqlError(f"a value of type {said(value.type)} stands where text is needed; cast it")
        return assign(value, text(65_535)).sql if value.type.name == "null" else value.sql

    def whole(self, node: exp.Expression, scope: Scope) -> str:
        """An expression that must be a whole number."""
        value = self.value(node, scope)
        if value.type.name not in INTEGERS:
            value = cast(value, INT8) if value.type.name == "unknown" else value
        if value.type.name not in INTEGERS:
            raise SqlError(f"a value of type {said(value.type)} stands where an integer is needed; cast it")
        return f"CAST({value.sql} AS INTEGER)"


def parse_type(node: exp.DataType) -> Type:
    """The type of a CAST or of a column's definition."""
    return parse(node.sql("redshift"))


Rule = Callable[[Expressions, Any, Scope], Typed]
_RULES: Mapping[type[exp.Expression], Rule] = {
    exp.Column: Expressions._column,
    exp.Literal: Expressions._literal,
    exp.Null: Expressions._null,
    exp.Boolean: Expressions._boolean,
    exp.Paren: Expressions._paren,
    exp.And: Expressions._connector,
    exp.Or: Expressions._connector,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Exists: Expressions._exists,
    exp.Subquery: Expressions._subquery,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._like,
    exp.Escape: Expressions._like,
    exp.Case: Expressions._case,
    exp.Cast: Expressions._cast,
    exp.TryCast: Expressions._cast,
    exp.Concat: Expressions._concat,
    exp.DPipe: Expressions._concat,
    exp.Neg: Expressions._negative,
    **dict.fromkeys(_OPERATORS, Expressions._arithmetic),
    exp.Interval: Expressions._interval,
    exp.Window: windows.window,
    exp.WithinGroup: windows.within_group,
}
