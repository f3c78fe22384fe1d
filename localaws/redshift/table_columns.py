"""A table's columns and attributes: read from a statement, and made in DuckDB."""

from __future__ import annotations

from localaws.athena.types import quote
from localaws.redshift.casts import assign
from localaws.redshift.catalog import DATABASE, OWN, Column, Relation
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader, parse_expression
from localaws.redshift.queries import Query
from localaws.redshift.scope import Scope
from localaws.redshift.types import Type, text
from localaws.redshift.types import parse as parse_type
from localaws.redshift.work import Work

_CONSTRAINTS = ("PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT")


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


def like(work: Work, reader: Reader) -> list[Column]:
    """The columns of ``LIKE table``."""
    relation = work.catalog.get(*reader.qualified())
    defaults = reader.take("INCLUDING", "DEFAULTS")
    if not defaults:
        reader.take("EXCLUDING", "DEFAULTS")
    return [
        Column(column.name, column.type, column.nullable, column.default if defaults and not column.identity else "")
        for column in relation.columns
    ]


def read_columns(reader: Reader) -> tuple[list[Column], list[str]]:
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
                columns.append(read_column(reader, name))
        if not reader.take(","):
            break
    if names and columns:
        raise reader.unexpected()
    return columns, names


def read_column(reader: Reader, name: str) -> Column:
    """A column's type and attributes."""
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


def read_attributes(reader: Reader) -> None:
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


def columns_of(query: Query, names: list[str]) -> list[Column]:
    """The columns that hold a query's rows."""
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
