"""CREATE, ALTER, DROP: tables with Redshift's attributes, views, materialised views, schemas."""

from __future__ import annotations

from localaws.athena.types import quote
from localaws.redshift.casts import assign
from localaws.redshift.catalog import DATABASE, OWN, PUBLIC, Column, Relation
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader, parse, parse_expression
from localaws.redshift.queries import Query
from localaws.redshift.scope import Scope
from localaws.redshift.types import Type, text
from localaws.redshift.types import parse as parse_type
from localaws.redshift.work import Work

_TABLE_ENDS = ("DISTSTYLE", "DISTKEY", "SORTKEY", "COMPOUND", "INTERLEAVED", "BACKUP", "ENCODE", "AS")
_CONSTRAINTS = ("PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT")


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


def _fresh(work: Work, schema: str, name: str, *, missing_ok: bool) -> bool:
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
    elif not _fresh(work, schema, name, missing_ok=missing_ok):
        return
    columns: list[Column] = []
    names: list[str] = []
    if reader.take("("):
        if reader.take("LIKE"):
            columns = _like(work, reader)
        else:
            columns, names = _columns(reader)
        reader.need(")")
    _attributes(reader)
    relation = Relation(schema or PUBLIC, name, "TABLE", tuple(columns), "", temporary)
    if reader.take("AS"):
        if columns:
            raise reader.unexpected()
        query = work.queries.query(parse(_unwrapped(reader.rest())))
        relation = relation.with_columns(tuple(_of_query(query, names)))
        make_table(work, relation)
        work.insert(relation, [column.name for column in relation.columns], query)
        return
    if not reader.done or names or not columns:
        raise reader.unexpected()
    make_table(work, relation)


def _unwrapped(sql: str) -> str:
    """The query of CREATE TABLE AS, which may stand in parentheses."""
    return sql.strip()


def make_table(work: Work, relation: Relation) -> None:
    """Make a table and keep its definition."""
    if len({column.name for column in relation.columns}) != len(relation.columns):
        raise SqlError("A column name is specified more than once")
    definitions = ", ".join(_definition(work, relation, column) for column in relation.columns)
    word = "TEMP TABLE" if relation.temporary else "TABLE"
    work.execute(f"CREATE {word} {relation.sql} ({definitions})")
    work.catalog.save(relation)


def _definition(work: Work, relation: Relation, column: Column) -> str:
    kind = column.kind
    sql = f"{quote(column.name)} {kind.duckdb}"
    if kind.is_text:
        # DuckDB does not hold to a length, nor count in bytes.
        sql += f" CHECK (strlen({quote(column.name)}) <= {kind.args[0]})"
    if column.identity:
        first, step = column.default.split(",")
        sequence = f"{DATABASE}.{OWN}.{quote(f'{work.fresh_name()}')}"
        if relation.temporary:
            raise Unsupported("IDENTITY in a temporary table")
        work.execute(
            f"CREATE SEQUENCE {sequence} START {int(first)} INCREMENT {int(step)} MINVALUE -9223372036854775808"
        )
        sql += f" DEFAULT nextval('{sequence.replace(chr(39), '')}') NOT NULL"
    elif column.default:
        value = work.queries.expressions.value(parse_expression(column.default), Scope())
        sql += f" DEFAULT ({assign(value, kind).sql})"
    return sql + ("" if column.nullable or column.identity else " NOT NULL")


def _like(work: Work, reader: Reader) -> list[Column]:
    relation = work.catalog.get(*reader.qualified())
    defaults = reader.take("INCLUDING", "DEFAULTS")
    if not defaults:
        reader.take("EXCLUDING", "DEFAULTS")
    return [
        Column(column.name, column.type, column.nullable, column.default if defaults and not column.identity else "")
        for column in relation.columns
    ]


def _columns(reader: Reader) -> tuple[list[Column], list[str]]:
    """Columns with types, or the bare names of a CREATE TABLE AS."""
    columns: list[Column] = []
    names: list[str] = []
    while True:
        if reader.word in _CONSTRAINTS:
            # Keys are for the planner: Redshift does not hold rows to them.
            reader.until(",")
        else:
            name = reader.name()
            if reader.word in (",", ")"):
                names.append(name)
            else:
                columns.append(_column(reader, name))
        if not reader.take(","):
            break
    if names and columns:
        raise reader.unexpected()
    return columns, names


