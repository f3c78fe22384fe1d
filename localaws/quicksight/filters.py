"""Filter groups of a definition as SQL conditions: category, numeric and time filters with fixed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localaws.quicksight.aggregate import quoted
from localaws.quicksight.allowed import refusals
from localaws.quicksight.columns import Column
from localaws.quicksight.model import Condition, Visual
from localaws.quicksight.problems import Problems

Lookup = Callable[[Mapping[str, Any]], Column | None]
_KNOWN = {
    "CategoryFilter": ("FilterId", "Column", "Configuration"),
    "NumericRangeFilter": (
        *("FilterId", "Column", "IncludeMinimum", "IncludeMaximum"),
        *("RangeMinimum", "RangeMaximum", "NullOption"),
    ),
    "NumericEqualityFilter": ("FilterId", "Column", "Value", "MatchOperator", "NullOption"),
    "TimeRangeFilter": (
        *("FilterId", "Column", "IncludeMinimum", "IncludeMaximum", "RangeMinimumValue", "RangeMaximumValue"),
        *("NullOption", "TimeGranularity"),
    ),
}
_MATCHES = {
    "EQUALS": "{column} IN ({marks})",
    "DOES_NOT_EQUAL": "{column} NOT IN ({marks})",
    "CONTAINS": "contains({column}, ?)",
    "DOES_NOT_CONTAIN": "NOT contains({column}, ?)",
    "STARTS_WITH": "starts_with({column}, ?)",
    "ENDS_WITH": "ends_with({column}, ?)",
}


def conditions_of(
    groups: Sequence[Mapping[str, Any]], sheet: str, visual: Visual, problems: Problems, column: Lookup
) -> tuple[Condition, ...]:
    """The conditions of the enabled filter groups whose scope holds the visual."""
    conditions = []
    for number, group in enumerate(groups):
        path = f"FilterGroups[{number}]"
        if group.get("Status", "ENABLED") != "ENABLED" or not _in_scope(group["ScopeConfiguration"], sheet, visual):
            continue
        for item in group["Filters"]:
            ((kind, details),) = item.items()
            condition = _condition(kind, details, f"{path}.{kind}", problems, column)
            if condition is None:
                continue
            if condition.data_set == visual.data_set:
                conditions.append(condition)
            elif group["CrossDataset"] == "ALL_DATASETS":
                problems.refuse([f"{path}: a filter across data sets is not applied here; write one for each"])
    return tuple(conditions)


def _in_scope(scope: Mapping[str, Any], sheet: str, visual: Visual) -> bool:
    if "AllSheets" in scope:
        return True
    chosen = (scope.get("SelectedSheets") or {}).get("SheetVisualScopingConfigurations") or []
    return any(
        item["SheetId"] == sheet and (item["Scope"] == "ALL_VISUALS" or visual.id in (item.get("VisualIds") or []))
        for item in chosen
    )


def _condition(
    kind: str, details: Mapping[str, Any], path: str, problems: Problems, column: Lookup
) -> Condition | None:
    if kind not in _KNOWN:
        problems.refuse([f"{path} is not applied here; applied are {', '.join(_KNOWN)}"])
        return None
    unknown = refusals(details, dict.fromkeys(_KNOWN[kind]), path)
    if "arameter" in str(details):
        unknown.append(f"{path} reads a parameter; parameters are not supported here")
    if "RollingDate" in str(details):
        unknown.append(f"{path} reads a rolling date, which is not supported here")
    problems.refuse(unknown)
    if unknown:
        return None
    place = details["Column"]
    if column(place) is None:
        problems.error("COLUMN_REPLACEMENT_MISSING", f"column {place['ColumnName']!r} is not in the data set", path)
        return None
    name = quoted(place["ColumnName"])
    if kind == "CategoryFilter":
        sql, values, nulls = _category(details["Configuration"], name)
    elif kind == "NumericEqualityFilter":
        sign = "=" if details["MatchOperator"] == "EQUALS" else "<>"
        sql, values, nulls = f"{name} {sign} ?", [details.get("Value")], details["NullOption"]
    else:
        sql, values, nulls = _range(kind, details, name)
    sql = {"NULLS_ONLY": f"{name} IS NULL", "ALL_VALUES": f"({sql}) OR {name} IS NULL"}.get(nulls, sql)
    kept = () if nulls == "NULLS_ONLY" else tuple(values)
    return Condition(place["DataSetIdentifier"], sql, kept, (place["ColumnName"],))


def _category(configuration: Mapping[str, Any], name: str) -> tuple[str, list[Any], str]:
    ((_, details),) = configuration.items()
    nulls = details.get("NullOption", "NON_NULLS_ONLY")
    if details.get("SelectAllOptions") == "FILTER_ALL_VALUES":
        return f"{name} IS NOT NULL", [], nulls
    values = details.get("CategoryValues") or [value for value in [details.get("CategoryValue")] if value is not None]
    operator = details["MatchOperator"]
    if operator in ("EQUALS", "DOES_NOT_EQUAL"):
        # An empty list matches nothing, and so excludes nothing.
        if not values:
            return ("FALSE" if operator == "EQUALS" else "TRUE"), [], nulls
        return _MATCHES[operator].format(column=name, marks=", ".join("?" * len(values))), values, nulls
    joiner = " AND " if operator == "DOES_NOT_CONTAIN" else " OR "
    return joiner.join(_MATCHES[operator].format(column=name) for _ in values) or "TRUE", values, nulls


def _range(kind: str, details: Mapping[str, Any], name: str) -> tuple[str, list[Any], str]:
    ends = ("RangeMinimumValue", "RangeMaximumValue") if kind == "TimeRangeFilter" else ("RangeMinimum", "RangeMaximum")
    granularity = details.get("TimeGranularity")
    subject = f"date_trunc('{granularity.lower()}', {name})" if granularity else name
    parts, values = [], []
    for end, sign, include in zip(ends, (">", "<"), ("IncludeMinimum", "IncludeMaximum"), strict=True):
        value = (details.get(end) or {}).get("StaticValue")
        if value is not None:
            right = f"date_trunc('{granularity.lower()}', ?::TIMESTAMP)" if granularity else "?"
            parts.append(f"{subject} {sign}{'=' if details.get(include) else ''} {right}")
            values.append(value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value)
    return " AND ".join(parts) or "TRUE", values, details["NullOption"]
