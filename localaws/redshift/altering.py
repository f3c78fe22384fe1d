"""ALTER TABLE."""

from __future__ import annotations

from localaws.athena.types import quote
from localaws.redshift.catalog import Column, Relation
from localaws.redshift.ddl import check_free
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader
from localaws.redshift.table_columns import make_table, read_column
from localaws.redshift.work import Work


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
        check_free(work, relation.schema, name, missing_ok=False)
        if work.views_on(relation):
            raise Unsupported("Renaming a table that views depend on")
        work.execute(f"ALTER TABLE {relation.sql} RENAME TO {quote(name)}")
        work.catalog.forget(relation)
        relation = Relation(relation.schema, name, "TABLE", relation.columns, "", relation.temporary)
    elif work.views_on(relation):
        raise Unsupported("Changing a table that views depend on; drop them first")
    elif reader.take("ADD"):
        reader.take("COLUMN")
        column = read_column(reader, reader.name())
        if column.identity or not column.nullable:
            raise Unsupported("Adding a column with IDENTITY or NOT NULL")
        relation = _rebuilt(work, relation, [*columns, column])
    elif reader.take("DROP"):
        reader.take("COLUMN")
        name = reader.name()
        if all(column.name != name for column in columns):
            raise SqlError(f'column "{name}" of relation "{relation.name}" does not exist')
        relation = _rebuilt(work, relation, [column for column in columns if column.name != name])
    elif reader.take("RENAME"):
        reader.take("COLUMN")
        old = reader.name()
        reader.need("TO")
        relation = _rebuilt(work, relation, columns, {old: reader.name()})
    else:
        raise Unsupported(f"ALTER TABLE {reader.word}")
    reader.take("CASCADE")
    if not reader.done:
        raise reader.unexpected()
    work.catalog.save(relation)


def _rebuilt(work: Work, relation: Relation, columns: list[Column], renamed: dict[str, str] | None = None) -> Relation:
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
