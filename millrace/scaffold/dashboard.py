"""A QuickSight dashboard of bar charts, in the API's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_HALF = 18  # of the 36 columns of QuickSight's grid
_ROWS = 12


@dataclass(frozen=True)
class Bars:
    """A bar chart: the value over a category, of the rows of a query. by_day: the category is a day."""

    query: str
    title: str
    category: str
    value: str
    by_day: bool = False


def dashboard(slug: str, name: str, charts: Sequence[Bars]) -> dict[str, Any]:
    """The document ``dashboards/<slug>.json``: one sheet, a chart for each query, side by side."""
    declarations = [
        {"Identifier": bars.query, "DataSetArn": f"${{dataset_arn:{slug}-{bars.query.replace('_', '-')}}}"}
        for bars in charts
    ]
    elements = [
        {
            "ElementId": _id(bars),
            "ElementType": "VISUAL",
            "ColumnIndex": index % 2 * _HALF,
            "ColumnSpan": _HALF,
            "RowIndex": index // 2 * _ROWS,
            "RowSpan": _ROWS,
        }
        for index, bars in enumerate(charts)
    ]
    canvas = {"ScreenCanvasSizeOptions": {"ResizeOption": "RESPONSIVE"}}
    sheet = {
        "SheetId": slug.replace("_", "-"),
        "Name": name,
        "ContentType": "INTERACTIVE",
        "Visuals": [{"BarChartVisual": _visual(bars)} for bars in charts],
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": elements, "CanvasSizeOptions": canvas}}}],
    }
    definition = {"DataSetIdentifierDeclarations": declarations, "Sheets": [sheet]}
    return {"DashboardId": slug, "Name": name, "Definition": definition}


def _visual(bars: Bars) -> dict[str, Any]:
    category, value = f"{_id(bars)}-category", f"{_id(bars)}-value"
    of_category = {"DataSetIdentifier": bars.query, "ColumnName": bars.category}
    of_value = {"DataSetIdentifier": bars.query, "ColumnName": bars.value}
    plain = {"FieldId": category, "Column": of_category}
    dimension = (
        {"DateDimensionField": {**plain, "DateGranularity": "DAY"}}
        if bars.by_day
        else {"CategoricalDimensionField": plain}
    )
    number = {
        "DecimalPlacesConfiguration": {"DecimalPlaces": 0},
        "SeparatorConfiguration": {"ThousandsSeparator": {"Symbol": "COMMA", "Visibility": "VISIBLE"}},
    }
    measure = {
        "FieldId": value,
        "Column": of_value,
        "AggregationFunction": {"SimpleNumericalAggregation": "SUM"},
        "FormatConfiguration": {"FormatConfiguration": {"NumberDisplayFormatConfiguration": number}},
    }
    sort = {"FieldId": category, "Direction": "ASC"} if bars.by_day else {"FieldId": value, "Direction": "DESC"}
    return {
        "VisualId": _id(bars),
        "Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": bars.title}},
        "VisualContentAltText": f"Bar chart: {bars.title[0].lower()}{bars.title[1:]}.",
        "ChartConfiguration": {
            "FieldWells": {
                "BarChartAggregatedFieldWells": {
                    "Category": [dimension],
                    "Values": [{"NumericalMeasureField": measure}],
                }
            },
            "SortConfiguration": {"CategorySort": [{"FieldSort": sort}]},
            "Orientation": "VERTICAL",
            "BarsArrangement": "CLUSTERED",
            "CategoryLabelOptions": _label(category, of_category, _words(bars.category)),
            "ValueLabelOptions": _label(value, of_value, _words(bars.value)),
            "Legend": {"Visibility": "HIDDEN"},
            "VisualPalette": {"ChartColor": "#3B7DC4"},
        },
    }


def _label(field: str, column: dict[str, str], text: str) -> dict[str, Any]:
    label = {"CustomLabel": text, "ApplyTo": {"FieldId": field, "Column": column}}
    return {"Visibility": "HIDDEN", "AxisLabelOptions": [label]}


def _id(bars: Bars) -> str:
    return bars.query.replace("_", "-")


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