def _column(reader: Reader, name: str) -> Column:
    kind = _type(reader)
    nullable, default, identity = True, "", ""
    while not reader.done and reader.word not in (",", ")"):
        if reader.take("NOT", "NULL"):
            nullable = False
        elif reader.take("NULL") or reader.take("DISTKEY") or reader.take("SORTKEY") or reader.take("UNIQUE"):
            pass
        elif reader.take("PRIMARY", "KEY"):
            nullable = False
        elif reader.take("ENCODE") or reader.take("COLLATE"):
            reader.next()
        elif reader.take("REFERENCES"):
            reader.qualified()
            if reader.word == "(":
                reader.names()
        elif reader.take("DEFAULT"):
            default = reader.until(
                ",", "NOT", "NULL", "ENCODE", "DISTKEY", "SORTKEY", "PRIMARY", "UNIQUE", "REFERENCES"
            )
        elif reader.take("IDENTITY"):
            default, identity = _identity(reader), "always"
        elif reader.take("GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"):
            default, identity = _identity(reader), "default"
        else:
            raise reader.unexpected()
    if identity and kind.name not in ("int4", "int8"):
        raise SqlError("identity column type must be INT or BIGINT")
    return Column(name, str(kind), nullable and not identity, default, identity)


def _type(reader: Reader) -> Type:
    words = [reader.next().text]
    while reader.word in ("PRECISION", "VARYING", "WITH", "WITHOUT", "TIME", "ZONE"):
        words.append(reader.next().text)
    given = " ".join(words)
    if reader.word == "(":
        reader.need("(")
        given += f"({reader.until()})"
        reader.need(")")
    while reader.word in ("WITH", "WITHOUT"):
        given += "".join(f" {reader.next().text}" for _ in range(3))
    return parse_type(given)


def _identity(reader: Reader) -> str:
    reader.need("(")
    first, step = reader.until(",").replace(" ", ""), ""
    reader.need(",")
    step = reader.until().replace(" ", "")
    reader.need(")")
    for number in (first, step):
        if not number.removeprefix("-").isdigit() or len(number) > 18:
            raise SqlError("IDENTITY(seed, step) takes two integers")
    if int(step) == 0:
        raise SqlError("The step of IDENTITY cannot be 0")
    return f"{first},{step}"


def _attributes(reader: Reader) -> None:
    """Attributes of distribution and sorting, which change no result."""
    while not reader.done and reader.word != "AS":
        if reader.take("DISTSTYLE"):
            if reader.next().text.upper() not in ("AUTO", "EVEN", "KEY", "ALL"):
                raise SqlError("DISTSTYLE must be AUTO, EVEN, KEY or ALL")
        elif reader.take("BACKUP"):
            reader.next()
        elif reader.take("ENCODE", "AUTO") or reader.take("SORTKEY", "AUTO"):
            pass
        elif reader.word in ("COMPOUND", "INTERLEAVED", "SORTKEY", "DISTKEY"):
            reader.take("COMPOUND")
            reader.take("INTERLEAVED")
            reader.next()
            reader.names()
        elif reader.take("AUTO", "REFRESH"):
            if reader.next().text.upper() != "NO":
                raise Unsupported("AUTO REFRESH YES; use REFRESH MATERIALIZED VIEW")
        else:
            raise reader.unexpected()


def _of_query(query: Query, names: list[str]) -> list[Column]:
    if names and len(names) != len(query.columns):
        raise SqlError(f"CREATE TABLE AS specifies {len(names)} columns for {len(query.columns)} in its query")
    made = []
    for place, (name, kind) in enumerate(query.columns):
        if kind.name in ("unknown", "null"):
            kind = text(kind.args[0] if kind.args else 1)
        name = names[place] if names else name
        if name == "?column?":
            name = f"?column?_{place}" if any(other == name for other, _ in query.columns[:place]) else name
        made.append(Column(name, str(kind)))
    return made


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
        _fresh(work, schema, name, missing_ok=False)
    query = work.queries.query(parse(body))
    relation = Relation(schema or PUBLIC, name, "VIEW", tuple(_of_query(query, names)), body)
    if any(one.temporary for one in work.relations_of(body)):
        raise SqlError("A view cannot be made of temporary tables")
    listed = ", ".join(quote(column.name) for column in relation.columns)
    work.execute(f"CREATE OR REPLACE VIEW {relation.sql} ({listed}) AS {query.sql}")
    work.catalog.save(relation)


