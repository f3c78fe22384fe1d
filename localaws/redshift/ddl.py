"""CREATE, ALTER, DROP: tables with Redshift's attributes, views, materialised views, schemas."""

from __future__ import annotations

from localaws.athena.types import quote
from localaws.redshift.catalog import DATABASE, OWN, PUBLIC, Column, Relation
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader, parse
from localaws.redshift.table_columns import columns_of, like, make_table, read_attributes, read_columns
from localaws.redshift.work import Work


def create(work: Work, reader: Reader) -> None:
    """CREATE …; raises SqlError."""
    replace = reader.take("OR", "REPLACE")
    if reader.take("MATERIALIZED", "VIEW"):
        _create_materialized(work, reader)
    elif reader.take("VIEW"):
        _create_view(work, reader, replace=replace)
    elif reader.take("SCHEMA"):
        _create_schema(work, reader)
    else:
        reader.take("LOCAL")
        temporary = reader.take("TEMP") or reader.take("TEMPORARY")
        if not reader.take("TABLE") or replace:
            raise Unsupported(f"CREATE {reader.word or 'OR REPLACE TABLE'}")
        _create_table(work, reader, temporary=temporary)


def check_free(work: Work, schema: str, name: str, *, missing_ok: bool) -> bool:
    """Whether the name is free; raises SqlError if it is not, and that is not allowed."""
    if schema == OWN or name.startswith("localaws"):
        raise SqlError(f'The name "{name}" is reserved')
    if schema and schema not in work.catalog.schemas():
        raise SqlError(f'schema "{schema}" does not exist')
    known = work.catalog.find(schema or PUBLIC, name)
    if known is None:
        return True
    if not missing_ok:
        raise SqlError(f'Relation "{name}" already exists')
    return False


def _create_table(work: Work, reader: Reader, *, temporary: bool) -> None:
    missing_ok = reader.take("IF", "NOT", "EXISTS")
    schema, name = reader.qualified()
    temporary = temporary or name.startswith("#")
    if temporary:
        if schema:
            raise SqlError("Temporary tables may not specify a schema name")
        known = work.catalog.find("", name)
        if known is not None and known.temporary:
            if missing_ok:
                return
            raise SqlError(f'Relation "{name}" already exists')
    elif not check_free(work, schema, name, missing_ok=missing_ok):
        return
    columns: list[Column] = []
    names: list[str] = []
    if reader.take("("):
        if reader.take("LIKE"):
            columns = like(work, reader)
        else:
            columns, names = read_columns(reader)
        reader.need(")")
    read_attributes(reader)
    relation = Relation(schema or PUBLIC, name, "TABLE", tuple(columns), "", temporary)
    if reader.take("AS"):
        if columns:
            raise reader.unexpected()
        query = work.queries.query(parse(_unwrapped(reader.rest())))
        relation = relation.with_columns(tuple(columns_of(query, names)))
        make_table(work, relation)
        work.insert(relation, [column.name for column in relation.columns], query)
        return
    if not reader.done or names or not columns:
        raise reader.unexpected()
    make_table(work, relation)


def _unwrapped(sql: str) -> str:
    """The query of CREATE TABLE AS, which may stand in parentheses."""
    return sql.strip()


def _create_view(work: Work, reader: Reader, *, replace: bool) -> None:
    schema, name = reader.qualified()
    names = reader.names() if reader.word == "(" else []
    reader.need("AS")
    body = reader.rest()
    upper = " ".join(body.upper().split())
    if upper.endswith("WITH NO SCHEMA BINDING"):
        body = body[: body.upper().rindex("WITH")]
    known = work.catalog.find(schema or PUBLIC, name)
    if not (replace and known is not None and known.kind == "VIEW"):
        check_free(work, schema, name, missing_ok=False)
    query = work.queries.query(parse(body))
    relation = Relation(schema or PUBLIC, name, "VIEW", tuple(columns_of(query, names)), body)
    if any(one.temporary for one in work.relations_of(body)):
        raise SqlError("A view cannot be made of temporary tables")
    listed = ", ".join(quote(column.name) for column in relation.columns)
    work.execute(f"CREATE OR REPLACE VIEW {relation.sql} ({listed}) AS {query.sql}")
    work.catalog.save(relation)


