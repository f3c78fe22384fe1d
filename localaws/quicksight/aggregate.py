"""What a visual shows: the rows of its data set, filtered, grouped, aggregated and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from localaws.quicksight.model import Field, Sort, Visual

MOST_ROWS = 10_000  # what AWS lets one visual hold
_FUNCTIONS = {
    "SUM": "sum({})",
    "COUNT": "count({})",
    "DISTINCT_COUNT": "count(DISTINCT {})",
    "MIN": "min({})",
    "MAX": "max({})",
    "AVERAGE": "avg({})",
    "MEDIAN": "median({})",
    "STDEV": "stddev_samp({})",
    "STDEVP": "stddev_pop({})",
    "VAR": "var_samp({})",
    "VARP": "var_pop({})",
}
AGGREGATIONS = frozenset(_FUNCTIONS)


@dataclass(frozen=True)
class Data:
    """A visual's rows.

    rows: tuples of the groups, then the colour if there is one, then the values and lines, in display order.
    categories: the distinct values of the first group in display order; colors: those of the colour.
    cut: whether there were more rows than a visual may hold.
    """

    rows: list[tuple[Any, ...]]
    categories: list[Any]
    colors: list[Any]
    cut: bool


def columns_of(visual: Visual) -> list[str]:
    """The columns that the visual needs of its data set."""
    fields = [*visual.groups, *visual.values, *visual.lines, *(sort.field for sort in visual.sort)]
    if visual.color is not None:
        fields.append(visual.color)
    names = [field.column for field in fields]
    return sorted({*names, *(name for condition in visual.conditions for name in condition.columns)})


def aggregate(visual: Visual, table: pa.Table, week_start: int = 0) -> Data:
    """The visual's data from the rows of its data set; table has at least ``columns_of(visual)``."""
    connection = duckdb.connect(config={"enable_external_access": False, "autoinstall_known_extensions": False})
    try:
        # Registered by name: with external access off, a Python variable is not looked up.
        connection.register("source", table)
        return _Query(visual, week_start).run(connection)
    finally:
        connection.close()


class _Query:
    def __init__(self, visual: Visual, week_start: int) -> None:
        self._visual = visual
        self._week_start = week_start
        self._dimensions = [*visual.groups, *([visual.color] if visual.color else [])]
        self._measures = [*visual.values, *visual.lines]
        conditions = [f"({condition.sql})" for condition in visual.conditions]
        self._where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        self._parameters = [value for condition in visual.conditions for value in condition.parameters]

    def run(self, connection: duckdb.DuckDBPyConnection) -> Data:
        visual = self._visual
        if visual.kind == "table":
            rows = self._rows(connection, self._order(visual.sort, range(1, len(self._dimensions) + 1)))
            return Data(rows[:MOST_ROWS], [], [], len(rows) > MOST_ROWS)
        categories = self._categories(connection)
        colors = self._colors(connection)
        rows = self._rows(connection, "")
        rank = {value: number for number, value in enumerate(categories)}
        shade = {value: number for number, value in enumerate(colors)}
        width = len(visual.groups)
        if visual.groups:
            rows = [row for row in rows if row[0] in rank]
            rows.sort(key=lambda row: (rank[row[0]], shade[row[width]] if colors else 0))
        return Data(rows[:MOST_ROWS], categories, colors, len(rows) > MOST_ROWS)

    def _rows(self, connection: duckdb.DuckDBPyConnection, order: str) -> list[tuple[Any, ...]]:
        chosen = ", ".join(self._expression(field) for field in (*self._dimensions, *self._measures))
        grouping = ""
        if self._dimensions and self._aggregated():
            grouping = f" GROUP BY {', '.join(str(n) for n in range(1, len(self._dimensions) + 1))}"
        sql = f"SELECT {chosen} FROM source{self._where}{grouping}{order}"
        limit = f" LIMIT {MOST_ROWS + 1}" if self._visual.kind == "table" else ""
        return connection.execute(sql + limit, self._parameters).fetchall()

    def _categories(self, connection: duckdb.DuckDBPyConnection) -> list[Any]:
        visual = self._visual
        if not visual.groups:
            return []
        order = self._order(visual.sort or self._usual_order(), [1])
        limit = f" LIMIT {visual.limit}" if visual.limit is not None else ""
        group = self._expression(visual.groups[0])
        sql = f"SELECT {group} FROM source{self._where} GROUP BY 1{order}{limit}"
        return [value for (value,) in connection.execute(sql, self._parameters).fetchall()]

    def _colors(self, connection: duckdb.DuckDBPyConnection) -> list[Any]:
        if self._visual.color is None:
            return []
        sql = f"SELECT DISTINCT {self._expression(self._visual.color)} FROM source{self._where} ORDER BY 1 NULLS LAST"
        return [value for (value,) in connection.execute(sql, self._parameters).fetchall()]

    def _usual_order(self) -> tuple[Sort, ...]:
        """Dates and numbers ascend, as on AWS; names stand in the order of the first measure."""
        first = self._visual.groups[0]
        measures = self._measures
        return (Sort(measures[0], True),) if first.kind == "text" and measures else (Sort(first, False),)

    def _order(self, sorts: Sequence[Sort], ties: Sequence[int]) -> str:
        keys = [f"{self._expression(sort.field)} {'DESC' if sort.descending else 'ASC'} NULLS LAST" for sort in sorts]
        keys += [f"{number} ASC NULLS LAST" for number in ties] if self._aggregated() else []
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def _aggregated(self) -> bool:
        return self._visual.kind != "table" or any(field.aggregation for field in self._measures) or not self._measures

    def _expression(self, field: Field) -> str:
        column = quoted(field.column)
        if field.aggregation is not None:
            return _FUNCTIONS[field.aggregation].format(column)
        if field.granularity is None or field.kind != "date":
            return column
        if field.granularity == "WEEK":
            # DuckDB's weeks begin on Monday: shift so that the wanted first day falls on it, and back.
            shift = (8 - self._week_start) % 7
            return f"date_trunc('week', {column} + INTERVAL {shift} DAY) - INTERVAL {shift} DAY"
        return f"date_trunc('{field.granularity.lower()}', {column})"


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def milliseconds(value: datetime) -> int:
    """A UTC time without zone as milliseconds of the epoch, as Vega reads times."""
    days = value - datetime(1970, 1, 1)
    return days.days * 86_400_000 + days.seconds * 1000 + days.microseconds // 1000
