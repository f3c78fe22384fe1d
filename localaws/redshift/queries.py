"""Queries from Redshift's SQL to DuckDB's, with the types of their columns."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from localaws.athena.types import quote
from localaws.redshift.casts import assign
from localaws.redshift.catalog import OWN, Catalog
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.expressions import Expressions
from localaws.redshift.scope import Columns, Scope, Source, Typed
from localaws.redshift.types import unified

_SELECT = {
    "with_",
    "expressions",
    "distinct",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "qualify",
    "order",
    "limit",
    "offset",
    "kind",
    "hint",
    "operation_modifiers",
}
_SET = {"with_", "this", "expression", "distinct", "by_name", "order", "limit", "offset", "side", "kind", "on"}
_JOINS = {
    ("", ""): "CROSS JOIN",
    ("", "CROSS"): "CROSS JOIN",
    ("", "INNER"): "JOIN",
    ("LEFT", ""): "LEFT JOIN",
    ("LEFT", "OUTER"): "LEFT JOIN",
    ("RIGHT", ""): "RIGHT JOIN",
    ("RIGHT", "OUTER"): "RIGHT JOIN",
    ("FULL", ""): "FULL JOIN",
    ("FULL", "OUTER"): "FULL JOIN",
}


@dataclass(frozen=True)
class Query:
    """A DuckDB query and its columns."""

    sql: str
    columns: Columns


def name_of(identifier: exp.Expression | str | None) -> str:
    """An identifier as Redshift folds it: to lower case, quoted or not."""
    if identifier is None:
        return ""
    text = identifier if isinstance(identifier, str) else identifier.name
    return text.lower()


class Queries:
    """Translates the queries of one statement."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.expressions = Expressions(self)

    def query(self, node: exp.Expression, outer: Scope | None = None) -> Query:
        """A SELECT, a set operation or VALUES in parentheses."""
        if isinstance(node, exp.Subquery):
            self._only(node, {"this", "with_", "order", "limit", "offset"} if not node.alias else {"this", "alias"})
            if any(node.args.get(key) for key in ("with_", "order", "limit", "offset")):
                raise Unsupported("ORDER BY, LIMIT or WITH behind a query in parentheses")
            return self.query(node.this, outer)
        if isinstance(node, exp.Select):
            return self._select(node, outer)
        if isinstance(node, exp.SetOperation):
            return self._set(node, outer)
        raise Unsupported(f"{type(node).__name__.upper()} as a query")

    def _with(self, node: exp.Expression, outer: Scope | None) -> tuple[str, Scope]:
        scope = Scope(outer=outer)
        given = node.args.get("with_")
        if given is None:
            return "", scope
        parts = []
        for cte in given.expressions:
            name = name_of(cte.alias)
            columns = [name_of(column) for column in cte.args["alias"].args.get("columns") or ()]
            body = cte.this
            if given.args.get("recursive") and isinstance(body, exp.SetOperation):
                anchor = self.query(body.this, scope)
                scope.ctes[name] = _renamed(anchor.columns, columns, name)
            query = self.query(body, scope)
            scope.ctes[name] = _renamed(query.columns, columns, name)
            named = ", ".join(quote(column) for column, _ in scope.ctes[name])
            parts.append(f"{quote(name)} ({named}) AS ({query.sql})")
        return f"WITH {'RECURSIVE ' if given.args.get('recursive') else ''}{', '.join(parts)} ", scope

    def _select(self, node: exp.Select, outer: Scope | None) -> Query:
        self._only(node, _SELECT)
        if node.args.get("kind") or node.args.get("hint") or node.args.get("operation_modifiers"):
            raise Unsupported("this form of SELECT")
        head, scope = self._with(node, outer)
        tail = self.tables(node.args.get("from_"), node.args.get("joins") or [], scope)
        if where := node.args.get("where"):
            tail += f" WHERE {self.expressions.condition(where.this, scope)}"
        columns: Columns = []
        items = []
        for projection in node.expressions:
            for name, value in self._projection(projection, scope):
                columns.append((name, value.type))
                items.append(f"{value.sql} AS {quote(name)}")
                scope.aliases.setdefault(name, value.type)
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise Unsupported("DISTINCT ON")
        tail += self._group(node, scope)
        if having := node.args.get("having"):
            tail += f" HAVING {self.expressions.condition(having.this, scope)}"
        if qualify := node.args.get("qualify"):
            tail += f" QUALIFY {self.expressions.condition(qualify.this, scope)}"
        tail += self._order(node, scope, len(columns), aliases_first=True)
        return Query(f"{head}SELECT {'DISTINCT ' if distinct else ''}{', '.join(items)}{tail}", columns)

    def _projection(self, node: exp.Expression, scope: Scope) -> list[tuple[str, Typed]]:
        if isinstance(node, exp.Star):
            self._only(node, set())
            return scope.star()
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            self._only(node.this, set())
            return scope.star(name_of(node.table))
        value = self.expressions.value(node.unalias(), scope)
        if value.type.name == "interval":
            raise Unsupported("An interval as a result")
        if value.type.name == "unknown":
            value = Typed(f"CAST({value.sql} AS VARCHAR)", value.type, value.literal)
        name = name_of(node.alias) or (name_of(node.this) if isinstance(node, exp.Column) else _default_name(node))
        return [(name, value)]

    def _group(self, node: exp.Select, scope: Scope) -> str:
        group = node.args.get("group")
        if group is None:
            return ""
        if any(group.args.get(key) for key in ("cube", "rollup", "grouping_sets", "totals", "all")):
            raise Unsupported("GROUP BY with ROLLUP, CUBE or GROUPING SETS")
        items = []
        for item in group.expressions:
            if isinstance(item, exp.Literal) and not item.is_string:
                place = int(item.this)
                if not 1 <= place <= len(node.expressions):
                    raise SqlError(f"GROUP BY position {place} is not in select list")
                items.append(str(place))
            else:
                items.append(self.expressions.value(item, scope).sql)
        return f" GROUP BY {', '.join(items)}"

    def _order(self, node: exp.Expression, scope: Scope, count: int, *, aliases_first: bool) -> str:
        text = ""
        if order := node.args.get("order"):
            items = []
            for item in order.expressions:
                if isinstance(item.this, exp.Literal) and not item.this.is_string:
                    place = int(item.this.this)
                    if not 1 <= place <= count:
                        raise SqlError(f"ORDER BY position {place} is not in select list")
                    items.append(f"{place}{self.expressions.direction(item)}")
                else:
                    items.append(self.expressions.ordered(item, scope, aliases_first=aliases_first))
            text += f" ORDER BY {', '.join(items)}"
        for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
            given = node.args.get(key)
            if given is None:
                continue
            number = given.expression
            if not isinstance(number, exp.Literal) or not number.name.isdigit():
                raise Unsupported(f"{word} with anything but a whole number")
            text += f" {word} {int(number.name)}"
        return text

    def tables(self, first: exp.Expression | None, joins: list[exp.Expression], scope: Scope) -> str:
        """A FROM clause; its tables are put into the scope."""
        if first is None:
            return ""
        nested = first.this.args.get("joins") or []
        text = f" FROM {self.table(first.this, scope)}"
        for join in [*nested, *joins]:
            self._only(join, {"this", "side", "kind", "on", "using", "method"})
            if join.args.get("method"):
                raise Unsupported("NATURAL JOIN")
            side, kind = (join.args.get(key) or "" for key in ("side", "kind"))
            word = _JOINS.get((str(side).upper(), str(kind).upper()))
            condition, using = join.args.get("on"), join.args.get("using")
            if word is None:
                raise Unsupported(f"{side} {kind} JOIN")
            if word == "CROSS JOIN" and (condition or using):
                word = "JOIN"
            text += f" {word} {self.table(join.this, scope)}"
            if using:
                names = [name_of(one) for one in using]
                scope.merged |= set(names)
                text += f" USING ({', '.join(map(quote, names))})"
            elif condition:
                text += f" ON {self.expressions.condition(condition, scope)}"
            elif word != "CROSS JOIN":
                raise SqlError(f"syntax error: {word} needs ON or USING")
        return text

    def table(self, node: exp.Expression, scope: Scope) -> str:
        """One table or subquery of a FROM clause, put into the scope."""
        columns = [name_of(one) for one in (node.args.get("alias") or exp.TableAlias()).args.get("columns") or ()]
        if isinstance(node, exp.Subquery):
            self._only(node, {"this", "alias"})
            if not node.alias:
                raise SqlError("subquery in FROM must have an alias")
            # A subquery in FROM does not see its neighbours, but what lies around the whole query.
            query = self.query(node.this, Scope(ctes=scope.ctes, outer=scope.outer))
            return self._enter(f"({query.sql})", name_of(node.alias), query.columns, columns, scope)
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise Unsupported("A function or an expression as a table")
        self._only(node, {"this", "db", "catalog", "alias", "joins"})
        if node.catalog:
            raise Unsupported("A table of another database")
        schema, name = name_of(node.db), name_of(node.this)
        alias = name_of(node.alias) or name
        if not schema and (known := scope.cte(name)) is not None:
            return self._enter(quote(name), alias, known, columns, scope)
        if schema == OWN:
            raise SqlError(f'schema "{schema}" does not exist')
        relation = self._catalog.get(schema, name)
        return self._enter(relation.sql, alias, relation.typed, columns, scope)

    def _enter(self, sql: str, alias: str, found: Columns, columns: list[str], scope: Scope) -> str:
        if any(source.alias == alias for source in scope.sources):
            raise SqlError(f'table name "{alias}" specified more than once')
        named = _renamed(found, columns, alias)
        scope.sources.append(Source(alias, named))
        listed = f" ({', '.join(quote(name) for name, _ in named)})" if columns else ""
        return f"{sql} AS {quote(alias)}{listed}"

    def _set(self, node: exp.SetOperation, outer: Scope | None) -> Query:
        self._only(node, _SET)
        if node.args.get("by_name") or node.args.get("side") or node.args.get("kind") or node.args.get("on"):
            raise Unsupported("this form of a set operation")
        head, scope = self._with(node, outer)
        first, second = self.query(node.this, scope), self.query(node.expression, scope)
        word = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}[type(node)]
        if len(first.columns) != len(second.columns):
            raise SqlError(f"each {word} query must have the same number of columns")
        columns = [
            (name, unified((one, other), word))
            for (name, one), (_, other) in zip(first.columns, second.columns, strict=True)
        ]
        every = "" if node.args.get("distinct", True) else " ALL"
        if every and word != "UNION":
            raise Unsupported(f"{word} ALL")
        scope.sources = [Source("", columns)]
        sides = [self._as(query, columns) for query in (first, second)]
        text = f"{head}{sides[0]} {word}{every} {sides[1]}"
        if node.args.get("order") or node.args.get("limit") or node.args.get("offset"):
            scope.aliases = dict(columns)
            text += self._order(node, scope, len(columns), aliases_first=True)
        return Query(text, columns)

    def _as(self, query: Query, columns: Columns) -> str:
        """The query with its columns as these types."""
        if [kind for _, kind in query.columns] == [kind for _, kind in columns]:
            return f"({query.sql})"
        return f"({self.assigned(query, columns)})"

    def assigned(self, query: Query, columns: Columns) -> str:
        """A query that gives these columns, by position, each converted as an assignment does."""
        inner = ", ".join(f'"c{place}"' for place in range(len(query.columns)))
        items = ", ".join(
            f"{assign(Typed(f'q.c{place}', given), kind).sql} AS {quote(name)}"
            for place, ((_, given), (name, kind)) in enumerate(zip(query.columns, columns, strict=True))
        )
        return f"SELECT {items} FROM ({query.sql}) AS q ({inner})"

    def _only(self, node: exp.Expression, known: set[str]) -> None:
        """Refuse what a node has beside what is known: it would be left out in silence."""
        for key, value in node.args.items():
            if value and key not in known:
                raise Unsupported(f"{key.rstrip('_').upper()} in {type(node).__name__.upper()}")


