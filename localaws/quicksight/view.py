"""A dashboard as it is shown: each element with its chart, figure or table, ready for a page or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localaws.quicksight import series, vega
from localaws.quicksight.aggregate import Data, aggregate, columns_of
from localaws.quicksight.definition import data_set_ids, read_definition
from localaws.quicksight.formats import number_text, shown
from localaws.quicksight.model import Definition, Element, Field, Visual
from localaws.quicksight.records import Record
from localaws.quicksight.rows import NoRows, Rows, read
from localaws.quicksight.shared import Shelf
from localaws.quicksight.tables import schemas_of

PAGE_SIZE = 50


@dataclass(frozen=True)
class Table:
    """A table as text. numeric: per column, whether its cells are numbers. cut: there were more rows."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    page_size: int = PAGE_SIZE
    cut: bool = False


@dataclass(frozen=True)
class Figure:
    """A KPI. direction is ``up``, ``down`` or ``same``; change and against are empty where nothing is compared."""

    value: str
    period: str
    change: str
    direction: str
    against: str
    spark: dict[str, Any] | None


@dataclass(frozen=True)
class Panel:
    """One element of a sheet; message stands in place of what cannot be shown."""

    element: Element
    spec: dict[str, Any] | None = None
    figure: Figure | None = None
    table: Table | None = None
    message: str = ""

    @property
    def visual(self) -> Visual:
        """The visual of the definition."""
        return self.element.visual


@dataclass(frozen=True)
class Source:
    """A data set of the dashboard: its name, its rows and when they were read; None where there are none."""

    name: str
    rows: int | None
    refreshed: datetime | None


@dataclass(frozen=True)
class Tab:
    """A sheet with its panels, in reading order."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class View:
    """A dashboard version as it is shown."""

    id: str
    name: str
    version: int
    tabs: tuple[Tab, ...]
    sources: tuple[Source, ...]


def view_of(shelf: Shelf, dashboard: Record, version: Record) -> View:
    """The view of a dashboard's version over the rows that its data sets have now."""
    with shelf.lock:
        schemas = schemas_of(shelf.data_sets, data_set_ids(version["Definition"]).values())
    definition, problems = read_definition(version["Definition"], schemas)
    broken = [error["Message"] for error in problems.errors]
    reader = _Reader(shelf, definition)
    tabs = tuple(
        Tab(sheet.name, sheet.title, sheet.description, tuple(reader.panel(element) for element in sheet.elements))
        for sheet in definition.sheets
    )
    if broken:
        note = f"A data set has changed since this version was made. {broken[0]}"
        tabs = tuple(Tab(tab.name, tab.title, f"{tab.description} {note}".strip(), tab.panels) for tab in tabs)
    return View(dashboard["DashboardId"], dashboard["Name"], version["VersionNumber"], tabs, reader.sources())


class _Reader:
    def __init__(self, shelf: Shelf, definition: Definition) -> None:
        self._shelf = shelf
        self._definition = definition
        self._seen: dict[str, Rows | None] = {}

    def panel(self, element: Element) -> Panel:
        visual = element.visual
        name = self._definition.data_sets[visual.data_set]
        self._seen.setdefault(name, None)
        try:
            rows = read(self._shelf, name, columns_of(visual))
            self._seen[name] = rows
            data = aggregate(visual, rows.table, self._definition.week_start)
            if not data.rows:
                raise NoRows("No rows to show.")
            return _drawn(element, data)
        except (NoRows, vega.Undrawable) as reason:
            return Panel(element, message=str(reason))

    def sources(self) -> tuple[Source, ...]:
        sources = []
        for name, rows in self._seen.items():
            record = self._shelf.data_sets.get(name)
            label = record["Name"] if record else name
            sources.append(Source(label, rows.total if rows else None, rows.refreshed if rows else None))
        return tuple(sources)


def _drawn(element: Element, data: Data) -> Panel:
    visual = element.visual
    if visual.kind == "table":
        return Panel(element, table=_table(visual, data))
    if visual.kind == "kpi":
        return Panel(element, figure=_figure(visual, data))
    return Panel(element, spec=vega.chart(visual, data), table=_behind(visual, data))