def _create_materialized(work: Work, reader: Reader) -> None:
    schema, name = reader.qualified()
    _fresh(work, schema, name, missing_ok=False)
    _attributes(reader)
    reader.need("AS")
    body = reader.rest()
    query = work.queries.query(parse(body))
    relation = Relation(schema or PUBLIC, name, "MATERIALIZED VIEW", tuple(_of_query(query, [])), body)
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


def alter(work: Work, reader: Reader) -> None:
    """ALTER TABLE … ADD COLUMN, DROP COLUMN, RENAME TO, RENAME COLUMN, APPEND FROM; distribution is passed over."""
    reader.need("TABLE")
    relation = work.catalog.get(*reader.qualified())
    if relation.kind != "TABLE":
        raise SqlError(f'"{relation.name}" is not a table')
    columns = list(relation.columns)
    if reader.take("APPEND", "FROM"):
        raise Unsupported("ALTER TABLE APPEND; use INSERT … SELECT, and TRUNCATE or DELETE")
    if reader.take("ALTER", "DISTSTYLE") or reader.take("ALTER", "SORTKEY") or reader.take("ALTER", "DISTKEY"):
        return
    if reader.take("RENAME", "TO"):
        name = reader.name()
        _fresh(work, relation.schema, name, missing_ok=False)
        if work.views_on(relation):
            raise Unsupported("Renaming a table that views depend on")
        work.execute(f"ALTER TABLE {relation.sql} RENAME TO {quote(name)}")
        work.catalog.forget(relation)
        relation = Relation(relation.schema, name, "TABLE", relation.columns, "", relation.temporary)
    elif work.views_on(relation):
        raise Unsupported("Changing a table that views depend on; drop them first")
    elif reader.take("ADD"):
        reader.take("COLUMN")
        column = _column(reader, reader.name())
        if column.identity or not column.nullable:
            raise Unsupported("Adding a column with IDENTITY or NOT NULL")
        relation = rebuilt(work, relation, [*columns, column])
    elif reader.take("DROP"):
        reader.take("COLUMN")
        name = reader.name()
        if all(column.name != name for column in columns):
            raise SqlError(f'column "{name}" of relation "{relation.name}" does not exist')
        relation = rebuilt(work, relation, [column for column in columns if column.name != name])
    elif reader.take("RENAME"):
        reader.take("COLUMN")
        old = reader.name()
        reader.need("TO")
        relation = rebuilt(work, relation, columns, {old: reader.name()})
    else:
        raise Unsupported(f"ALTER TABLE {reader.word}")
    reader.take("CASCADE")
    if not reader.done:
        raise reader.unexpected()
    work.catalog.save(relation)


def rebuilt(work: Work, relation: Relation, columns: list[Column], renamed: dict[str, str] | None = None) -> Relation:
    """The table with other columns: made anew and filled, since DuckDB does not alter tables that have checks."""
    if any(column.identity for column in relation.columns):
        raise Unsupported("ALTER TABLE of a table with an IDENTITY column")
    renamed = renamed or {}
    for old in renamed:
        if all(column.name != old for column in relation.columns):
            raise SqlError(f'column "{old}" of relation "{relation.name}" does not exist')
    new = [
        Column(renamed.get(column.name, column.name), column.type, column.nullable, column.default, "")
        for column in columns
    ]
    kept = [column.name for column in relation.columns if any(column.name == one.name for one in columns)]
    holder = f"temp.main.{quote(work.fresh_name())}"
    work.execute(f"CREATE TEMP TABLE {holder.removeprefix('temp.main.')} AS SELECT * FROM {relation.sql}")
    work.execute(f"DROP TABLE {relation.sql}")
    fresh = relation.with_columns(tuple(new))
    make_table(work, fresh)
    into = ", ".join(quote(renamed.get(name, name)) for name in kept)
    if kept:
        work.execute(f"INSERT INTO {relation.sql} ({into}) SELECT {', '.join(map(quote, kept))} FROM {holder}")
    work.execute(f"DROP TABLE {holder}")
    return fresh
