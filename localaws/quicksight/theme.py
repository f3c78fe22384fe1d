"""Colours and type of charts, in light and in dark."""

from __future__ import annotations

from typing import Any

# Told apart with colour-blind eyes too, and at least 3.2:1 against the light and the dark background.
PALETTE = ("#3b7dc4", "#cf7a1c", "#1d9481", "#8b6bc8", "#c9557a", "#718299", "#858a25", "#a6644a")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
INK = {"light": "#1d2430", "dark": "#e8ebf0"}
QUIET = {"light": "#586274", "dark": "#a3adbd"}
LINE = {"light": "#e3e7ed", "dark": "#2e3541"}
CARD = {"light": "#ffffff", "dark": "#1a1f27"}
PAGE = {"light": "#f4f6f9", "dark": "#11151b"}


def config(mode: str, font: str = FONT) -> dict[str, Any]:
    """The Vega-Lite configuration for mode ``light`` or ``dark``."""
    label = {"labelColor": QUIET[mode], "labelFont": font, "labelFontSize": 12}
    title = {"titleColor": QUIET[mode], "titleFont": font, "titleFontSize": 12, "titleFontWeight": 500}
    return {
        "background": "transparent",
        "font": font,
        "view": {"stroke": None},
        "axis": {
            **label,
            **title,
            "labelPadding": 7,
            "titlePadding": 10,
            "gridColor": LINE[mode],
            "domainColor": LINE[mode],
            "tickColor": LINE[mode],
            "labelLineHeight": 15,
        },
        "legend": {**label, **title, "symbolType": "square", "symbolSize": 110, "labelLimit": 220, "offset": 8},
        "range": {"category": list(PALETTE)},
        "line": {"strokeWidth": 2.25, "strokeCap": "round", "strokeJoin": "round"},
        "bar": {"color": PALETTE[0]},
        "text": {"color": QUIET[mode], "font": font, "fontSize": 11},
        "rule": {"color": INK[mode]},
        "mark": {"color": PALETTE[0]},
    }
