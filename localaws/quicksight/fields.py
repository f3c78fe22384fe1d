"""Reads the fields of field wells: which column, how aggregated, how formatted, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.quicksight.aggregate import AGGREGATIONS
from localaws.quicksight.columns import Column
from localaws.quicksight.formats import check_date_pattern, unknown_number_format
from localaws.quicksight.model import Field
from localaws.quicksight.problems import Problems

_FIELD_KINDS = {"Date": "date", "Numerical": "number", "Categorical": "text"}
_COLUMN_KINDS = {"DATETIME": "date", "INTEGER": "number", "DECIMAL": "number", "STRING": "text"}
_AGGREGATIONS = {
    "number": AGGREGATIONS,
    "date": {"COUNT", "DISTINCT_COUNT", "MIN", "MAX"},
    "text": {"COUNT", "DISTINCT_COUNT"},
}
GRANULARITIES = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")

# Columns of a data set by its id; None where there is no such data set.
Schemas = Mapping[str, Sequence[Column] | None]


@dataclass
class FieldReader:
    """Reads fields of a definition.

    data_sets: data set ids by identifier. formats: of columns, by identifier and name. problems: gathers what is wrong.
    """

    data_sets: Mapping[str, str]
    schemas: Schemas
    formats: Mapping[tuple[str, str], Mapping[str, Any]]
    problems: Problems

    def fields(self, given: Sequence[Any] | None, labels: Mapping[str, str], path: str) -> tuple[Field, ...]:
        """The fields of a well; those with problems are left out."""
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
        known = self.column(column) if self.known(column, path) else None
        if known is None:
            return None
        actual = _COLUMN_KINDS[known.type]
        kind = next((kind for name, kind in _FIELD_KINDS.items() if shape.startswith(name)), actual)
        if kind != actual:
            message = f"{column['ColumnName']!r} is a {actual} column, but is used in a {shape}"
            self.problems.error("COLUMN_TYPE_MISMATCH", message, path)
            return None
        place = (column["DataSetIdentifier"], column["ColumnName"])
        settings = format_of(details) or self.formats.get(place, {})
        if settings.get("DateTimeFormat"):
            check_date_pattern(settings["DateTimeFormat"], path)
        self.problems.refuse(unknown_number_format(settings, path))
        aggregation, granularity = None, None
        if shape.endswith("MeasureField"):
            usual = "SUM" if kind == "number" else "COUNT"
            function = details.get("AggregationFunction") or usual
            aggregation = aggregation_of(function) if isinstance(function, Mapping) else function
            if not self.can_aggregate(kind, aggregation):
                self.problems.refuse([f"{path}: the aggregation {function} of a {kind} column is not done here"])
        elif shape == "DateDimensionField":
            granularity = details.get("DateGranularity") or "DAY"
            if granularity not in GRANULARITIES:
                self.problems.refuse([f"{path}: the granularity {granularity} is not drawn"])
        label = labels.get(details["FieldId"], column["ColumnName"])
        return Field(details["FieldId"], *place, kind, granularity, aggregation, settings, label)

    def known(self, column: Mapping[str, Any], path: str) -> bool:
        """Whether a column is there; if not, that is noted as a problem."""
        name, identifier = column["ColumnName"], column["DataSetIdentifier"]
        if identifier not in self.data_sets:
            message = f"data set identifier {identifier!r} is not declared"
            self.problems.error("DATA_SET_NOT_FOUND", message, path)
            return False
        if self.column(column) is None:
            if self.schemas.get(self.data_sets[identifier]) is not None:
                message = f"column {name!r} is not in data set {self.data_sets[identifier]}"
                self.problems.error("COLUMN_REPLACEMENT_MISSING", message, path)
            return False
        return True

    def kind(self, column: Mapping[str, Any]) -> str:
        """``date``, ``number`` or ``text``, of a column that is known."""
        known = self.column(column)
        return _COLUMN_KINDS[known.type] if known else "text"

    def can_aggregate(self, kind: str, aggregation: str | None) -> bool:
        """Whether columns of a kind can be aggregated so."""
        return aggregation in _AGGREGATIONS[kind]

    def column(self, column: Mapping[str, Any]) -> Column | None:
        """The column that a ColumnIdentifier names, or None."""
        columns = self.schemas.get(self.data_sets.get(column["DataSetIdentifier"], ""))
        return next((item for item in columns or () if item.name == column["ColumnName"]), None)


def aggregation_of(function: Mapping[str, Any]) -> str | None:
    """The name of an aggregation; None for one that has no simple name, such as a percentile."""
    inner = function.get("NumericalAggregationFunction", function)
    keys = ("SimpleNumericalAggregation", "CategoricalAggregationFunction", "DateAggregationFunction")
    return next((str(inner[key]) for key in keys if inner.get(key)), None)


def format_of(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """A field's format; an unaggregated field and a column configuration name its kind around it."""
    given = details.get("FormatConfiguration") or {}
    for name in ("NumberFormatConfiguration", "DateTimeFormatConfiguration", "StringFormatConfiguration"):
        if name in given:
            return dict(given[name])
    return dict(given)


def labels_of(options: Mapping[str, Any]) -> dict[str, str]:
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
