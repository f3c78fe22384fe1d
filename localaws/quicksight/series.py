"""What charts have in common: their series, points, colours, legends and tooltips, in Vega-Lite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from localaws.quicksight import axes
from localaws.quicksight.aggregate import Data
from localaws.quicksight.axes import Spec
from localaws.quicksight.formats import shown
from localaws.quicksight.model import Field, Visual
from localaws.quicksight.theme import PALETTE


def series_names(visual: Visual, data: Data, fields: Sequence[Field]) -> list[str]:
    """What the legend says, in order: the colour's values, or the measures' labels."""
    if visual.color is not None:
        return _distinct([shown(visual.color, value) for value in data.colors])
    return _distinct([field.label for field in fields])


def _distinct(names: Sequence[str]) -> list[str]:
    seen: list[str] = []
    for name in names:
        number = seen.count(name)
        seen.append(name if not number else f"{name} ({number + 1})")
    return seen


def points(visual: Visual, data: Data, fields: Sequence[Field]) -> list[Spec]:
    """One object per category and series: x and its text, the series, y, and the texts of all series at that x."""
    names = series_names(visual, data, fields)
    category = visual.groups[0]
    made: list[Spec] = []
    together: dict[Any, Spec] = {}
    for row in data.rows:
        place = axes.key(category, row[0])
        texts = together.setdefault(place, {f"t{n}": "" for n in range(len(names))})
        measures = row[1 + (visual.color is not None) :]
        if visual.color is not None:
            pairs = [(data.colors.index(row[1]), measures[0], visual.values[0])]
        else:
            pairs = [(n, measures[n], field) for n, field in enumerate(fields)]
        for n, value, field in pairs:
            texts[f"t{n}"] = shown(field, value)
            text = shown(category, row[0])
            made.append({"x": place, "xt": text, "s": names[n], "n": n, "y": number(value)})
    return [{**point, **together[point["x"]]} for point in made]


def number(value: Any) -> float | int | None:
    """A value as JSON can hold it: None for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return float(value) if isinstance(value, Decimal) else value


def tooltip(names: Sequence[str]) -> list[Spec]:
    """The texts that the tooltip shows: the category, then each series.

    Each is named by its data field, because Vega-Lite makes an expression of these names; what a reader sees in their
    place stands in the specification's ``usermeta``.
    """
    fields = ["xt", *(f"t{number}" for number in range(len(names)))]
    return [{"field": field, "type": "nominal", "title": field} for field in fields]


def color(visual: Visual, names: Sequence[str]) -> Spec:
    """The colour of a mark: by series, with a legend where there are several."""
    if len(names) == 1:
        return {"value": _palette(visual, names)[0] or PALETTE[0]}
    given = _palette(visual, names)
    scale = {"domain": list(names), "range": [colour or PALETTE[n % len(PALETTE)] for n, colour in enumerate(given)]}
    return {"field": "s", "type": "nominal", "scale": scale, "sort": None, "legend": legend(visual.options, names)}


def _palette(visual: Visual, names: Sequence[str]) -> list[str | None]:
    palette = visual.options.get("VisualPalette") or {}
    by_field: dict[str, str] = {}
    by_value: dict[str, str] = {}
    for item in palette.get("ColorMap") or []:
        element = item["Element"]
        if element.get("FieldValue") is not None:
            by_value[element["FieldValue"]] = item["Color"]
        elif element.get("FieldId"):
            by_field[element["FieldId"]] = item["Color"]
    if visual.color is not None:
        return [by_value.get(name) for name in names]
    usual = palette.get("ChartColor") if len(names) == 1 else None
    fields = (*visual.values, *visual.lines)
    return [by_field.get(field.id) or usual for field in fields][: len(names)]


def legend(options: Mapping[str, Any], names: Sequence[str]) -> Spec | None:
    """The legend; None where it is hidden. Above or below the chart it takes as many lines as its names need."""
    given = options.get("Legend") or {}
    if given.get("Visibility") == "HIDDEN":
        return None
    title = given.get("Title") or {}
    made: Spec = {"title": title.get("CustomLabel") if title.get("Visibility") != "HIDDEN" else None}
    if legend_place(options) != "right":
        longest = min(220, 7 * max(map(len, names), default=0))
        made["columns"] = {"expr": f"max(1, floor(width / {longest + 34}))"}
    return made


def legend_place(options: Mapping[str, Any]) -> str:
    """Which side the legend is on."""
    place = (options.get("Legend") or {}).get("Position", "AUTO")
    return {"RIGHT": "right", "BOTTOM": "bottom"}.get(place, "top")


def most(rows: Sequence[Spec], *, stacked: bool) -> float:
    """The largest amount that the axis must hold."""
    if not stacked:
        return max((abs(row["y"]) for row in rows if row["y"] is not None), default=0)
    sums: dict[Any, float] = {}
    for row in rows:
        sums[row["x"]] = sums.get(row["x"], 0) + abs(row["y"] or 0)
    return max(sums.values(), default=0)
