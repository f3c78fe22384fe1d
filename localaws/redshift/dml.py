"""INSERT, UPDATE, DELETE, MERGE, TRUNCATE."""

from __future__ import annotations

from sqlglot import exp

from localaws.athena.types import quote
from localaws.redshift.casts import assign
from localaws.redshift.catalog import Relation
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader
from localaws.redshift.queries import name_of
from localaws.redshift.scope import Scope, Source
from localaws.redshift.work import Work


def _target(work: Work, node: exp.Expression) -> tuple[Relation, str]:
    """The table that is changed, and its alias."""
    if not isinstance(node, exp.Table):
        raise Unsupported("Changing anything but a table")
    relation = work.catalog.get(name_of(node.db), name_of(node.this))
    if relation.kind != "TABLE":
        raise SqlError(f'cannot change {relation.kind.lower()} "{relation.name}"')
    return relation, name_of(node.alias) or relation.name


def _only(node: exp.Expression, *known: str) -> None:
    for key, value in node.args.items():
        if value and key not in known:
            raise Unsupported(f"{key.rstrip('_').upper()} in {type(node).__name__.upper()}")


def _check_columns(relation: Relation, names: list[str]) -> None:
    known = {column.name: column for column in relation.columns}
    for name in names:
        if name not in known:
            raise SqlError(f'column "{name}" of relation "{relation.name}" does not exist')
        if known[name].identity == "always":
            raise SqlError(f'cannot set an identity column "{name}" to a value')
    if len(set(names)) != len(names):
        raise SqlError("A column is specified more than once")


def insert(work: Work, node: exp.Insert) -> int:
    """INSERT INTO; the number of rows."""
    _only(node, "this", "expression", "with_", "default")
    target = node.this
    names: list[str] = []
    if isinstance(target, exp.Schema):
        names = [name_of(one) for one in target.expressions]
        target = target.this
    relation, _ = _target(work, target)
    if node.args.get("default"):
        return work.count(f"INSERT INTO {relation.sql} DEFAULT VALUES")
    _check_columns(relation, names)
    body = node.expression
    every = [column.name for column in relation.columns if column.identity != "always"]
    if isinstance(body, exp.Values):
        return _insert_values(work, relation, names or every, body)
    if node.args.get("with_"):
        body = body.copy()
        body.set("with_", node.args["with_"])
    query = work.queries.query(body)
    return work.insert(relation, names or every[: len(query.columns)], query)


def _insert_values(work: Work, relation: Relation, names: list[str], body: exp.Values) -> int:
    kinds = dict(relation.typed)
    rows = []
    width = None
    for row in body.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row.unnest()]
        if len(items) > len(names):
            raise SqlError("INSERT has more expressions than target columns")
        if width not in (None, len(items)):
            raise SqlError("VALUES lists must all be the same length")
        width = len(items)
        values = []
        for name, item in zip(names, items, strict=False):
            if isinstance(item, exp.Var | exp.Column) and item.name.upper() == "DEFAULT":
                values.append("DEFAULT")
            else:
                values.append(assign(work.queries.expressions.value(item, Scope()), kinds[name]).sql)
        rows.append(f"({', '.join(values)})")
    listed = ", ".join(map(quote, names[:width]))
    return work.count(f"INSERT INTO {relation.sql} ({listed}) VALUES {', '.join(rows)}")


def _sets(work: Work, relation: Relation, pairs: list[exp.Expression], scope: Scope) -> str:
    kinds = dict(relation.typed)
    names, parts = [], []
    for pair in pairs:
        if not isinstance(pair, exp.EQ) or not isinstance(pair.this, exp.Column):
            raise Unsupported("SET of anything but single columns")
        name = pair.this.name.lower()
        names.append(name)
        _check_columns(relation, [name])
        if isinstance(pair.expression, exp.Column | exp.Var) and pair.expression.sql().upper() == "DEFAULT":
            raise Unsupported("SET … = DEFAULT")
        value = work.queries.expressions.value(pair.expression, scope)
        parts.append(f"{quote(name)} = {assign(value, kinds[name]).sql}")
    _check_columns(relation, names)
    return ", ".join(parts)


