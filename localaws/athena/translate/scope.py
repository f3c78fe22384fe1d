"""Values, the relations that names are looked up in, and what one translation remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Protocol

from sqlglot import exp

from localaws.athena.translate.errors import SqlError
from localaws.athena.translate.types import Type


@dataclass(frozen=True)
class Column:
    """A column: its name and its Athena type's text, such as ``decimal(10,2)``. hidden: ``*`` does not stand for it."""

    name: str
    type: str
    hidden: bool = False


class Schema(Protocol):
    """The catalog, as far as a query needs it."""

    def columns(self, database: str | None, table: str) -> Sequence[Column]:
        """The columns of a table (partition columns last) or a view; raises AwsError for an unknown one."""


@dataclass(frozen=True)
class Predicate:
    """A condition that every row of a table must meet to matter: column, ``=``/``<``/``in``/..., plain values."""

    column: str
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class TableRef:
    """One use of a table: the columns that are read (None: all) and conditions by which partitions may be left out."""

    database: str
    table: str
    columns: tuple[str, ...] | None = None
    predicates: tuple[Predicate, ...] = ()


NO_LITERAL = object()


@dataclass(frozen=True, slots=True)
class Value:
    """A translated expression.

    sql: DuckDB SQL that can stand anywhere in an expression. literal: the Python value where it is a plain literal.
    loose: source columns that stand outside of any aggregate. aggregate, window: whether it contains one.
    """

    sql: str
    type: Type
    literal: Any = NO_LITERAL
    loose: frozenset[str] = frozenset()
    aggregate: bool = False
    window: bool = False


@dataclass
class TableUse:
    """A table as the query reads it, filled in while the query is bound."""

    database: str
    table: str
    alias: str
    placeholder: str
    columns: dict[str, None] = field(default_factory=dict)
    predicates: list[Predicate] = field(default_factory=list)

    def ref(self) -> TableRef:
        """What the caller is told of this use."""
        return TableRef(self.database, self.table, tuple(self.columns), tuple(self.predicates))


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a relation in scope: its name as written, and the names by which the relation is known."""

    name: str
    qualifiers: tuple[str, ...]
    value: Value
    use: TableUse | None = None  # the catalog table that it is a column of
    hidden: bool = False
    original: str | None = None  # the column's name there, where an alias list gave it another

    @property
    def catalog_name(self) -> str:
        """The column's name in the catalog."""
        return (self.original or self.name).lower()

    def read(self) -> Value:
        """Its value; the table's column counts as read from now on."""
        if self.use is not None:
            self.use.columns[self.catalog_name] = None
        return self.value


@dataclass
class Scope:
    """The columns that an expression can name; where it has none, the enclosing query's are looked at."""

    fields: list[Field] = field(default_factory=list)
    parent: Scope | None = None
    keys: dict[str, str] | None = None  # SQL of the GROUP BY expressions, where there are any

    def find(self, qualifier: tuple[str, ...], name: str) -> list[Field]:
        """Fields by name; a qualifier may be table, database.table or catalog.database.table."""
        size = len(qualifier)
        return [
            f
            for f in self.fields
            if f.name.lower() == name
            and (not size or (len(f.qualifiers) >= size and f.qualifiers[-size:] == qualifier))
        ]


@dataclass
class Context:
    """One translation: what it was given, and what it collects."""

    schema: Schema
    database: str
    now: datetime
    source: str
    uses: list[TableUse] = field(default_factory=list)
    names: int = 0

    def fresh(self, prefix: str) -> str:
        """A name that nothing else in the translated query has."""
        self.names += 1
        return f"{prefix}{self.names}"

    def position(self, node: exp.Expression, symbol: str = "") -> str:
        """``line L:C`` of a node, or '' where the parser kept no position; of an operator, where its symbol is."""
        places = [(n.meta["start"], n.meta["end"]) for n in node.walk() if "start" in n.meta]
        if not places:
            return ""
        start = min(places)[0]
        ends = [n.meta["end"] for n in node.this.walk() if "end" in n.meta] if symbol and node.this else []
        if ends:
            start = max(start, self.source.find(symbol, max(ends) + 1))
        elif isinstance(node, exp.Cast):
            start = max(self.source.upper().rfind(word, 0, start) for word in ("CAST", "TRY_CAST")) or start
        line = self.source.count("\n", 0, start) + 1
        return f"line {line}:{start - self.source.rfind(chr(10), 0, start)}"

    def fail(self, kind: str, what: str, node: exp.Expression) -> NoReturn:
        """Raise SqlError at a node."""
        raise SqlError(kind, what, self.position(node))


def text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """A quoted SQL identifier."""
    return '"' + value.replace('"', '""') + '"'


def combine(sql: str, kind: Type, parts: Sequence[Value], **changes: Any) -> Value:
    """A value made of others: it is loose, aggregate or window where they are."""
    state: dict[str, Any] = {
        "loose": frozenset().union(*(p.loose for p in parts)),
        "aggregate": any(p.aggregate for p in parts),
        "window": any(p.window for p in parts),
    }
    return Value(sql, kind, **(state | changes))


TableSql = Callable[[TableRef], str]
