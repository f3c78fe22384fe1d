"""Which parts of a definition are drawn, and which are taken without effect; every other part is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AXIS = {
    "DataOptions": {
        "NumericAxisOptions": {"Range": {"MinMax": ("Minimum", "Maximum"), "DataDriven": ()}, "Scale": ("Linear",)},
        "DateAxisOptions": ("MissingDateVisibility",),
    },
    "TickLabelOptions": {"LabelOptions": ("Visibility",)},
    "AxisLineVisibility": None,
    "GridLineVisibility": None,
    "ScrollbarOptions": None,
    "AxisOffset": None,
}
_AXIS_LABEL = {"Visibility": None, "SortIconVisibility": None, "AxisLabelOptions": ("CustomLabel", "ApplyTo")}
_LEGEND = {"Visibility": None, "Position": None, "Title": ("Visibility", "CustomLabel"), "Width": None, "Height": None}
_PALETTE = {"ChartColor": None, "ColorMap": ("Element", "Color")}
_QUIET: dict[str, Any] = {"Tooltip": None, "Interactions": None}
_LABELS = {"Visibility": None, "Overlap": None, "Position": None}
_SORT = {"CategorySort": None, "CategoryItemsLimit": None, "ColorSort": None, "ColorItemsLimit": None}
_CELLS = {
    "Visibility": frozenset({"VISIBLE"}),
    "TextWrap": None,
    "HorizontalTextAlignment": None,
    "VerticalTextAlignment": None,
}

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "BarChartVisual": {
        **_QUIET,
        "FieldWells": {"BarChartAggregatedFieldWells": ("Category", "Values", "Colors")},
        "SortConfiguration": _SORT,
        "Orientation": None,
        "BarsArrangement": frozenset({"CLUSTERED", "STACKED", "STACKED_PERCENT"}),
        "VisualPalette": _PALETTE,
        "CategoryAxis": _AXIS,
        "CategoryLabelOptions": _AXIS_LABEL,
        "ValueAxis": _AXIS,
        "ValueLabelOptions": _AXIS_LABEL,
        "ColorLabelOptions": _AXIS_LABEL,
        "Legend": _LEGEND,
        "DataLabels": _LABELS,
    },
    "LineChartVisual": {
        **_QUIET,
        "FieldWells": {"LineChartAggregatedFieldWells": ("Category", "Values", "Colors")},
        "SortConfiguration": {"CategorySort": None, "CategoryItemsLimitConfiguration": None},
        "Type": frozenset({"LINE", "AREA", "STACKED_AREA"}),
        "XAxisDisplayOptions": _AXIS,
        "XAxisLabelOptions": _AXIS_LABEL,
        "PrimaryYAxisDisplayOptions": {"AxisOptions": _AXIS},
        "PrimaryYAxisLabelOptions": _AXIS_LABEL,
        "DefaultSeriesSettings": {
            "LineStyleSettings": {
                "LineInterpolation": frozenset({"LINEAR", "SMOOTH", "STEPPED"}),
                "LineWidth": None,
                "LineVisibility": frozenset({"VISIBLE"}),
            },
            "MarkerStyleSettings": ("MarkerVisibility",),
            "AxisBinding": frozenset({"PRIMARY_YAXIS"}),
        },
        "Legend": _LEGEND,
        "VisualPalette": _PALETTE,
    },
    "ComboChartVisual": {
        **_QUIET,
        "FieldWells": {"ComboChartAggregatedFieldWells": ("Category", "BarValues", "LineValues")},
        "SortConfiguration": {"CategorySort": None, "CategoryItemsLimit": None},
        "BarsArrangement": frozenset({"CLUSTERED", "STACKED", "STACKED_PERCENT"}),
        "CategoryAxis": _AXIS,
        "CategoryLabelOptions": _AXIS_LABEL,
        "PrimaryYAxisDisplayOptions": _AXIS,
        "PrimaryYAxisLabelOptions": _AXIS_LABEL,
        "SecondaryYAxisDisplayOptions": _AXIS,
        "SecondaryYAxisLabelOptions": _AXIS_LABEL,
        "SingleAxisOptions": None,
        "Legend": _LEGEND,
        "VisualPalette": _PALETTE,
    },
    "PieChartVisual": {
        **_QUIET,
        "FieldWells": {"PieChartAggregatedFieldWells": ("Category", "Values")},
        "SortConfiguration": {"CategorySort": None, "CategoryItemsLimit": None},
        "DonutOptions": {"ArcOptions": ("ArcThickness",), "DonutCenterOptions": ("LabelVisibility",)},
        "CategoryLabelOptions": _AXIS_LABEL,
        "ValueLabelOptions": _AXIS_LABEL,
        "Legend": _LEGEND,
        "VisualPalette": _PALETTE,
    },
    "KPIVisual": {
        "Interactions": None,
        "FieldWells": ("Values", "TrendGroups"),
        "SortConfiguration": ("TrendGroupSort",),
        "KPIOptions": {
            "Comparison": ("ComparisonMethod", "ComparisonFormat"),
            "PrimaryValueDisplayType": frozenset({"ACTUAL"}),
            "TrendArrows": ("Visibility",),
            "SecondaryValue": ("Visibility",),
            "ProgressBar": ("Visibility",),
            "Sparkline": ("Visibility", "Type", "Color", "TooltipVisibility"),
            "VisualLayoutOptions": None,
        },
    },
    "TableVisual": {
        "Interactions": None,
        "FieldWells": {
            "TableAggregatedFieldWells": ("GroupBy", "Values"),
            "TableUnaggregatedFieldWells": ("Values",),
        },
        "SortConfiguration": {"RowSort": None, "PaginationConfiguration": ("PageSize", "PageNumber")},
        "TableOptions": {"Orientation": frozenset({"VERTICAL"}), "HeaderStyle": _CELLS, "CellStyle": _CELLS},
        "FieldOptions": {"SelectedFieldOptions": ("FieldId", "CustomLabel", "Visibility", "Width"), "Order": None},
    },
}
COLUMN = ("Column", "FormatConfiguration", "Role")
VISUAL = ("VisualId", "Title", "Subtitle", "ChartConfiguration", "VisualContentAltText")
SHEET = ("SheetId", "Name", "Title", "Description", "Visuals", "Layouts", "ContentType")
DEFINITION = ("DataSetIdentifierDeclarations", "Sheets", "FilterGroups", "ColumnConfigurations", "Options")


def refusals(given: Any, allowed: Any, path: str) -> list[str]:
    """What of ``given`` is neither drawn nor without effect, each as a path and a reason.

    allowed: by key, None for anything, a frozenset for its values, or what is allowed within it.
    """
    if allowed is None or given is None:
        return []
    if isinstance(given, list):
        return [reason for number, item in enumerate(given) for reason in refusals(item, allowed, f"{path}[{number}]")]
    if not isinstance(given, Mapping):
        return []
    inner: Mapping[str, Any] = allowed if isinstance(allowed, Mapping) else dict.fromkeys(allowed)
    reasons = []
    for key, value in given.items():
        if key not in inner:
            if value not in ({}, [], None):
                reasons.append(f"{path}.{key} is not drawn by the embedded QuickSight")
        elif isinstance(inner[key], frozenset):
            if value not in inner[key]:
                reasons.append(f"{path}.{key} {value} is not drawn; drawn is {' or '.join(sorted(inner[key]))}")
        else:
            reasons += refusals(value, inner[key], f"{path}.{key}")
    return reasons
