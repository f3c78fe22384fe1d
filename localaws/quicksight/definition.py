"""Reads a DashboardVersionDefinition: what is wrong with it, what of it is not drawn here, and the model to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from localaws.quicksight import allowed
from localaws.quicksight.aggregate import AGGREGATIONS
from localaws.quicksight.columns import Column
from localaws.quicksight.filters import conditions_of
from localaws.quicksight.formats import check_date_pattern
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
_FIELD_KINDS = {"Date": "date", "Numerical": "number", "Categorical": "text"}
_COLUMN_KINDS = {"DATETIME": "date", "INTEGER": "number", "DECIMAL": "number", "STRING": "text"}
GRANULARITIES = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")

# Columns of a data set by its id; None where there is no such data set.
Schemas = Mapping[str, Sequence[Column] | None]


def read_definition(given: Mapping[str, Any], schemas: Schemas) -> tuple[Definition, Problems]:
    """The model of a definition and its problems; the model is whole only where there are no problems."""
    return _Reader(given, schemas).read()


def data_set_ids(given: Mapping[str, Any]) -> dict[str, str]:
    """The data set id of each identifier that the definition declares."""
    declarations = given.get("DataSetIdentifierDeclarations") or []
    return {item["Identifier"]: item["DataSetArn"].rpartition("/")[2] for item in declarations}


@dataclass
class _Reader:
    given: Mapping[str, Any]
    schemas: Schemas
    problems: Problems = field(default_factory=Problems)

    def read(self) -> tuple[Definition, Problems]:
        given = self.given
        self.data_sets = data_set_ids(given)
        self.formats = {
            (item["Column"]["DataSetIdentifier"], item["Column"]["ColumnName"]): _format(item)
            for item in given.get("ColumnConfigurations") or []
        }
        self.problems.refuse(allowed.refusals(given, dict.fromkeys(allowed.DEFINITION), "Definition"))
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
        return Definition(self.data_sets, sheets, _WEEK.index(options.get("WeekStart", "SUNDAY"))), self.problems

    def _sheet(self, given: Mapping[str, Any], number: int) -> Sheet:
        path = f"Sheets[{number}]"
        self.problems.refuse(allowed.refusals(given, dict.fromkeys(allowed.SHEET), path))
        if given.get("ContentType", "INTERACTIVE") != "INTERACTIVE":
            self.problems.refuse([f"{path}.ContentType PAGINATED is not drawn by the embedded QuickSight"])
        visuals = {}
        for index, item in enumerate(given.get("Visuals") or []):
            visual = self._visual(item, given["SheetId"], f"{path}.Visuals[{index}]")
            if visual is not None:
                visuals[visual.id] = visual
        return Sheet(
            given["SheetId"],
            given.get("Name") or given.get("Title") or f"Sheet {number + 1}",
            given.get("Title") or "",
            given.get("Description") or "",
            self._elements(given.get("Layouts") or [], visuals, path),
        )

    def _elements(self, layouts: Sequence[Any], visuals: Mapping[str, Visual], path: str) -> tuple[Element, ...]:
        if not layouts:
            return tuple(Element(visual, None, 18, None, 12) for visual in visuals.values())
        configuration = layouts[0]["Configuration"]
        if list(configuration) != ["GridLayout"]:
            self.problems.refuse([f"{path}.Layouts: {sorted(configuration)} is not drawn; use GridLayout"])
            return ()
        elements = []
        for item in configuration["GridLayout"]["Elements"]:
            if item["ElementType"] != "VISUAL" or item["ElementId"] not in visuals:
                if item["ElementType"] != "VISUAL":
                    self.problems.refuse([f"{path}.Layouts: element type {item['ElementType']} is not drawn"])
                continue
            if (item.get("ColumnIndex") or 0) + item["ColumnSpan"] > 36:
                self.problems.refuse([f"{path}.Layouts: {item['ElementId']} reaches beyond the grid's 36 columns"])
            place = (item.get("ColumnIndex"), item["ColumnSpan"], item.get("RowIndex"), item["RowSpan"])
            elements.append(Element(visuals[item["ElementId"]], *place))
        return tuple(sorted(elements, key=lambda element: (element.row or 0, element.column or 0)))

    def _visual(self, given: Mapping[str, Any], sheet: str, path: str) -> Visual | None:
        ((shape, body),) = given.items()
        path = f"{path}.{shape}"
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
        labels = _labels(options)
        wanted = {name: self._fields(wells.get(name), labels, f"{path}.{name}") for name in wells}
        values = wanted.get("Values", ()) + wanted.get("BarValues", ())
        groups = wanted.get("Category", ()) + wanted.get("GroupBy", ()) + wanted.get("TrendGroups", ())
        colors = wanted.get("Colors", ())
        lines = wanted.get("LineValues", ())
        self._check_wells(_KINDS[shape], groups, colors, values, lines, path)
        if len(self.problems) > before:
            return None
        visual = Visual(
            body["VisualId"],
            _KINDS[shape],
            *(_text(body.get(part)) for part in ("Title", "Subtitle")),
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
        conditions = conditions_of(filters, sheet, visual, self.problems, self._column)
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
        function = details.get("AggregationFunction") or {}
        name = _aggregation(function) or "SUM"
        if not self._known(column, path):
            return None
        if name not in AGGREGATIONS:
            self.problems.refuse([f"{path}: the aggregation {function} is not done here"])
        place = (column["DataSetIdentifier"], column["ColumnName"])
        return Sort(Field("sort", *place, kind="number", aggregation=name), descending)

    def _fields(self, given: Sequence[Any] | None, labels: Mapping[str, str], path: str) -> tuple[Field, ...]:
        fields = []
        for number, item in enumerate(given or []):
            made = self._field(item, labels, f"{path}[{number}]")
            if made is not None:
                fields.append(made)
        return tuple(fields)

    def _field(self, given: Mapping[str, Any], labels: Mapping[str, str], path: str) -> Field | None:
        # A table's unaggregated field stands by itself; all others are named by their kind.
        shape, details = ("", given) if "FieldId" in given else next(iter(given.items()))
        if "Calculated" in shape:
            self.problems.refuse([f"{path}: {shape} is not computed here; compute it in the data set's SQL"])
            return None
        column = details["Column"]
        if not self._known(column, path):
            return None
        actual = _COLUMN_KINDS[self._column(column).type]  # type: ignore[union-attr]
        kind = next((kind for name, kind in _FIELD_KINDS.items() if shape.startswith(name)), actual)
        if kind != actual:
            message = f"{column['ColumnName']!r} is a {actual} column, but is used in a {shape}"
            self.problems.error("COLUMN_TYPE_MISMATCH", message, path)
            return None
        place = (column["DataSetIdentifier"], column["ColumnName"])
        settings = _format(details) or self.formats.get(place, {})
        if settings.get("DateTimeFormat"):
            check_date_pattern(settings["DateTimeFormat"], path)
        aggregation, granularity = None, None
        if shape.endswith("MeasureField"):
            usual = "SUM" if kind == "number" else "COUNT"
            function = details.get("AggregationFunction") or usual
            aggregation = _aggregation(function) if isinstance(function, Mapping) else function
            if aggregation not in AGGREGATIONS:
                self.problems.refuse([f"{path}: the aggregation {function} is not done here"])
        elif shape == "DateDimensionField":
            granularity = details.get("DateGranularity") or "DAY"
            if granularity not in GRANULARITIES:
                self.problems.refuse([f"{path}: the granularity {granularity} is not drawn"])
        label = labels.get(details["FieldId"], column["ColumnName"])
        return Field(details["FieldId"], *place, kind, granularity, aggregation, settings, label)

    def _known(self, column: Mapping[str, Any], path: str) -> bool:
        name, identifier = column["ColumnName"], column["DataSetIdentifier"]
        if identifier not in self.data_sets:
            message = f"data set identifier {identifier!r} is not declared"
            self.problems.error("DATA_SET_NOT_FOUND", message, path)
            return False
        if self._column(column) is None:
            if self.schemas.get(self.data_sets[identifier]) is not None:
                message = f"column {name!r} is not in data set {self.data_sets[identifier]}"
                self.problems.error("COLUMN_REPLACEMENT_MISSING", message, path)
            return False
        return True

    def _column(self, column: Mapping[str, Any]) -> Column | None:
        columns = self.schemas.get(self.data_sets.get(column["DataSetIdentifier"], ""))
        return next((item for item in columns or () if item.name == column["ColumnName"]), None)


def _aggregation(function: Mapping[str, Any]) -> str | None:
    inner = function.get("NumericalAggregationFunction", function)
    named = inner.get("SimpleNumericalAggregation")
    return named or inner.get("CategoricalAggregationFunction") or inner.get("DateAggregationFunction")


def _format(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """A field's format; an unaggregated field and a column configuration name its kind around it."""
    given = details.get("FormatConfiguration") or {}
    for name in ("NumberFormatConfiguration", "DateTimeFormatConfiguration", "StringFormatConfiguration"):
        if name in given:
            return dict(given[name])
    return dict(given)


def _labels(options: Mapping[str, Any]) -> dict[str, str]:
    """Labels by field id: of a table's field options, and of axis labels that apply to a field."""
    labels = {}
    for item in (options.get("FieldOptions") or {}).get("SelectedFieldOptions") or []:
        if item.get("CustomLabel"):
            labels[item["FieldId"]] = item["CustomLabel"]
    for name, part in options.items():
        if name.endswith("LabelOptions"):
            for item in part.get("AxisLabelOptions") or []:
                if item.get("CustomLabel") and item.get("ApplyTo"):
                    labels[item["ApplyTo"]["FieldId"]] = item["CustomLabel"]
    return labels


def _text(label: Mapping[str, Any] | None) -> str:
    given = label or {}
    if given.get("Visibility") == "HIDDEN":
        return ""
    return str((given.get("FormatText") or {}).get("PlainText") or "")
