"""A dashboard's definition as the renderer reads it: sheets, visuals, fields, filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Field:
    """A field in a field well.

    kind: ``date``, ``number`` or ``text``, the type of what it shows. granularity: of a date dimension (``MONTH``).
    aggregation: of a measure (``SUM``); None for a dimension. format: its FormatConfiguration, or the column's.
    label: what a reader sees.
    """

    id: str
    data_set: str
    column: str
    kind: str
    granularity: str | None = None
    aggregation: str | None = None
    format: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Sort:
    """An order: by a field of the visual or by an aggregate of a column."""

    field: Field
    descending: bool


@dataclass(frozen=True)
class Condition:
    """A filter: an SQL condition on columns of a data set, with its parameters."""

    data_set: str
    sql: str
    parameters: tuple[Any, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Visual:
    """One visual.

    kind: ``bar``, ``line``, ``combo``, ``pie``, ``kpi`` or ``table``. groups: what it groups by, in order.
    color: the dimension that splits it into series. values and lines: its measures, or a table's plain columns.
    options: its ChartConfiguration, checked.
    """

    id: str
    kind: str
    title: str
    subtitle: str
    description: str
    groups: tuple[Field, ...]
    color: Field | None
    values: tuple[Field, ...]
    lines: tuple[Field, ...]
    sort: tuple[Sort, ...]
    limit: int | None
    options: Mapping[str, Any]
    conditions: tuple[Condition, ...] = ()

    @property
    def data_set(self) -> str:
        """The identifier of the data set that it reads."""
        return next(iter((*self.values, *self.lines, *self.groups))).data_set


@dataclass(frozen=True)
class Element:
    """A visual's place on the grid of 36 columns; None where AWS would choose."""

    visual: Visual
    column: int | None
    columns: int
    row: int | None
    rows: int


@dataclass(frozen=True)
class Sheet:
    """A tab of the dashboard."""

    id: str
    name: str
    title: str
    description: str
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Definition:
    """A whole definition. data_sets: data set id by identifier. week_start: 0 is Sunday."""

    data_sets: Mapping[str, str]
    sheets: tuple[Sheet, ...]
    week_start: int = 0
