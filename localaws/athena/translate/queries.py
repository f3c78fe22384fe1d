"""Binds queries: WITH, set operations, SELECT with its clauses, VALUES."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from localaws.athena.translate import grouping, ordering, pruning, relations
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.expressions import ExpressionBinder
from localaws.athena.translate.recursion import bind_recursive
from localaws.athena.translate.scope import Column, Context, Field, Scope, Value, name
from localaws.athena.translate.types import UNKNOWN, Type, common, duckdb_type

_SELECT_PARTS = {"expressions", "from_", "joins", "laterals", "where", "group", "having", "windows", "distinct",
                 "order", "limit", "offset", "with_"}  # fmt: skip
_SET_PARTS = {"this", "expression", "distinct", "order", "limit", "offset", "with_"}
_WORDS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}


@dataclass
class Bound:
    """A translated query: its SQL, its columns' types, the names it shows and the quoted ones in its SQL."""

    sql: str
    columns: list[Value]
    shown: list[str]
    names: list[str] = field(default_factory=list)
    outer: Value = field(default_factory=lambda: Value("", UNKNOWN))

    def described(self) -> tuple[Column, ...]:
        """Names and types as Athena reports them."""
        return tuple(Column(n, str(v.type)) for n, v in zip(self.shown, self.columns, strict=True))


class QueryBinder:
    """Binds a query and the queries in it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.ctes: dict[str, Bound] = {}
        self._outer_references: list[set[str]] = [set()]

    def note_outer(self, value: Value) -> None:
        """Remember that a subquery names a column of the query around it."""
        self._outer_references[-1] |= value.loose

    def nested(self, node: exp.Expression, scope: Scope) -> Bound:
        """Bind a subquery of an expression; its ``outer`` is loose by the columns of ``scope`` that it names."""
        self._outer_references.append(set())
        bound = self.bind(node, scope)
        references = self._outer_references.pop()
        own = {label for f in scope.fields for label in f.value.loose}
        self._outer_references[-1] |= references - own
        bound.outer = Value("", UNKNOWN, loose=frozenset(references - set(scope.keys or ())))
        return bound

    def bind(self, node: Any, parent: Scope | None = None) -> Bound:
        """Bind a query in the scope around it."""
        before = dict(self.ctes)
        try:
            prefix = self._with(node.args.get("with_"), parent)
            bound = self._body(node, parent)
        finally:
            self.ctes = before
        bound.sql = prefix + bound.sql
        return bound

    def _body(self, node: Any, parent: Scope | None) -> Bound:
        if isinstance(node, exp.Select):
            return self._select(node, parent)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, parent)
        if isinstance(node, exp.Values):
            return relations.values(self, node, parent)
        if isinstance(node, exp.Table):
            return self._select(exp.Select(expressions=[exp.Star()], **{"from_": exp.From(this=node.copy())}), parent)
        if isinstance(node, exp.Subquery | exp.Paren):
            return self._wrapped(node, parent)
        self.context.fail("SYNTAX_ERROR", f"mismatched input: {node.key} is no query", node)

    def _wrapped(self, node: Any, parent: Scope | None) -> Bound:
        bound = self.bind(node.this, parent)
        tail = self._tail(node, bound)
        if tail:
            bound.sql = f"SELECT * FROM ({bound.sql}) AS q{tail}"
        return bound

    def _with(self, clause: Any, parent: Scope | None) -> str:
        if clause is None:
            return ""
        parts = []
        for cte in clause.expressions:
            alias = cte.args["alias"]
            key = alias.name.lower()
            emitted = name(self.context.fresh(f"{key}_"))
            columns = [c.name for c in alias.args.get("columns") or []]
            if clause.args.get("recursive") and any(
                t.name.lower() == key and not t.db for t in cte.this.find_all(exp.Table)
            ):
                bound, sql = bind_recursive(self, cte.this, key, emitted, columns, parent)
            else:
                bound = self.bind(cte.this, parent)
                relations.rename(self.context, bound, columns, cte)
                sql = f"{emitted}({', '.join(bound.names)}) AS ({bound.sql})"
            parts.append(sql)
            self.ctes[key] = Bound(emitted, bound.columns, bound.shown, bound.names)
        word = "WITH RECURSIVE" if clause.args.get("recursive") else "WITH"
        return f"{word} {', '.join(parts)} "

    def _set_operation(self, node: Any, parent: Scope | None) -> Bound:
        self._only(node, _SET_PARTS)
        left, right = self.bind(node.this, parent), self.bind(node.expression, parent)
        word = _WORDS[type(node)]
        if len(left.columns) != len(right.columns):
            what = f"{word} query has different number of fields: {len(left.columns)}, {len(right.columns)}"
            self.context.fail("TYPE_MISMATCH", what, node)
        kinds: list[Type] = []
        for i, (a, b) in enumerate(zip(left.columns, right.columns, strict=True)):
            kind = common(a.type, b.type)
            if kind is None:
                what = f"column {i + 1} in {word} query has incompatible types: {a.type}, {b.type}"
                self.context.fail("TYPE_MISMATCH", what, node)
            kinds.append(kind)
            if node.args.get("distinct") or not isinstance(node, exp.Union):
                grouping.require_groupable(kind, word)
        every = "" if node.args.get("distinct") else " ALL"
        sql = f"({as_types(left, kinds)}) {word}{every} ({as_types(right, kinds)})"
        columns = [Value(n, k) for n, k in zip(left.names, kinds, strict=True)]
        bound = Bound(sql, columns, left.shown, left.names)
        if any(node.args.get(k) is not None for k in ("order", "limit", "offset")):
            bound.sql = f"SELECT * FROM ({sql}) AS q{self._tail(node, bound)}"
        return bound

    def _tail(self, node: Any, bound: Bound) -> str:
        """ORDER BY, OFFSET and LIMIT over a query's own columns."""
        fields = [
            Field(s, (), Value(f"q.{n}", c.type))
            for s, n, c in zip(bound.shown, bound.names, bound.columns, strict=True)
        ]
        binder = ExpressionBinder(self.context, Scope(fields), self)
        outputs = [Value(f"q.{n}", c.type) for n, c in zip(bound.names, bound.columns, strict=True)]
        return ordering.order_by(binder, node.args.get("order"), outputs) + ordering.limits(binder, node)

    def _select(self, node: Any, parent: Scope | None) -> Bound:
        self._only(node, _SELECT_PARTS)
        source = relations.from_clause(self, node, parent)
        scope = Scope(source.fields, parent)
        binder = ExpressionBinder(self.context, scope, self)
        binder.windows = {w.this.name.lower(): w for w in node.args.get("windows") or []}
        where = self._where(binder, node)
        group = node.args.get("group")
        items = relations.expand_stars(self.context, node.expressions, source.fields)
        grouped = grouping.group_by(binder, group, items) if group is not None else ""
        shown = [i.name if isinstance(i, relations.StarItem) else output_name(i, n) for n, i in enumerate(items)]
        outputs = [self._item(binder, i) for i in items]
        having = node.args.get("having")
        condition = binder.boolean(having.this, "HAVING clause") if having is not None else None
        names = unique_names(shown)
        for alias, value in zip(shown, outputs, strict=True):
            binder.aliases.setdefault(alias.lower(), value)
        distinct = self._distinct(node, outputs)
        order = ordering.order_by(binder, node.args.get("order"), outputs, distinct=bool(distinct))
        checked = [*zip(items, outputs, strict=True), *([(having, condition)] if condition else [])]
        grouping.check(binder, checked, binder.sorted_by, grouped=group is not None or condition is not None)
        listed = ", ".join(f"{_fixed(v)} AS {n}" for v, n in zip(outputs, names, strict=True))
        sql = f"SELECT {distinct}{listed}{source.sql}{where}{grouped}"
        sql += f" HAVING {condition.sql}" if condition else ""
        columns = [Value(n, v.type) for v, n in zip(outputs, names, strict=True)]
        return Bound(sql + order + ordering.limits(binder, node), columns, shown, names)

    def _where(self, binder: ExpressionBinder, node: Any) -> str:
        clause = node.args.get("where")
        if clause is None:
            return ""
        condition = binder.boolean(clause.this, "WHERE clause")
        if condition.aggregate or condition.window:
            what = "WHERE clause cannot contain aggregations, window functions or grouping operations"
            self.context.fail("EXPRESSION_NOT_SCALAR", what, clause)
        pruning.note_predicates(binder, clause.this)
        return f" WHERE {condition.sql}"

    def _item(self, binder: ExpressionBinder, item: Any) -> Value:
        if isinstance(item, relations.StarItem):
            return item.value
        return binder.bind(item.this if isinstance(item, exp.Alias) else item)

    def _distinct(self, node: Any, outputs: list[Value]) -> str:
        distinct = node.args.get("distinct")
        if distinct is None:
            return ""
        if distinct.args.get("on") is not None:
            self.context.fail("SYNTAX_ERROR", "mismatched input 'ON'", node)
        for value in outputs:
            grouping.require_groupable(value.type, "DISTINCT")
        return "DISTINCT "

    def _only(self, node: Any, allowed: set[str]) -> None:
        extra = [k for k, v in node.args.items() if v and k not in allowed]
        if extra:
            if extra == ["match"]:
                raise refuse("MATCH_RECOGNIZE")
            self.context.fail("SYNTAX_ERROR", f"mismatched input '{extra[0].rstrip('_')}'", node)


