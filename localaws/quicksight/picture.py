"""The first sheet of a dashboard as one picture: SVG, and PNG made from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import vl_convert

from localaws.quicksight import theme
from localaws.quicksight.page import ARROWS
from localaws.quicksight.view import Figure, Panel, Table, View

WIDTH = 1280
MARGIN, GAP, INNER = 28, 14, 20
ROW = 32
SCALE = 2.0
FONT = "'Liberation Sans', 'DejaVu Sans', sans-serif"
_INK, _QUIET, _LINE = theme.INK["light"], theme.QUIET["light"], theme.LINE["light"]
_DIRECTION = {"up": "#1a7f5a", "down": "#b3384f", "same": _QUIET}


def png(view: View) -> bytes:
    """The picture at twice its size, for sharp text."""
    return bytes(vl_convert.svg_to_png(svg(view), scale=SCALE))


def svg(view: View) -> str:
    """The picture as SVG, without scripts."""
    tab = view.tabs[0]
    parts: list[str] = []
    top = MARGIN + 34
    parts.append(_text(MARGIN, top - 10, view.name, size=24, weight=700))
    for source in view.sources:
        said = f"{source.name}: no rows yet"
        if source.rows is not None and source.refreshed is not None:
            at = f"{source.refreshed.day} {source.refreshed:%b %Y, %H:%M} UTC"
            said = f"{source.name}: {source.rows:,} rows, refreshed {at}"
        top += 19
        parts.append(_text(MARGIN, top - 6, said, size=13, color=_QUIET))
    top += 10
    boxes = _boxes(tab.panels)
    bottom = max((box[1] + box[3] for box in boxes), default=0)
    for number, (panel, (x, y, width, height)) in enumerate(zip(tab.panels, boxes, strict=True)):
        parts.append(_card(panel, MARGIN + x, top + y, width, height, f"c{number}-"))
    height = top + bottom + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        f' font-family="{escape(FONT)}"><rect width="100%" height="100%" fill="{theme.PAGE["light"]}"/>'
        f"{''.join(parts)}</svg>"
    )


def _boxes(panels: Sequence[Panel]) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of each panel's card, from its place on the grid of 36 columns."""
    unit = (WIDTH - 2 * MARGIN + GAP) / 36
    boxes: list[tuple[float, float, float, float]] = []
    flow_row, flow_column, line = 0, 0, 0
    for panel in panels:
        element = panel.element
        row, column = element.row, element.column
        if row is None or column is None:
            if flow_column + element.columns > 36:
                flow_row, flow_column, line = flow_row + line, 0, 0
            row, column = flow_row, flow_column
            flow_column, line = flow_column + element.columns, max(line, element.rows)
        boxes.append((column * unit, row * ROW, element.columns * unit - GAP, element.rows * ROW - GAP))
    return boxes


def _card(panel: Panel, x: float, y: float, width: float, height: float, prefix: str) -> str:
    parts = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="11" fill="#ffffff"'
        f' stroke="{_LINE}"/>'
    ]
    left, line, room = x + INNER, y + 30, width - 2 * INNER
    if panel.visual.title:
        parts.append(_text(left, line, _clipped(panel.visual.title, room, 15.5), size=15.5, weight=700))
    for text in _wrapped(panel.visual.subtitle, room, 13)[:2]:
        line += 19
        parts.append(_text(left, line, text, size=13, color=_QUIET))
    if panel.message:
        for text in _wrapped(panel.message, room, 13)[:4]:
            line += 22
            parts.append(_text(left, line, text, size=13, color=_QUIET))
    elif panel.figure is not None:
        parts.append(_figure(panel.figure, left, line, room, y + height - line - 14, prefix))
    elif panel.spec is not None:
        parts.append(_chart(panel.spec, left, line + 14, room, y + height - line - 28, prefix))
    elif panel.table is not None:
        parts.append(_table(panel.table, left, line + 16, room, y + height - line - 28))
    return "".join(parts)


def _figure(figure: Figure, x: float, y: float, width: float, room: float, prefix: str) -> str:
    parts = [_text(x, y + 42, figure.value, size=33, weight=700)]
    if figure.change:
        beside = x + 12 + 19 * len(figure.value)
        change = f"{ARROWS[figure.direction]} {figure.change}".strip()
        parts.append(_text(beside, y + 40, change, size=14, weight=700, color=_DIRECTION[figure.direction]))
    against = f", compared with {figure.against}" if figure.change else ""
    parts.append(_text(x, y + 64, _clipped(figure.period + against, width, 13), size=13, color=_QUIET))
    if figure.spark is not None and room > 100:
        parts.append(_chart(figure.spark, x, y + 76, width, room - 76, prefix))
    return "".join(parts)


def _chart(spec: Mapping[str, Any], x: float, y: float, width: float, height: float, prefix: str) -> str:
    sized = {**spec, "width": round(width), "height": round(height)}
    settings = theme.config("light", FONT)
    own = sized.pop("config", {})
    for name, value in own.items():
        settings[name] = {**settings.get(name, {}), **value}
    drawn = vl_convert.vegalite_to_svg(sized, config=settings, allowed_base_urls=[])
    # Ids of clip paths and gradients are the same in every chart: each chart gets its own.
    drawn = re.sub(r'\bid="', f'id="{prefix}', drawn)
    drawn = re.sub(r"url\(#", f"url(#{prefix}", drawn)
    return str(drawn).replace("<svg ", f'<svg x="{x:.1f}" y="{y:.1f}" ', 1)


def _table(table: Table, x: float, y: float, width: float, height: float) -> str:
    fits = max(0, int(height // 25) - 1)
    rows = table.rows[:fits]
    if len(rows) < len(table.rows):
        rows = rows[:-1]
    # Columns share the width by their longest text.
    lengths = [min(40, max(map(len, texts))) + 2 for texts in zip(table.columns, *rows, strict=True)]
    ends = [x + width * sum(lengths[: number + 1]) / sum(lengths) for number in range(len(lengths))]
    starts = [x, *ends[:-1]]

    def line(cells: Sequence[str], at: float, color: str) -> str:
        parts = []
        for text, numeric, start, end in zip(cells, table.numeric, starts, ends, strict=True):
            clipped = _clipped(text, end - start - 6, 12.5)
            place, anchor = (end - 8, "end") if numeric else (start, "start")
            parts.append(_text(place, at, clipped, size=12.5, color=color, anchor=anchor))
        rule = f'<line x1="{x:.1f}" x2="{x + width:.1f}" y1="{at + 8:.1f}" y2="{at + 8:.1f}" stroke="{_LINE}"/>'
        return "".join(parts) + rule

    parts = [line(table.columns, y + 12, _QUIET)]
    parts += [line(row, y + 12 + 25 * (number + 1), _INK) for number, row in enumerate(rows)]
    if len(rows) < len(table.rows):
        more = f"and {len(table.rows) - len(rows):,} more rows"
        parts.append(_text(x, y + 12 + 25 * (len(rows) + 1), more, size=12.5, color=_QUIET))
    return "".join(parts)


def _text(
    x: float, y: float, text: str, *, size: float, weight: int = 400, color: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{color}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )


def _fits(width: float, size: float) -> int:
    """About how many letters of a proportional font fit a width."""
    return max(1, int(width / (size * 0.53)))


def _clipped(text: str, width: float, size: float) -> str:
    most = _fits(width, size)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _wrapped(text: str, width: float, size: float) -> list[str]:
    most = _fits(width, size)
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(_clipped(word, width, size))
    return lines
