"""The FROM clause: tables, subqueries, joins, UNNEST, LATERAL, VALUES."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.athena.translate import operators
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.expressions import ExpressionBinder
from localaws.athena.translate.scope import Context, Field, Scope, TableUse, Value, name
from localaws.athena.translate.types import UNKNOWN, Type, common, duckdb_type, parse_type

if TYPE_CHECKING:
    from localaws.athena.translate.queries import Bound, QueryBinder

_JOIN_PARTS = {"this", "side", "kind", "on", "using"}
_CATALOGS = ("awsdatacatalog",)


@dataclass
class Relation:
    """What stands after FROM: its SQL and its columns."""

    sql: str
    fields: list[Field]


@dataclass(frozen=True)
class StarItem:
    """A column that ``*`` stands for."""

    name: str
    value: Value


def from_clause(queries: QueryBinder, node: Any, parent: Scope | None) -> Relation:
    """FROM with its joins; without one, no columns."""
    clause = node.args.get("from_")
    if clause is None:
        return Relation("", [])
    relation = _joined(queries, clause.this, node.args.get("joins") or [], parent)
    return Relation(f" FROM {relation.sql}", relation.fields)


def _joined(queries: QueryBinder, first: Any, joins: list[Any], parent: Scope | None) -> Relation:
    relation = _relation(queries, first, Scope([], parent))
    for join in [*(first.args.get("joins") or []), *joins]:
        relation = _join(queries, relation, join, parent)
    return relation


def _relation(queries: QueryBinder, node: Any, around: Scope) -> Relation:
    """One item of FROM. around: what a LATERAL or UNNEST may name; a plain subquery sees only what is outside."""
    if isinstance(node, exp.Table):
        return _table(queries, node)
    if isinstance(node, exp.Unnest):
        from localaws.athena.translate.unnesting import unnest

        return unnest(queries, node, around)
    if isinstance(node, exp.Lateral):
        inner = node.this
        bound = queries.bind(inner.this if isinstance(inner, exp.Subquery) else inner, around)
        relation = _derived(queries.context, bound, node)
        return Relation(f"LATERAL {relation.sql}", relation.fields)
    if isinstance(node, exp.Values):
        return _derived(queries.context, values(queries, node, around.parent), node)
    if isinstance(node, exp.Subquery):
        if isinstance(node.this, exp.Table) and node.args.get("alias") is None:
            inner_relation = _joined(queries, node.this, node.args.get("joins") or [], around.parent)
            return Relation(f"({inner_relation.sql})", inner_relation.fields)
        return _derived(queries.context, queries.bind(_bare(node), around.parent), node)
    queries.context.fail("SYNTAX_ERROR", f"mismatched input: {node.key} is no relation", node)


def _bare(node: Any) -> Any:
    extra = [k for k, v in node.args.items() if v and k not in ("this", "alias", "joins")]
    return node if extra else node.this


def _derived(context: Context, bound: Bound, node: Any) -> Relation:
    alias = node.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        rename(context, bound, [c.name for c in alias.args["columns"]], node)
    emitted = context.fresh("r")
    qualifiers = (alias.name.lower(),) if alias is not None and alias.this is not None else ()
    sql = f"({bound.sql}) AS {emitted}({', '.join(bound.names)})"
    return Relation(sql, fields_of(emitted, bound, qualifiers))


def fields_of(emitted: str, bound: Bound, qualifiers: tuple[str, ...]) -> list[Field]:
    """The columns of a subquery under an alias."""
    return [
        Field(shown, qualifiers, column(f"{emitted}.{quoted}", value.type))
        for shown, quoted, value in zip(bound.shown, bound.names, bound.columns, strict=True)
    ]


def column(sql: str, kind: Type) -> Value:
    """A reference to a column."""
    return Value(sql, kind, loose=frozenset((sql,)))


def rename(context: Context, bound: Bound, columns: list[str], node: Any) -> None:
    """Give a query's columns the names of a column alias list."""
    from localaws.athena.translate.queries import unique_names

    if not columns:
        return
    if len(columns) != len(bound.columns):
        what = f"Column alias list has {len(columns)} entries but relation has {len(bound.columns)} columns"
        context.fail("MISMATCHED_COLUMN_ALIASES", what, node)
    quoted = unique_names(columns)
    bound.sql = f"SELECT * FROM ({bound.sql}) AS q({', '.join(quoted)})"
    bound.columns = [Value(n, v.type) for n, v in zip(quoted, bound.columns, strict=True)]
    bound.shown, bound.names = columns, quoted


