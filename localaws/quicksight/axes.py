"""Axes of a chart in Vega-Lite: categories, times and amounts, with labels that stay readable at any width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from localaws.quicksight.aggregate import milliseconds
from localaws.quicksight.formats import numeric_format, shown
from localaws.quicksight.model import Field

Spec = dict[str, Any]
MOST_PERIODS = 2_000
TICKS = 5
_STEP = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1), "WEEK": timedelta(weeks=1)}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def key(field: Field, value: Any) -> Any:
    """What stands for a category in the chart's data: milliseconds for a date, else the text that is shown."""
    return milliseconds(value) if isinstance(value, datetime) else shown(field, value)


def periods(field: Field, values: Sequence[Any], options: Mapping[str, Any]) -> list[Any]:
    """The categories with the periods filled in that no row fell in, so that time has no gaps."""
    missing = ((options.get("DataOptions") or {}).get("DateAxisOptions") or {}).get("MissingDateVisibility")
    granularity = field.granularity or ""
    dates = [value for value in values if isinstance(value, datetime)]
    regular = granularity in _STEP or granularity in _MONTHS
    if missing == "HIDDEN" or len(dates) < 2 or not regular or dates != sorted(dates):
        return list(values)
    filled = [dates[0]]
    while filled[-1] < dates[-1] and len(filled) <= MOST_PERIODS:
        filled.append(_next(filled[-1], granularity))
    if filled[-1] != dates[-1]:
        return list(values)
    # What has no date stands last, where the sort put it.
    return [*filled, *([None] if None in values else [])]