def _renamed(columns: Columns, names: list[str], what: str) -> Columns:
    if not names:
        return columns
    if len(names) > len(columns):
        raise SqlError(f'table "{what}" has {len(columns)} columns available but {len(names)} columns specified')
    kinds = [kind for _, kind in columns]
    return list(zip([*names, *(name for name, _ in columns[len(names) :])], kinds, strict=True))


def _default_name(node: exp.Expression) -> str:
    """The name of a column without one, as Redshift gives it."""
    if isinstance(node, exp.Cast):
        return name_of(node.this.name) if isinstance(node.this, exp.Column) else _default_name(node.this)
    if isinstance(node, exp.WithinGroup | exp.Window | exp.IgnoreNulls):
        return _default_name(node.this)
    if isinstance(node, exp.Case):
        return "case"
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower().removeprefix("localaws_")
    if isinstance(node, exp.Func) and not isinstance(node, exp.Binary | exp.Connector):
        return str(_NAMES.get(type(node)) or node.sql_name().lower())
    return "?column?"


_NAMES = {
    exp.TsOrDsAdd: "date_add",
    exp.TsOrDsDiff: "date_diff",
    exp.TimestampTrunc: "date_trunc",
    exp.GroupConcat: "listagg",
    exp.ApproxDistinct: "count",
    exp.CurrentTimestamp: "getdate",
    exp.Length: "len",
    exp.Extract: "date_part",
    exp.StrPosition: "strpos",
    exp.DecodeCase: "case",
    exp.CurrentDate: "date",
}
