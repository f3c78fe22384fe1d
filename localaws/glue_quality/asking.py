"""How rules ask for numbers: what a rule needs it yields, so that one scan of the table answers many rules."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.core import AwsError
from localaws.glue_quality.conditions import quoted

_FAMILIES = {
    **dict.fromkeys(
        ("tinyint", "smallint", "int", "integer", "bigint", "float", "real", "double", "decimal"), "number"
    ),
    **dict.fromkeys(("string", "varchar", "char"), "string"),
    **dict.fromkeys(("date", "timestamp"), "date"),
    "boolean": "boolean",
}


class MissingColumn(Exception):
    """The table has no such column."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Input data does not include column {name}!")


@dataclass(frozen=True)
class Table:
    """A table of the catalog. columns: name → Glue type, partition keys too. predicate: of its rows, as SQL."""

    database: str
    name: str
    columns: Mapping[str, str]
    predicate: str | None = None

    def rows(self, *conditions: str | None) -> str:
        """``FROM … WHERE …`` of the rows of which all conditions hold."""
        held = [f"({condition}\n)" for condition in (self.predicate, *conditions) if condition]
        where = f" WHERE {' AND '.join(held)}" if held else ""
        return f"FROM {quoted(self.database)}.{quoted(self.name)}{where}"

    def column(self, name: str) -> str:
        """The column in SQL. Raises MissingColumn."""
        if name.lower() not in self.columns:
            raise MissingColumn(name)
        return quoted(name.lower())

    def family(self, name: str) -> str:
        """``number``, ``string``, ``date``, ``boolean``, or else the Glue type."""
        kind = self.columns[name.lower()].lower()
        return _FAMILIES.get(kind.partition("(")[0].partition("<")[0], kind)


@dataclass(frozen=True)
class Subject:
    """What rules are about: a table, the tables that they refer to by alias, and the time of ``now()``, in UTC."""

    table: Table
    references: Mapping[str, Table]
    at: datetime


@dataclass(frozen=True)
class Aggregates:
    """Numbers of the table's rows, as SQL; where: of these rows only."""

    expressions: tuple[str, ...]
    where: str | None = None


@dataclass(frozen=True)
class Query:
    """The one row of a statement of its own."""

    sql: str


Ask = Aggregates | Query


@dataclass(frozen=True)
class Outcome:
    """What became of a rule. result: PASS, FAIL or ERROR. message: why not PASS."""

    result: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    message: str | None = None


Steps = Generator[Ask, Sequence[Any], Outcome]
Execute = Callable[[str], Sequence[Sequence[Any]]]


def answered(rules: Sequence[Steps], table: Table, execute: Execute, pause: Callable[[], None]) -> list[Outcome]:
    """Let all rules come to their outcomes, in their order.

    execute runs SQL and gives its rows. pause is called before each statement and may raise to end it all.
    """
    outcomes: list[Outcome | None] = [None] * len(rules)
    asked: dict[int, Ask] = {}
    known: dict[Ask, Sequence[Any] | AwsError] = {}

    def step(number: int, answer: Sequence[Any] | Exception | None) -> None:
        asked.pop(number, None)
        try:
            rule = rules[number]
            asked[number] = rule.throw(answer) if isinstance(answer, Exception) else rule.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            outcomes[number] = end.value
        except MissingColumn as missing:
            outcomes[number] = Outcome("FAIL", message=str(missing))
        except (AwsError, ValueError) as error:
            outcomes[number] = Outcome("ERROR", message=str(error))

    for number in range(len(rules)):
        step(number, None)
    while asked:
        _fetch([ask for ask in asked.values() if ask not in known], table, execute, pause, known)
        for number, ask in list(asked.items()):
            step(number, known[ask])
    return [outcome for outcome in outcomes if outcome is not None]


def _fetch(
    asks: Sequence[Ask],
    table: Table,
    execute: Execute,
    pause: Callable[[], None],
    known: dict[Ask, Sequence[Any] | AwsError],
) -> None:
    wheres: dict[str | None, dict[Aggregates, None]] = {}
    for ask in asks:
        if isinstance(ask, Query):
            known[ask] = _row(ask.sql, execute, pause)
        else:
            wheres.setdefault(ask.where, {})[ask] = None
    for where, together in wheres.items():
        expressions = list(dict.fromkeys(each for ask in together for each in ask.expressions))
        row = _row(_select(table, expressions, where), execute, pause)
        for ask in together:
            if not isinstance(row, AwsError):
                values = dict(zip(expressions, row, strict=True))
                known[ask] = [values[each] for each in ask.expressions]
            elif len(together) == 1:
                known[ask] = row
            else:
                # One of them is at fault: ask each by itself, so that the others get their answers.
                known[ask] = _row(_select(table, ask.expressions, where), execute, pause)


def _select(table: Table, expressions: Sequence[str], where: str | None) -> str:
    listed = ", ".join(f"{each} AS m{number}" for number, each in enumerate(expressions))
    return f"SELECT {listed} {table.rows(where)}"


def _row(sql: str, execute: Execute, pause: Callable[[], None]) -> Sequence[Any] | AwsError:
    pause()
    try:
        rows = execute(sql)
    except AwsError as error:
        return error
    if len(rows) != 1:
        return AwsError("InvalidInputException", f"The statement gave {len(rows)} rows; it must give one.")
    return rows[0]