def _table(visual: Visual, data: Data) -> Table:
    options = (visual.options.get("FieldOptions") or {}).get("SelectedFieldOptions") or []
    hidden = {item["FieldId"] for item in options if item.get("Visibility") == "HIDDEN"}
    order = (visual.options.get("FieldOptions") or {}).get("Order") or []
    fields = list(enumerate((*visual.groups, *visual.values)))
    fields = [pair for pair in fields if pair[1].id not in hidden]
    fields.sort(key=lambda pair: order.index(pair[1].id) if pair[1].id in order else len(order) + pair[0])
    paging = (visual.options.get("SortConfiguration") or {}).get("PaginationConfiguration") or {}
    return Table(
        tuple(field.label for _, field in fields),
        tuple(_numeric(field) for _, field in fields),
        tuple(tuple(shown(field, row[place]) for place, field in fields) for row in data.rows),
        paging.get("PageSize") or PAGE_SIZE,
        data.cut,
    )


def _behind(visual: Visual, data: Data) -> Table:
    """The numbers of a chart as a table: a row for each category, a column for each series."""
    fields = (*visual.values, *visual.lines)
    names = series.series_names(visual, data, fields)
    category = visual.groups[0]
    cells: dict[Any, list[str]] = {value: [""] * len(names) for value in data.categories}
    for row in data.rows:
        if visual.color is not None:
            cells[row[0]][data.colors.index(row[1])] = shown(visual.values[0], row[2])
        else:
            cells[row[0]] = [shown(field, value) for field, value in zip(fields, row[1:], strict=True)]
    rows = tuple((shown(category, value), *texts) for value, texts in cells.items())
    return Table((category.label, *names), (False, *(True for _ in names)), rows, 24, data.cut)


def _numeric(field: Field) -> bool:
    return field.kind == "number" or field.aggregation in ("COUNT", "DISTINCT_COUNT")


def _figure(visual: Visual, data: Data) -> Figure:
    measure = visual.values[0]
    if not visual.groups:
        return Figure(shown(measure, data.rows[0][0]), "", "", "same", "", None)
    group = visual.groups[0]
    # A column may hold no date: such rows are no period.
    rows = [row for row in data.rows if row[0] is not None]
    if not rows:
        raise NoRows(f"No row has a value in {group.column}.")
    period, value = rows[-1]
    options = visual.options.get("KPIOptions") or {}
    change, direction, against = "", "same", ""
    compared = (options.get("SecondaryValue") or {}).get("Visibility") != "HIDDEN"
    if len(rows) > 1 and compared and value is not None and rows[-2][1] is not None:
        before = rows[-2][1]
        change = _change(float(value), float(before), options.get("Comparison") or {})
        arrows = (options.get("TrendArrows") or {}).get("Visibility") != "HIDDEN"
        direction = "same" if not arrows else "up" if value > before else "down" if value < before else "same"
        against = shown(group, rows[-2][0])
    spark = options.get("Sparkline") or {}
    drawn = spark.get("Visibility") == "VISIBLE" and len(rows) > 1
    line = vega.sparkline(group, measure, rows, spark) if drawn else None
    return Figure(shown(measure, value), shown(group, period), change, direction, against, line)


def _change(value: float, before: float, options: Mapping[str, Any]) -> str:
    method = options.get("ComparisonMethod", "PERCENT_DIFFERENCE")
    formats = options.get("ComparisonFormat") or {}
    if method == "DIFFERENCE":
        text = number_text(value - before, formats)
        return text if value < before else f"+{text}"
    if before == 0:
        return ""
    ratio = value / before - (method == "PERCENT_DIFFERENCE")
    one_place = {"PercentageDisplayFormatConfiguration": {"DecimalPlacesConfiguration": {"DecimalPlaces": 1}}}
    text = number_text(ratio, formats or one_place)
    return text if ratio < 0 or method == "PERCENT" else f"+{text}"
