"""Charts: a visual of a definition and its data become a Vega-Lite specification. Pure: no clock, no files, no state.

Names and values of the data stand in data fields with fixed names, never in expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from localaws.quicksight import axes, series
from localaws.quicksight.aggregate import Data
from localaws.quicksight.axes import Spec
from localaws.quicksight.formats import shown
from localaws.quicksight.model import Field, Visual
from localaws.quicksight.theme import PALETTE

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_DONUT = {"SMALL": 0.82, "MEDIUM": 0.68, "LARGE": 0.5, "WHOLE": 0.0}
_CURVES = {"LINEAR": "linear", "SMOOTH": "monotone", "STEPPED": "step-after"}
MOST_SERIES = 30


class Undrawable(Exception):
    """The data does not suit the chart; the message says why."""


def chart(visual: Visual, data: Data) -> Spec:
    """The specification of a bar, line, combo or pie chart; its size is that of the element that holds it."""
    if len(data.colors) > MOST_SERIES:
        raise Undrawable(f"The colour has {len(data.colors):,} values; at most {MOST_SERIES} can be told apart.")
    keys = [axes.key(visual.groups[0], value) for value in data.categories]
    if len(set(keys)) < len(keys):
        raise Undrawable(f"Some values of {visual.groups[0].label} look alike in its format: give it a finer one.")
    marks = {"bar": _bars, "line": _lines, "combo": _combo, "pie": _pie}[visual.kind](visual, data)
    spec: Spec = {
        "$schema": SCHEMA,
        "description": visual.description or visual.title or visual.id,
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {"legend": {"orient": series.legend_place(visual.options)}},
    }
    labels = ["Share"] if visual.kind == "pie" else []
    names = series.series_names(visual, data, (*visual.values, *visual.lines))
    return {**spec, **marks, "usermeta": {"tooltip": [visual.groups[0].label, *names, *labels]}}


def _bars(visual: Visual, data: Data) -> Spec:
    options = visual.options
    arrangement = options.get("BarsArrangement", "CLUSTERED")
    rows = series.points(visual, data, visual.values)
    names = series.series_names(visual, data, visual.values)
    bars = _bar_layer(visual, data, rows, names, arrangement, options.get("ValueAxis") or {})
    bars["encoding"]["y"]["axis"]["title"] = axes.axis_title(options.get("ValueLabelOptions"))
    if arrangement == "STACKED_PERCENT":
        bars["encoding"]["y"]["axis"]["format"] = ".0%"
    layers = [bars]
    if (options.get("DataLabels") or {}).get("Visibility") == "VISIBLE" and len(names) == 1:
        encoding = {name: bars["encoding"][name] for name in ("x", "y")}
        mark = {"type": "text", "dy": -7, "tooltip": None}
        layers.append({"mark": mark, "encoding": {**encoding, "text": {"field": "t0"}}})
    if options.get("Orientation", "HORIZONTAL") == "HORIZONTAL":
        layers = [_turned(layer, visual.groups[0].granularity or "DAY") for layer in layers]
    return {"data": {"values": rows}, "layer": layers}


def _bar_layer(
    visual: Visual, data: Data, rows: Sequence[Spec], names: Sequence[str], arrangement: str, axis: Mapping[str, Any]
) -> Spec:
    category = visual.groups[0]
    options = visual.options.get("CategoryAxis") or {}
    shown_categories = axes.periods(category, data.categories, options)
    title = axes.axis_title(visual.options.get("CategoryLabelOptions"))
    clustered = arrangement == "CLUSTERED" and len(names) > 1
    stack = {"STACKED": "zero", "STACKED_PERCENT": "normalize"}.get(arrangement)
    most = series.most(rows, stacked=stack is not None)
    encoding: Spec = {
        "x": {
            "field": "x",
            "type": "ordinal",
            "sort": None,
            "scale": {
                "domain": [axes.key(category, value) for value in shown_categories],
                "paddingInner": 0.22,
                "paddingOuter": 0.12,
            },
            "axis": axes.category_axis(category, shown_categories, title, options),
        },
        "y": {
            "field": "y",
            "type": "quantitative",
            "stack": stack,
            "scale": axes.amount_scale(axis),
            "axis": axes.amount_axis(visual.values, most, None, axis),
        },
        "color": series.color(visual, names),
        "order": {"field": "n", "type": "quantitative"},
        "opacity": {"condition": {"param": "hover", "value": 1}, "value": 0.55},
        "tooltip": series.tooltip(names),
    }
    if clustered:
        encoding["xOffset"] = {"field": "s", "type": "nominal", "scale": {"domain": list(names)}, "sort": None}
    hover = {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["x"]}
    radius = 0 if stack else 2
    mark = {"type": "bar", "cornerRadiusEnd": radius, "cursor": "default"}
    return {"mark": mark, "params": [{"name": "hover", "select": hover}], "encoding": encoding}


def _turned(layer: Spec, granularity: str) -> Spec:
    """The layer of vertical bars laid on its side: the first category on top."""
    encoding = dict(layer["encoding"])
    across, up = encoding.pop("x"), encoding.pop("y")
    encoding["y"], encoding["x"] = across, up
    if "axis" in across:
        axis = {key: value for key, value in across["axis"].items() if key not in ("labelExpr", "labelAngle")}
        if "labelExpr" in across["axis"]:
            axis["labelExpr"] = f"isNumber(datum.value) ? {axes.upright_labels(granularity)} : datum.value"
        encoding["y"] = {**across, "axis": axis}
    if "xOffset" in encoding:
        encoding["yOffset"] = encoding.pop("xOffset")
    mark = dict(layer["mark"])
    if mark["type"] == "text":
        mark.update(dy=0, dx=6, align="left")
    return {**layer, "mark": mark, "encoding": encoding}


def _lines(visual: Visual, data: Data) -> Spec:
    options = visual.options
    if visual.groups[0].kind == "date":
        # What has no date has no place on an axis of time; the table of the chart shows it.
        data = replace(data, rows=[row for row in data.rows if row[0] is not None])
    axis = (options.get("PrimaryYAxisDisplayOptions") or {}).get("AxisOptions") or {}
    rows = series.points(visual, data, visual.values)
    names = series.series_names(visual, data, visual.values)
    kind = options.get("Type", "LINE")
    stack = "zero" if kind == "STACKED_AREA" else None
    y = {
        "field": "y",
        "type": "quantitative",
        "stack": stack,
        "scale": axes.amount_scale(axis),
        "axis": axes.amount_axis(
            visual.values,
            series.most(rows, stacked=stack is not None),
            axes.axis_title(options.get("PrimaryYAxisLabelOptions")),
            axis,
        ),
    }
    settings = options.get("DefaultSeriesSettings") or {}
    style = settings.get("LineStyleSettings") or {}
    line: Spec = {"interpolate": _CURVES[style.get("LineInterpolation", "LINEAR")], "tooltip": None}
    if style.get("LineWidth"):
        line["strokeWidth"] = float(str(style["LineWidth"]).removesuffix("px"))
    marked = (settings.get("MarkerStyleSettings") or {}).get("MarkerVisibility") == "VISIBLE"
    if marked or len(data.categories) == 1:  # a line with one point is not to be seen
        line["point"] = {"size": 28, "tooltip": None}
    mark = {"type": "line", **line} if kind == "LINE" else {"type": "area", "line": True, "fillOpacity": 0.22, **line}
    encoding = {"x": _line_x(visual, data, options), "y": y, "color": series.color(visual, names)}
    return {"data": {"values": rows}, "layer": [{"mark": mark, "encoding": encoding}, *_hover(encoding, names)]}


def _line_x(visual: Visual, data: Data, options: Mapping[str, Any]) -> Spec:
    category = visual.groups[0]
    axis = options.get("XAxisDisplayOptions") or {}
    title = axes.axis_title(options.get("XAxisLabelOptions"))
    if category.kind == "date":
        scale = {"type": "utc"}
        return {
            "field": "x",
            "type": "temporal",
            "scale": scale,
            "axis": axes.time_axis(category, len(data.categories), title, axis),
        }
    domain = [axes.key(category, value) for value in data.categories]
    named = axes.category_axis(category, data.categories, title, axis)
    return {"field": "x", "type": "ordinal", "sort": None, "scale": {"domain": domain}, "axis": named}


def _hover(encoding: Mapping[str, Any], names: Sequence[str]) -> list[Spec]:
    """A rule and dots at the point in time nearest to the pointer, with the values of all series."""
    nearest = {"type": "point", "on": "pointermove", "clear": "pointerout", "nearest": True, "fields": ["x"]}
    near = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    place = {"x": encoding["x"]}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 1},
        "encoding": {
            **place,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 0.35}, "value": 0},
            "tooltip": series.tooltip(names),
        },
        "params": [{"name": "near", "select": nearest}],
    }
    dots = {"mark": {"type": "point", "filled": True, "size": 52, "tooltip": None}}
    return [rule, {**dots, "encoding": {**place, "y": encoding["y"], "color": encoding["color"], "opacity": near}}]


def _combo(visual: Visual, data: Data) -> Spec:
    options = visual.options
    names = series.series_names(visual, data, (*visual.values, *visual.lines))
    every = series.points(visual, data, (*visual.values, *visual.lines))
    bars_named = names[: len(visual.values)]
    bars = [row for row in every if row["n"] < len(visual.values)]
    lines = [row for row in every if row["n"] >= len(visual.values)]
    arrangement = options.get("BarsArrangement", "CLUSTERED")
    layer = _bar_layer(visual, data, bars, bars_named, arrangement, options.get("PrimaryYAxisDisplayOptions") or {})
    layer["data"] = {"values": bars}
    layer["encoding"]["color"] = series.color(visual, names)
    layer["encoding"]["tooltip"] = series.tooltip(names)
    layer["encoding"]["y"]["axis"]["title"] = axes.axis_title(options.get("PrimaryYAxisLabelOptions"))
    second = options.get("SecondaryYAxisDisplayOptions") or {}
    single = "SingleAxisOptions" in options
    title = axes.axis_title(options.get("SecondaryYAxisLabelOptions"))
    axis = axes.amount_axis(visual.lines, series.most(lines, stacked=False), title, second)
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": axes.amount_scale(second),
        "axis": layer["encoding"]["y"]["axis"] if single else {**axis, "grid": False, "orient": "right"},
    }
    encoding = {"x": layer["encoding"]["x"], "y": y, "color": series.color(visual, names)}
    drawn = {"data": {"values": lines}, "mark": {"type": "line", "point": True, "tooltip": None}, "encoding": encoding}
    return {"layer": [layer, drawn], "resolve": {"scale": {"y": "shared" if single else "independent"}}}


def _pie(visual: Visual, data: Data) -> Spec:
    options = visual.options
    category, value = visual.groups[0], visual.values[0]
    total = sum(float(row[1] or 0) for row in data.rows)
    rows = [
        {
            "s": shown(category, row[0]),
            "n": number,
            "y": series.number(row[1]),
            "t0": shown(value, row[1]),
            "share": f"{float(row[1] or 0) / total:.1%}" if total else shown(value, None),
        }
        for number, row in enumerate(data.rows)
    ]
    arc = ((options.get("DonutOptions") or {}).get("ArcOptions") or {}).get("ArcThickness", "WHOLE")
    inner = f"{_DONUT[arc]} * min(width, height) / 2"
    names = [str(row["s"]) for row in rows]
    encoding = {
        "theta": {"field": "y", "type": "quantitative", "stack": True},
        "order": {"field": "n", "type": "quantitative"},
        "color": {
            "field": "s",
            "type": "nominal",
            "scale": {"domain": names, "range": [PALETTE[n % len(PALETTE)] for n in range(len(names))]},
            "sort": None,
            "legend": series.legend(options, names),
        },
        "tooltip": [{"field": field, "type": "nominal", "title": field} for field in ("s", "t0", "share")],
    }
    mark = {"type": "arc", "innerRadius": {"expr": inner}, "padAngle": 0.008, "cornerRadius": 2}
    return {"data": {"values": rows}, "layer": [{"mark": mark, "encoding": encoding}]}


def sparkline(field: Field, measure: Field, rows: Sequence[tuple[Any, ...]], options: Mapping[str, Any]) -> Spec:
    """The small line below a KPI."""
    values = [
        {
            "x": axes.key(field, row[0]),
            "xt": shown(field, row[0]),
            "y": series.number(row[1]),
            "t0": shown(measure, row[1]),
        }
        for row in rows
    ]
    x = {"field": "x", "type": "temporal" if field.kind == "date" else "ordinal", "axis": None, "sort": None}
    y = {"field": "y", "type": "quantitative", "axis": None, "scale": {"zero": options.get("Type") == "AREA"}}
    mark: Spec = {"type": "line", "strokeWidth": 1.75}
    if options.get("Type") == "AREA":
        mark = {"type": "area", "line": {"strokeWidth": 1.75}, "fillOpacity": 0.16}
    if options.get("Color"):
        mark["color"] = options["Color"]
    return {
        "$schema": SCHEMA,
        "description": f"{measure.label} over {field.label}",
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 2,
        "data": {"values": values},
        "mark": {**mark, "tooltip": None},
        "encoding": {"x": x, "y": y},
    }
