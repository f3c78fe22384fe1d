"""Reads a DashboardVersionDefinition: what is wrong with it, what of it is not drawn here, and the model to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from localaws.quicksight import allowed
from localaws.quicksight.fields import FieldReader, Schemas, aggregation_of, format_of, labels_of
from localaws.quicksight.filters import conditions_of
from localaws.quicksight.model import Definition, Element, Field, Sheet, Sort, Visual
from localaws.quicksight.problems import Problems

_KINDS = {
    "BarChartVisual": "bar",
    "LineChartVisual": "line",
    "ComboChartVisual": "combo",
    "PieChartVisual": "pie",
    "KPIVisual": "kpi",
    "TableVisual": "table",
}
_WEEK = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")


def read_definition(given: Mapping[str, Any], schemas: Schemas) -> tuple[Definition, Problems]:
    """The model of a definition and its problems; the model is whole only where there are no problems."""
    return _Reader(given, schemas).read()


def data_set_ids(given: Mapping[str, Any]) -> dict[str, str]:
    """The data set id of each identifier that the definition declares."""
    declarations = given.get("DataSetIdentifierDeclarations") or []
    return {item["Identifier"]: item["DataSetArn"].rpartition("/")[2] for item in declarations}


class _Reader:
    def __init__(self, given: Mapping[str, Any], schemas: Schemas) -> None:
        self.given = given
        self.schemas = schemas
        self.problems = Problems()
        self.data_sets = data_set_ids(given)
        formats = {
            (item["Column"]["DataSetIdentifier"], item["Column"]["ColumnName"]): format_of(item)
            for item in given.get("ColumnConfigurations") or []
        }
        self.fields = FieldReader(self.data_sets, schemas, formats, self.problems)

    def read(self) -> tuple[Definition, Problems]:
        given = self.given
        self.problems.refuse(allowed.refusals(given, dict.fromkeys(allowed.DEFINITION), "Definition"))
        for number, item in enumerate(given.get("ColumnConfigurations") or []):
            self.problems.refuse(allowed.refusals(item, allowed.COLUMN, f"ColumnConfigurations[{number}]"))
        options = given.get("Options") or {}
        self.problems.refuse(allowed.refusals(options, ("WeekStart", "Timezone"), "Definition.Options"))
        if options.get("Timezone") not in (None, "UTC", "Etc/UTC"):
            self.problems.refuse([f"Definition.Options.Timezone {options['Timezone']} is not drawn; times are UTC"])
        for identifier, name in self.data_sets.items():
            if self.schemas.get(name) is None:
                path = f"DataSetIdentifierDeclarations/{identifier}"
                self.problems.error("DATA_SET_NOT_FOUND", f"data set {name} of {identifier!r} is not there", path)
        sheets = tuple(self._sheet(sheet, number) for number, sheet in enumerate(given.get("Sheets") or []))
        if not sheets:
            self.problems.refuse(["Definition.Sheets is empty: there is nothing to draw"])
        first = options.get("WeekStart", "SUNDAY")
        if first not in _WEEK:
            self.problems.refuse([f"Definition.Options.WeekStart {first!r} is no day of the week"])
            first = "SUNDAY"
        return Definition(self.data_sets, sheets, _WEEK.index(first)), self.problems

    def _sheet(self, given: Mapping[str, Any], number: int) -> Sheet:
        path = f"Sheets[{number}]"
        self.problems.refuse(allowed.refusals(given, dict.fromkeys(allowed.SHEET), path))
        if given.get("ContentType", "INTERACTIVE") != "INTERACTIVE":
            self.problems.refuse([f"{path}.ContentType PAGINATED is not drawn by the embedded QuickSight"])
        visuals: dict[str, Visual | None] = {}
        for index, item in enumerate(given.get("Visuals") or []):
            ((shape, body),) = item.items()
            place = f"{path}.Visuals[{index}].{shape}"
            name = body["VisualId"]
            if name in visuals:
                self.problems.refuse([f"{place}: the visual id {name!r} is there twice"])
            visuals[name] = self._visual(shape, body, given["SheetId"], place)
        return Sheet(
            given["SheetId"],
            given.get("Name") or given.get("Title") or f"Sheet {number + 1}",
            given.get("Title") or "",
            given.get("Description") or "",
            self._elements(given.get("Layouts") or [], visuals, path),
        )

    def _elements(self, layouts: Sequence[Any], visuals: Mapping[str, Visual | None], path: str) -> tuple[Element, ...]:
        if not layouts:
            return tuple(Element(visual, None, 18, None, 12) for visual in visuals.values() if visual is not None)
        configuration = layouts[0]["Configuration"]
        if list(configuration) != ["GridLayout"]:
            self.problems.refuse([f"{path}.Layouts: {sorted(configuration)} is not drawn; use GridLayout"])
            return ()
        elements = []
        placed = configuration["GridLayout"]["Elements"]
        for item in placed:
            name = item["ElementId"]
            if item["ElementType"] != "VISUAL":
                self.problems.refuse([f"{path}.Layouts: element type {item['ElementType']} is not drawn"])
            elif name not in visuals:
                self.problems.refuse([f"{path}.Layouts places {name!r}, which is not among the visuals"])
            if (item.get("ColumnIndex") or 0) + item["ColumnSpan"] > 36:
                self.problems.refuse([f"{path}.Layouts: {name!r} reaches beyond the grid's 36 columns"])
            visual = visuals.get(name)
            if visual is not None:
                place = (item.get("ColumnIndex"), item["ColumnSpan"], item.get("RowIndex"), item["RowSpan"])
                elements.append(Element(visual, *place))
        for name in sorted(set(visuals) - {item["ElementId"] for item in placed}):
            self.problems.refuse([f"{path}.Layouts has no place for the visual {name!r}"])
        return tuple(sorted(elements, key=lambda element: (element.row or 0, element.column or 0)))

    def _visual(self, shape: str, body: Mapping[str, Any], sheet: str, path: str) -> Visual | None:
        if shape not in _KINDS:
            self.problems.refuse([f"{path} is not drawn; drawn are {', '.join(_KINDS)}"])
            return None
        options = body.get("ChartConfiguration") or {}
        before = len(self.problems)
        self.problems.refuse(allowed.refusals(body, dict.fromkeys(allowed.VISUAL), path))
        self.problems.refuse(allowed.refusals(options, allowed.CONFIGURATIONS[shape], f"{path}.ChartConfiguration"))
        wells = options.get("FieldWells") or {}
        if shape != "KPIVisual":
            wells = next(iter(wells.values()), {})
        labels = labels_of(options)
        wanted = {name: self.fields.fields(wells.get(name), labels, f"{path}.{name}") for name in wells}
        values = wanted.get("Values", ()) + wanted.get("BarValues", ())
        groups = wanted.get("Category", ()) + wanted.get("GroupBy", ()) + wanted.get("TrendGroups", ())
        colors = wanted.get("Colors", ())
        lines = wanted.get("LineValues", ())
        if any(len(wanted[name]) < len(wells[name]) for name in wells):
            return None
        self._check_wells(_KINDS[shape], groups, colors, values, lines, path)
        labelled = (options.get("DataLabels") or {}).get("Visibility") == "VISIBLE"
        if labelled and (colors or len(values) > 1):
            self.problems.refuse([f"{path}.ChartConfiguration.DataLabels of several series are not drawn"])
        if len(self.problems) > before:
            return None
        visual = Visual(
            id=body["VisualId"],
            kind=_KINDS[shape],
            title=_text(body.get("Title")),
            subtitle=_text(body.get("Subtitle")),
            description=body.get("VisualContentAltText") or "",
            groups=groups,
            color=colors[0] if colors else None,
            values=values,
            lines=lines,
            sort=(),
            limit=None,
            options=options,
        )
        sorting = options.get("SortConfiguration") or {}
        order, limit = self._sorting(sorting, visual, f"{path}.SortConfiguration")
        filters = self.given.get("FilterGroups") or []
        conditions = conditions_of(filters, sheet, visual, self.problems, self.fields.column)
        return replace(visual, sort=order, limit=limit, conditions=conditions)

    def _check_wells(
        self,
        kind: str,
        groups: Sequence[Field],
        colors: Sequence[Field],
        values: Sequence[Field],
        lines: Any,
        path: str,
    ) -> None:
        most = {"table": 100}.get(kind, 1)
        if len(groups) > most:
            self.problems.refuse([f"{path}: more than one field in the category (drill-down) is not drawn"])
        if not groups and kind not in ("kpi", "table"):
            self.problems.refuse([f"{path}: there is no field in the category"])
        if not values and not lines and not (kind == "table" and groups):
            self.problems.refuse([f"{path}: there is no field in the values"])
        if len(colors) > 1 or (colors and len(values) > 1):
            self.problems.refuse([f"{path}: a colour field goes with one value only, as on AWS"])
        dates = [item.id for item in (*values, *lines) if item.kind == "date" and item.aggregation in ("MIN", "MAX")]
        if dates and kind != "table" and (kind != "kpi" or groups):
            self.problems.refuse([f"{path}: the date {dates[0]!r} is no amount; it is shown in tables and plain KPIs"])
        if kind in ("kpi", "pie") and len(values) > 1:
            self.problems.refuse([f"{path}: one value is drawn here"])
        sets = {item.data_set for item in (*groups, *colors, *values, *lines)}
        if len(sets) > 1:
            self.problems.refuse([f"{path} reads several data sets: {', '.join(sorted(sets))}"])

    def _sorting(self, given: Mapping[str, Any], visual: Visual, path: str) -> tuple[tuple[Sort, ...], int | None]:
        sorts = []
        for name in ("CategorySort", "RowSort", "TrendGroupSort"):
            for item in given.get(name) or []:
                sort = self._sort(item, visual, f"{path}.{name}")
                if sort is not None:
                    sorts.append(sort)
        for name in ("ColorSort", "ColorItemsLimit"):
            if given.get(name):
                self.problems.refuse([f"{path}.{name} is not drawn: colours stand in the order of their names"])
        items = given.get("CategoryItemsLimit") or given.get("CategoryItemsLimitConfiguration") or {}
        limit = items.get("ItemsLimit")
        if limit is not None and items.get("OtherCategories", "INCLUDE") != "EXCLUDE":
            self.problems.refuse([f"{path}: a limit with OtherCategories INCLUDE is not drawn; use EXCLUDE"])
        return tuple(sorts), limit

    def _sort(self, given: Mapping[str, Any], visual: Visual, path: str) -> Sort | None:
        ((kind, details),) = given.items()
        descending = details["Direction"] == "DESC"
        if kind == "FieldSort":
            for item in (*visual.groups, *visual.values, *visual.lines):
                if item.id == details["FieldId"]:
                    return Sort(item, descending)
            self.problems.error("COLUMN_REPLACEMENT_MISSING", f"no field {details['FieldId']!r} to sort by", path)
            return None
        column = details["SortBy"]
        if not self.fields.known(column, path):
            return None
        function = details.get("AggregationFunction")
        place = (column["DataSetIdentifier"], column["ColumnName"])
        shown = next((item for item in visual.groups if (item.data_set, item.column) == place), None)
        if shown is not None and function is None:
            return Sort(shown, descending)
        kind = self.fields.kind(column)
        plain = "TableUnaggregatedFieldWells" in visual.options["FieldWells"]
        name = None if plain else aggregation_of(function or {}) or ("SUM" if kind == "number" else "COUNT")
        if name is not None and not self.fields.can_aggregate(kind, name):
            self.problems.refuse([f"{path}: the aggregation {name} of a {kind} column is not done here"])
        return Sort(Field("sort", *place, kind=kind, aggregation=name), descending)


def _text(label: Mapping[str, Any] | None) -> str:
    given = label or {}
    if given.get("Visibility") == "HIDDEN":
        return ""
    return str((given.get("FormatText") or {}).get("PlainText") or "")