def _table(queries: QueryBinder, node: Any) -> Relation:
    context = queries.context
    _check_table(context, node)
    parts = [p.name.lower() for p in (node.args.get("catalog"), node.args.get("db"), node.this) if p is not None]
    cte = queries.ctes.get(parts[0]) if len(parts) == 1 else None
    emitted = context.fresh("r")
    if cte is not None:
        relation = Relation(f"{cte.sql} AS {emitted}", fields_of(emitted, cte, (parts[0],)))
    else:
        relation = _catalog_table(context, parts, emitted, node)
    sample = node.args.get("sample")
    if sample is not None:
        relation.sql += _sample(context, sample)
    alias = node.args.get("alias")
    if alias is None:
        return relation
    names = [c.name for c in alias.args.get("columns") or []]
    if names:
        relation.fields = [f for f in relation.fields if not f.hidden]
    names = names or [f.name for f in relation.fields]
    if len(names) != len(relation.fields):
        what = f"Column alias list has {len(names)} entries but '{alias.name}' has {len(relation.fields)} columns"
        context.fail("MISMATCHED_COLUMN_ALIASES", what, node)
    renamed = alias.args.get("columns") is not None and len(alias.args["columns"]) > 0
    relation.fields = [
        replace(f, name=n, qualifiers=(alias.name.lower(),), original=f.name if renamed else None)
        for f, n in zip(relation.fields, names, strict=True)
    ]
    return relation


def _check_table(context: Context, node: Any) -> None:
    if isinstance(node.this, exp.Anonymous | exp.Func):
        label = node.this.name or node.this.key
        context.fail("FUNCTION_NOT_FOUND", f"Table function '{label}' not registered", node)
    if not isinstance(node.this, exp.Identifier):
        context.fail("SYNTAX_ERROR", f"mismatched input '{node.this.sql()}'", node)
    if node.args.get("version") is not None:
        raise refuse("FOR TIMESTAMP / VERSION AS OF")
    extra = [k for k, v in node.args.items() if v and k not in ("this", "db", "catalog", "alias", "joins", "sample")]
    if extra:
        context.fail("SYNTAX_ERROR", f"mismatched input '{extra[0]}'", node)


def _catalog_table(context: Context, parts: list[str], emitted: str, node: Any) -> Relation:
    if len(parts) == 3 and parts[0] not in _CATALOGS:
        context.fail("CATALOG_NOT_FOUND", f"Catalog '{parts[0]}' does not exist", node)
    database = parts[-2] if len(parts) > 1 else context.database
    use = TableUse(database, parts[-1], emitted, f"\x00{len(context.uses)}\x00")
    columns = context.schema.columns(database, parts[-1])
    context.uses.append(use)
    qualifiers = (_CATALOGS[0], database, parts[-1])
    fields = [
        Field(c.name, qualifiers, column(f"{emitted}.{name(c.name)}", parse_type(c.type)), use=use, hidden=c.hidden)
        for c in columns
    ]
    return Relation(f"{use.placeholder} AS {emitted}", fields)


def _sample(context: Context, sample: Any) -> str:
    method, percent = sample.args.get("method"), sample.args.get("percent")
    if method is None or method.name.upper() != "BERNOULLI" or not isinstance(percent, exp.Literal):
        raise refuse("TABLESAMPLE other than BERNOULLI (a literal percentage)")
    return f" TABLESAMPLE BERNOULLI ({float(percent.this)} PERCENT)"


def _join(queries: QueryBinder, left: Relation, node: Any, parent: Scope | None) -> Relation:
    context = queries.context
    if node.args.get("method"):
        raise refuse(f"{node.args['method']} JOIN")
    extra = [k for k, v in node.args.items() if v and k not in _JOIN_PARTS]
    kind, side = (node.args.get("kind") or "").upper(), (node.args.get("side") or "").upper()
    if extra or kind not in ("", "CROSS", "INNER", "OUTER") or side not in ("", "LEFT", "RIGHT", "FULL"):
        context.fail("SYNTAX_ERROR", f"mismatched input '{kind or side or extra[0]}'", node)
    right = _relation(queries, node.this, Scope(left.fields, parent))
    on, using = node.args.get("on"), node.args.get("using")
    if on is None and not using:
        return _cross(context, left, right, node, f"{side}{kind}")
    word = f"{side or 'INNER'} JOIN"
    if using:
        return _using(context, left, right, [u.name.lower() for u in using], word, node)
    binder = ExpressionBinder(context, Scope([*left.fields, *right.fields], parent), queries)
    condition = binder.boolean(on, "JOIN ON clause")
    if condition.aggregate or condition.window:
        context.fail("EXPRESSION_NOT_SCALAR", "JOIN clause cannot contain aggregations, window functions", on)
    return Relation(f"{left.sql} {word} {right.sql} ON {condition.sql}", [*left.fields, *right.fields])