def update(work: Work, node: exp.Update) -> int:
    """UPDATE; the number of rows."""
    _only(node, "this", "expressions", "from_", "where")
    relation, alias = _target(work, node.this)
    scope = Scope(sources=[Source(alias, relation.typed)])
    origin = node.args.get("from_")
    tables = work.queries.tables(origin, [], scope) if origin else ""
    sets = _sets(work, relation, node.expressions, scope)
    where = node.args.get("where")
    condition = f" WHERE {work.queries.expressions.condition(where.this, scope)}" if where else ""
    return work.count(f"UPDATE {relation.sql} AS {quote(alias)} SET {sets}{tables}{condition}")


def delete(work: Work, node: exp.Delete) -> int:
    """DELETE, with USING; the number of rows."""
    _only(node, "this", "using", "where")
    relation, alias = _target(work, node.this)
    scope = Scope(sources=[Source(alias, relation.typed)])
    using = ", ".join(work.queries.table(one, scope) for one in node.args.get("using") or ())
    where = node.args.get("where")
    condition = f" WHERE {work.queries.expressions.condition(where.this, scope)}" if where else ""
    return work.count(f"DELETE FROM {relation.sql} AS {quote(alias)}{f' USING {using}' if using else ''}{condition}")


def truncate(work: Work, reader: Reader) -> None:
    """TRUNCATE, which outside of a batch is a transaction of its own."""
    reader.take("TABLE")
    relation = work.catalog.get(*reader.qualified())
    if relation.kind != "TABLE" or not reader.done:
        raise SqlError(f'"{relation.name}" is not a table')
    work.count(f"DELETE FROM {relation.sql}")


def merge(work: Work, node: exp.Merge) -> int:
    """MERGE; the number of rows. A row of the target that several rows match is an error, as in Redshift."""
    _only(node, "this", "using", "on", "whens")
    relation, alias = _target(work, node.this)
    scope = Scope(sources=[Source(alias, relation.typed)])
    source = work.queries.table(node.args["using"], scope)
    condition = work.queries.expressions.condition(node.args["on"], scope)
    into = f"{relation.sql} AS {quote(alias)}"
    twice = (
        f"SELECT 1 FROM {into} JOIN {source} ON {condition} GROUP BY {quote(alias)}.rowid HAVING count(*) > 1 LIMIT 1"
    )
    if work.execute(twice).fetchone():
        raise SqlError("Found multiple matches to update the same tuple.")
    actions = []
    for when in node.args["whens"].expressions:
        _only(when, "matched", "then")
        actions.append(_when(work, relation, when, scope))
    if sorted(action.split(" THEN ")[0] for action in actions) != ["WHEN MATCHED", "WHEN NOT MATCHED"]:
        raise SqlError("MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED clause")
    return work.count(f"MERGE INTO {into} USING {source} ON {condition} {' '.join(actions)}")


def _when(work: Work, relation: Relation, when: exp.When, scope: Scope) -> str:
    then = when.args["then"]
    if when.args.get("matched"):
        if isinstance(then, exp.Update):
            return f"WHEN MATCHED THEN UPDATE SET {_sets(work, relation, then.expressions, scope)}"
        if isinstance(then, exp.Var) and then.name.upper() == "DELETE":
            return "WHEN MATCHED THEN DELETE"
        raise Unsupported("This action of MERGE")
    if not isinstance(then, exp.Insert):
        raise Unsupported("This action of MERGE")
    kinds = dict(relation.typed)
    given = then.this.expressions if then.this else []
    names = [one.name.lower() for one in given] or [
        column.name for column in relation.columns if column.identity != "always"
    ]
    _check_columns(relation, names)
    items = then.expression.expressions
    if len(items) != len(names):
        raise SqlError("INSERT has not as many expressions as target columns")
    values = [
        assign(work.queries.expressions.value(item, scope), kinds[name]).sql
        for name, item in zip(names, items, strict=True)
    ]
    return f"WHEN NOT MATCHED THEN INSERT ({', '.join(map(quote, names))}) VALUES ({', '.join(values)})"