def _create_materialized(work: Work, reader: Reader) -> None:
    schema, name = reader.qualified()
    check_free(work, schema, name, missing_ok=False)
    read_attributes(reader)
    reader.need("AS")
    body = reader.rest()
    query = work.queries.query(parse(body))
    relation = Relation(schema or PUBLIC, name, "MATERIALIZED VIEW", tuple(columns_of(query, [])), body)
    make_table(work, relation)
    work.insert(relation, [column.name for column in relation.columns], query)


def refresh(work: Work, reader: Reader) -> None:
    """REFRESH MATERIALIZED VIEW: its rows are made anew, in the statement's transaction."""
    reader.need("MATERIALIZED", "VIEW")
    relation = work.catalog.get(*reader.qualified())
    if relation.kind != "MATERIALIZED VIEW":
        raise SqlError(f'"{relation.name}" is not a materialized view')
    query = work.queries.query(parse(relation.query))
    work.execute(f"DELETE FROM {relation.sql}")
    work.insert(relation, [column.name for column in relation.columns], query)


def _create_schema(work: Work, reader: Reader) -> None:
    missing_ok = reader.take("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.take("AUTHORIZATION"):
        reader.name()
    if not reader.done:
        raise Unsupported(f"CREATE SCHEMA with {reader.word}")
    if name in work.catalog.schemas():
        if not missing_ok:
            raise SqlError(f'schema "{name}" already exists')
        return
    if name in (OWN, "main", "temp") or name.startswith("pg_"):
        raise SqlError(f'unacceptable schema name "{name}"')
    work.execute(f"CREATE SCHEMA {DATABASE}.{quote(name)}")


def drop(work: Work, reader: Reader) -> None:
    """DROP TABLE, VIEW, MATERIALIZED VIEW, SCHEMA."""
    kind = "MATERIALIZED VIEW" if reader.take("MATERIALIZED", "VIEW") else reader.next().text.upper()
    if kind not in ("TABLE", "VIEW", "MATERIALIZED VIEW", "SCHEMA"):
        raise Unsupported(f"DROP {kind}")
    missing_ok = reader.take("IF", "EXISTS")
    targets = [("", reader.name()) if kind == "SCHEMA" else reader.qualified()]
    while reader.take(","):
        targets.append(("", reader.name()) if kind == "SCHEMA" else reader.qualified())
    cascade = reader.take("CASCADE")
    if not cascade:
        reader.take("RESTRICT")
    if not reader.done:
        raise reader.unexpected()
    for schema, name in targets:
        if kind == "SCHEMA":
            _drop_schema(work, name, missing_ok=missing_ok, cascade=cascade)
            continue
        relation = work.catalog.find(schema, name)
        if relation is None:
            if not missing_ok:
                raise SqlError(f'{kind.capitalize()} "{name}" does not exist')
            continue
        if relation.kind != kind:
            raise SqlError(f'"{name}" is not a {kind.lower()}')
        drop_relation(work, relation, cascade=cascade)


def drop_relation(work: Work, relation: Relation, *, cascade: bool) -> None:
    """Drop a relation, with the views on it if that is said."""
    dependents = work.views_on(relation)
    if dependents and not cascade:
        names = ", ".join(f"{one.kind.lower()} {one.name}" for one in dependents)
        raise SqlError(
            f"cannot drop {relation.kind.lower()} {relation.name} because other objects depend on it: {names} "
            "depends on it. Use DROP ... CASCADE to drop the dependent objects too."
        )
    for one in dependents:
        if work.catalog.find(one.schema, one.name) is not None:
            drop_relation(work, one, cascade=True)
    work.execute(f"DROP {'VIEW' if relation.kind == 'VIEW' else 'TABLE'} {relation.sql}")
    work.catalog.forget(relation)


def _drop_schema(work: Work, name: str, *, missing_ok: bool, cascade: bool) -> None:
    if name not in work.catalog.schemas():
        if not missing_ok:
            raise SqlError(f'schema "{name}" does not exist')
        return
    if name == PUBLIC:
        raise Unsupported("Dropping the schema public")
    inside = [one for one in work.catalog.all() if one.schema == name]
    if inside and not cascade:
        raise SqlError(f"cannot drop schema {name} because other objects depend on it")
    for relation in inside:
        if work.catalog.find(relation.schema, relation.name) is not None:
            drop_relation(work, relation, cascade=True)
    work.execute(f"DROP SCHEMA {DATABASE}.{quote(name)}")