def _next(value: datetime, granularity: str) -> datetime:
    if granularity in _STEP:
        return value + _STEP[granularity]
    month = value.year * 12 + value.month - 1 + _MONTHS[granularity]
    return value.replace(year=month // 12, month=month % 12 + 1)


def category_axis(field: Field, categories: Sequence[Any], title: str | None, options: Mapping[str, Any]) -> Spec:
    """The axis of a bar chart's categories (vertical bars)."""
    axis: Spec = {**_visibility(options, grid=False), "title": title, "labelAngle": 0}
    first = next((value for value in categories if isinstance(value, datetime)), None)
    if first is not None:
        labels = _period_labels(field.granularity or "DAY", first, len(categories))
        axis["labelExpr"] = f"isNumber(datum.value) ? ({labels}) : datum.value"
        return axis
    return {**axis, "labelLimit": 160, "labelOverlap": "greedy"}


def _period_labels(granularity: str, first: datetime, count: int) -> str:
    """A Vega expression: as many labels as the width holds, the year below the first and below each January."""
    room = f"(width / {count})"
    start = milliseconds(first)
    if granularity == "YEAR":
        return f"{room} >= 34 || utcyear(datum.value) % 5 == 0 ? utcFormat(datum.value, '%Y') : ''"
    if granularity not in _MONTHS:
        return _fine_labels(granularity, room, start)
    step = f"({room} >= 30 ? 1 : {room} >= 11 ? 3 : {room} >= 5.5 ? 6 : {room} >= 2.6 ? 12 : 60)"
    if granularity == "QUARTER":
        step = f"({room} >= 30 ? 3 : {room} >= 16 ? 6 : 12)"
    month = "(utcyear(datum.value) * 12 + utcmonth(datum.value))"
    # The first label that is shown lies within one step of the first period.
    leading = f"{month} - {first.year * 12 + first.month - 1} < {step}"
    name = "'Q' + utcquarter(datum.value)" if granularity == "QUARTER" else "utcFormat(datum.value, '%b')"
    year = f"(utcmonth(datum.value) == 0 || {leading}) ? utcFormat(datum.value, '%Y') : ''"
    return f"{month} % {step} == 0 ? [{name}, {year}] : ''"


def _fine_labels(granularity: str, room: str, start: int) -> str:
    """The labels of weeks, days and hours: the year (the day, of hours) below the first one of it."""
    period = {"WEEK": 604_800_000, "DAY": 86_400_000}.get(granularity, 3_600_000)
    every = f"ceil(52 / {room})"
    wanted = f"(round((datum.value - {start}) / {period}) % {every}) == 0"
    name, above, of = ("'%-d %b'", "'%Y'", "utcyear")
    if granularity not in ("WEEK", "DAY"):
        name, above, of = ("'%H:%M'", "'%-d %b'", "utcdate")
    first = f"datum.value == {start} || {of}(datum.value) != {of}(datum.value - {every} * {period})"
    return f"{wanted} ? [utcFormat(datum.value, {name}), {first} ? utcFormat(datum.value, {above}) : ''] : ''"


def upright_labels(granularity: str) -> str:
    """The labels of periods that stand below each other, as beside horizontal bars: all in full."""
    if granularity == "QUARTER":
        return "'Q' + utcquarter(datum.value) + utcFormat(datum.value, ' %Y')"
    pattern = {"YEAR": "%Y", "MONTH": "%b %Y", "HOUR": "%-d %b %H:%M"}.get(granularity, "%-d %b %Y")
    return f"utcFormat(datum.value, '{pattern}')"


def time_axis(field: Field, periods: int, title: str | None, options: Mapping[str, Any]) -> Spec:
    """The axis of a line chart over so many periods; Vega chooses the ticks, the width and the periods their number."""
    coarse = field.granularity in _MONTHS
    fine = field.granularity in ("HOUR", "MINUTE", "SECOND")
    day = "utcFormat(datum.value, '%-d %b')"
    year = "datum.index == 0 || utcmonth(datum.value) == 0 ? utcFormat(datum.value, '%Y') : ''"
    label = f"[utcFormat(datum.value, '%b'), {year}]"
    if not coarse:
        label = f"utcdate(datum.value) == 1 ? {label} : [{day}, datum.index == 0 ? utcFormat(datum.value, '%Y') : '']"
    if fine:
        midnight = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
        label = f"[utcFormat(datum.value, '%H:%M'), datum.index == 0 || {midnight} ? {day} : '']"
    return {
        **_visibility(options, grid=False),
        "title": title,
        "labelExpr": label,
        "labelAngle": 0,
        "labelFlush": 20,  # half of a label, so that none is cut at an end
        "labelOverlap": "greedy",
        "labelSeparation": 10,
        "tickCount": {"expr": f"min(max(2, floor(width / 56)), {max(1, periods - 1)})"},
    }


def amount_axis(fields: Sequence[Field], most: float, title: str | None, options: Mapping[str, Any]) -> Spec:
    """The axis of amounts: whole numbers in full up to 99,999, then with k, M, G."""
    percent = any("PercentageDisplayFormatConfiguration" in numeric_format(field.format) for field in fields)
    number = "~%" if percent else ",~f" if most < 100_000 else "~s"
    axis = {**_visibility(options, grid=True), "title": title, "format": number, "tickCount": TICKS}
    whole = most >= 1 and all(field.aggregation in ("COUNT", "DISTINCT_COUNT") for field in fields)
    return {**axis, "tickMinStep": 1} if whole or 1 <= most <= 5 else axis


def amount_scale(options: Mapping[str, Any]) -> Spec:
    """The scale of amounts: from zero, unless the definition gives ends or asks for the data's own."""
    given = ((options.get("DataOptions") or {}).get("NumericAxisOptions") or {}).get("Range") or {}
    if "DataDriven" in given:
        return {"zero": False, "nice": TICKS}
    ends = given.get("MinMax") or {}
    scale: Spec = {"zero": True, "nice": TICKS}
    if ends.get("Minimum") is not None:
        scale["domainMin"] = ends["Minimum"]
        scale["zero"] = False
    if ends.get("Maximum") is not None:
        scale["domainMax"] = ends["Maximum"]
    return scale


def axis_title(options: Mapping[str, Any] | None) -> str | None:
    """The custom label of an axis; an axis has no title of its own, because the visual's title says it."""
    given = options or {}
    if given.get("Visibility") == "HIDDEN":
        return None
    for item in given.get("AxisLabelOptions") or []:
        if item.get("CustomLabel"):
            return str(item["CustomLabel"])
    return None


def _visibility(options: Mapping[str, Any], *, grid: bool) -> Spec:
    labels = (options.get("TickLabelOptions") or {}).get("LabelOptions") or {}
    return {
        "labels": labels.get("Visibility") != "HIDDEN",
        "domain": options.get("AxisLineVisibility", "HIDDEN" if grid else "VISIBLE") == "VISIBLE",
        "grid": options.get("GridLineVisibility", "VISIBLE" if grid else "HIDDEN") == "VISIBLE",
        "ticks": False,
    }