def output_name(item: Any, position: int) -> str:
    """The name that Trino gives an output column."""
    if isinstance(item, exp.Alias):
        return str(item.alias)
    if isinstance(item, exp.Column):
        return str(item.name)
    if isinstance(item, exp.Dot) and isinstance(item.expression, exp.Identifier):
        return str(item.expression.name)
    return f"_col{position}"


def unique_names(shown: list[str]) -> list[str]:
    """Quoted names, made different where the query shows one twice."""
    seen: set[str] = set()
    result = []
    for wanted in shown:
        candidate, n = wanted, 2
        while candidate.lower() in seen:
            candidate, n = f"{wanted}_{n}", n + 1
        seen.add(candidate.lower())
        result.append(name(candidate))
    return result


def as_types(bound: Bound, kinds: list[Type]) -> str:
    """The query's SQL with its columns as other types."""
    targets = [coerce(Value(f"q.{n}", c.type), k) for n, c, k in zip(bound.names, bound.columns, kinds, strict=True)]
    if all(t.sql == f"q.{n}" for t, n in zip(targets, bound.names, strict=True)):
        return bound.sql
    listed = ", ".join(f"{t.sql} AS {n}" for t, n in zip(targets, bound.names, strict=True))
    return f"SELECT {listed} FROM ({bound.sql}) AS q"


def _fixed(value: Value) -> str:
    """A literal is given its exact type, which DuckDB would else choose by itself."""
    if value.type.name == "unknown" or isinstance(value.literal, int):
        return f"CAST({value.sql} AS {duckdb_type(value.type)})"
    return value.sql
