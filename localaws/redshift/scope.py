"""What names mean at a place in a statement: the tables of a FROM clause, their columns, and what lies around them."""

from __future__ import annotations

from dataclasses import dataclass, field

from localaws.athena.types import quote
from localaws.redshift.errors import SqlError
from localaws.redshift.types import Type

Columns = list[tuple[str, Type]]


@dataclass(frozen=True)
class Typed:
    """A DuckDB expression and the Redshift type of its value; ``literal`` is the text of a string literal."""

    sql: str
    type: Type
    literal: str | None = None


@dataclass
class Source:
    """A table in a FROM clause, under its alias."""

    alias: str
    columns: Columns


@dataclass
class Scope:
    """The tables that are visible, the common table expressions, and the scope of the query around.

    merged: columns of JOIN … USING, which belong to both tables. aliases: of the select list, where they are visible.
    """

    sources: list[Source] = field(default_factory=list)
    ctes: dict[str, Columns] = field(default_factory=dict)
    outer: Scope | None = None
    merged: set[str] = field(default_factory=set)
    aliases: dict[str, Type] = field(default_factory=dict)

    def cte(self, name: str) -> Columns | None:
        """The columns of a common table expression, the nearest of that name."""
        if name in self.ctes:
            return self.ctes[name]
        return self.outer.cte(name) if self.outer else None

    def column(self, table: str, name: str, *, aliases_first: bool = False) -> Typed:
        """What a column's name means; raises SqlError."""
        if aliases_first and not table and name in self.aliases:
            return Typed(quote(name), self.aliases[name])
        found = self._column(table, name)
        if found is not None:
            return found
        if not table and name in self.aliases:
            return Typed(quote(name), self.aliases[name])
        if self.outer is not None:
            return self.outer.column(table, name)
        if table and not any(source.alias == table for source in self.sources):
            raise SqlError(f'missing FROM-clause entry for table "{table}"')
        where = ", ".join(source.alias for source in self.sources)
        raise SqlError(f'column "{name}" does not exist{" in " if where else ""}{where}')

    def _column(self, table: str, name: str) -> Typed | None:
        hits = [
            (source.alias, kind)
            for source in self.sources
            if table in ("", source.alias)
            for column, kind in source.columns
            if column == name
        ]
        if not hits:
            return None
        if not table and name in self.merged:
            return Typed(quote(name), hits[0][1])
        if len(hits) > 1:
            raise SqlError(f'column reference "{name}" is ambiguous')
        return Typed(f"{quote(hits[0][0])}.{quote(name)}", hits[0][1])

    def star(self, table: str = "") -> list[tuple[str, Typed]]:
        """The columns that a star stands for."""
        if table and not any(source.alias == table for source in self.sources):
            raise SqlError(f'relation "{table}" does not exist')
        if not table and not self.sources:
            raise SqlError("SELECT * with no tables specified is not valid")
        columns: list[tuple[str, Typed]] = []
        seen: set[str] = set()
        for source in self.sources:
            if table not in ("", source.alias):
                continue
            for name, kind in source.columns:
                if not table and name in self.merged:
                    if name in seen:
                        continue
                    seen.add(name)
                    columns.append((name, Typed(quote(name), kind)))
                else:
                    columns.append((name, Typed(f"{quote(source.alias)}.{quote(name)}", kind)))
        return columns