def _cross(context: Context, left: Relation, right: Relation, node: Any, word: str) -> Relation:
    if word not in ("", "CROSS"):
        context.fail("SYNTAX_ERROR", f"mismatched input: {word} JOIN needs ON or USING", node)
    starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
    if not word and starts and context.source[: min(starts)].rstrip(' "(').lower().endswith("join"):
        context.fail("SYNTAX_ERROR", "mismatched input: JOIN needs ON or USING", node)
    return Relation(f"{left.sql}{', ' if not word else ' CROSS JOIN '}{right.sql}", [*left.fields, *right.fields])


def _using(context: Context, left: Relation, right: Relation, names: list[str], word: str, node: Any) -> Relation:
    shared, tests = [], []
    for wanted in names:
        sides = []
        for relation in (left, right):
            found = [f for f in relation.fields if f.name.lower() == wanted]
            if len(found) != 1:
                problem = "is ambiguous" if found else "is missing from a side of join"
                context.fail("COLUMN_NOT_FOUND", f"Column '{wanted}' {problem}", node)
            sides.append(found[0].read())
        kind = common(sides[0].type, sides[1].type)
        if kind is None:
            what = f"Column types of '{wanted}' are incompatible: {sides[0].type}, {sides[1].type}"
            context.fail("TYPE_MISMATCH", what, node)
        tests.append(operators.compare("=", *sides).sql)
        one, two = (coerce(s, kind).sql for s in sides)
        sql = {"RIGHT JOIN": two, "FULL JOIN": f"coalesce({one}, {two})"}.get(word, one)
        shared.append(Field(wanted, (), column(sql, kind)))
    rest = [f for f in (*left.fields, *right.fields) if f.name.lower() not in names]
    return Relation(f"{left.sql} {word} {right.sql} ON {' AND '.join(tests)}", [*shared, *rest])


def expand_stars(context: Context, items: list[Any], fields: list[Field]) -> list[Any]:
    """The select items, with * and t.* replaced by the columns that they stand for."""
    result: list[Any] = []
    for item in items:
        star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
        if not isinstance(star, exp.Star):
            result.append(item)
            continue
        if any(star.args.values()):
            context.fail("SYNTAX_ERROR", "mismatched input after '*'", item)
        qualifier = tuple(p.name.lower() for p in item.parts[:-1]) if isinstance(item, exp.Column) else ()
        chosen = [f for f in fields if not qualifier or f.qualifiers[-len(qualifier) :] == qualifier]
        chosen = [f for f in chosen if not f.hidden]
        if not chosen:
            what = (
                f"Unable to resolve reference {'.'.join(qualifier)}"
                if qualifier
                else "SELECT * not allowed in queries without FROM clause"
            )
            context.fail("TABLE_NOT_FOUND" if qualifier else "COLUMN_NOT_FOUND", what, item)
        result += [StarItem(f.name, f.read()) for f in chosen]
    return result


def values(queries: QueryBinder, node: Any, parent: Scope | None) -> Bound:
    """VALUES (...), (...) as a query."""
    from localaws.athena.translate.queries import Bound

    context = queries.context
    binder = ExpressionBinder(context, Scope([], parent), queries)
    rows = [[binder.bind(e) for e in _row_items(r)] for r in node.expressions]
    if len({len(r) for r in rows}) != 1:
        context.fail("TYPE_MISMATCH", "Values rows have mismatched sizes", node)
    kinds = []
    for cells in zip(*rows, strict=True):
        kind: Type | None = UNKNOWN
        for cell in cells:
            kind = common(kind, cell.type) if kind is not None else None
        if kind is None:
            context.fail("TYPE_MISMATCH", "Values rows have mismatched types", node)
        kinds.append(kind)
    lines = [
        "(" + ", ".join(f"CAST({coerce(v, k).sql} AS {duckdb_type(k)})" for v, k in zip(r, kinds, strict=True)) + ")"
        for r in rows
    ]
    shown = [f"_col{i}" for i in range(len(kinds))]
    names = [name(s) for s in shown]
    sql = f"SELECT * FROM (VALUES {', '.join(lines)}) AS v({', '.join(names)})"
    return Bound(sql, [Value(n, k) for n, k in zip(names, kinds, strict=True)], shown, names)


def _row_items(row: Any) -> list[Any]:
    if not isinstance(row, exp.Tuple):
        return [row]
    items = row.expressions
    if len(items) == 1 and isinstance(items[0], exp.Anonymous) and items[0].name.lower() == "row":
        return list(items[0].expressions)
    return list(items)
