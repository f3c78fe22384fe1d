"""The HTML of a dashboard and of the list of dashboards. Everything from definitions and data is escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from localaws.quicksight.theme import config
from localaws.quicksight.view import Figure, Panel, Source, Tab, Table, View

ROOT = "/_localaws/quicksight"
ARROWS = {"up": "▲", "down": "▼", "same": ""}
_TALL = 12  # rows of the grid from which a chart is drawn taller on a phone


@dataclass(frozen=True)
class Html:
    """A document, and the Content-Security-Policy under which it runs."""

    text: str
    policy: str


def dashboard_page(
    view: View, scripts: Sequence[str], styles: Sequence[str], frames: Sequence[str], *, links: bool
) -> Html:
    """The page as it is served; scripts and styles are URLs.

    frames: the origins that may embed it. links: whether it links to its picture and its single file.
    """
    layout = _layout(view)
    body = _body(view, links=links)
    head = "".join(f'<link rel="stylesheet" href="{escape(url)}">' for url in styles) + f"<style>{layout}</style>"
    tail = "".join(f'<script src="{escape(url)}"></script>' for url in scripts)
    policy = _policy("'self'", f"'self' {_hash(layout)}") + f"; frame-ancestors {' '.join(frames)}"
    return Html(_document(view.name, head, body + tail), policy)


def dashboard_file(view: View, scripts: Sequence[str], styles: Sequence[str]) -> Html:
    """The page in one file that needs no server; scripts and styles are their texts."""
    layout = "\n".join(styles) + _layout(view)
    safe = [script.replace("</script", "<\\/script").replace("<!--", "<\\!--") for script in scripts]
    tail = "".join(f"<script>{script}</script>" for script in safe)
    policy = _policy(" ".join(_hash(script) for script in safe), _hash(layout))
    head = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}"><style>{layout}</style>'
    return Html(_document(view.name, head, _body(view, links=False) + tail), policy)


def list_page(dashboards: Sequence[tuple[str, str, int, datetime]], styles: Sequence[str]) -> Html:
    """The list of dashboards: id, name, published version, when that was published."""
    rows = "".join(
        f'<tr><td><a href="{ROOT}/dashboards/{escape(name)}">{escape(title)}</a></td><td>{escape(name)}</td>'
        f'<td class="number">{version}</td><td>{_time(at)}</td></tr>'
        for name, title, version, at in dashboards
    )
    table = (
        '<table><thead><tr><th scope="col">Dashboard</th><th scope="col">Id</th>'
        '<th scope="col" class="number">Version</th><th scope="col">Published</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    empty = (
        '<p class="message">There is no dashboard yet. Create one with <code>aws quicksight create-dashboard</code>;'
        " it appears here.</p>"
    )
    head = "".join(f'<link rel="stylesheet" href="{escape(url)}">' for url in styles)
    body = (
        '<header class="top"><h1>Dashboards</h1></header>'
        f'<main class="list"><div class="card table">{table if dashboards else empty}</div></main>'
    )
    return Html(_document("Dashboards", head, body), _policy("'none'", "'self'") + "; frame-ancestors 'self'")


def message_page(title: str, text: str, styles: Sequence[str]) -> Html:
    """A page that says what is wrong and what to do."""
    head = "".join(f'<link rel="stylesheet" href="{escape(url)}">' for url in styles)
    body = (
        f'<header class="top"><h1>{escape(title)}</h1></header>'
        f'<main class="list"><div class="card"><p class="message">{escape(text)}</p></div></main>'
    )
    return Html(_document(title, head, body), _policy("'none'", "'self'") + "; frame-ancestors 'self'")


def _document(title: str, head: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title>{head}</head><body>{body}</body></html>"
    )


def _policy(scripts: str, styles: str) -> str:
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _body(view: View, *, links: bool) -> str:
    files = ""
    if links:
        name = escape(view.id)
        files = (
            f'<p class="files"><a href="{name}.png" download>Picture</a>'
            f'<a href="{name}.html" download>Single file</a></p>'
        )
    sources = "".join(f"<li>{_source(source)}</li>" for source in view.sources)
    tabs = ""
    if len(view.tabs) > 1:
        buttons = "".join(
            f'<button role="tab" id="tab-{number}" aria-controls="sheet-{number}" tabindex="{-1 if number else 0}"'
            f' aria-selected="{"false" if number else "true"}">{escape(tab.name)}</button>'
            for number, tab in enumerate(view.tabs)
        )
        tabs = f'<div class="tabs" role="tablist" aria-label="Sheets">{buttons}</div>'
    sheets = "".join(_sheet(tab, number, many=len(view.tabs) > 1) for number, tab in enumerate(view.tabs))
    return (
        '<a class="skip" href="#main">Skip to the charts</a>'
        f'<header class="top"><div class="name"><h1>{escape(view.name)}</h1>{files}</div>'
        f'<ul class="sources">{sources}</ul>{tabs}</header>'
        f'<main id="main">{sheets}</main>'
        f'<script type="application/json" id="content">{_json(_content(view))}</script>'
    )


def _source(source: Source) -> str:
    if source.rows is None or source.refreshed is None:
        return f"{escape(source.name)}: no rows yet"
    rows = "1 row" if source.rows == 1 else f"{source.rows:,} rows"
    return f"{escape(source.name)}: {rows}, refreshed {_time(source.refreshed)}"


def _time(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at.day} {at:%b %Y, %H:%M} UTC</time>'


def _sheet(tab: Tab, number: int, *, many: bool) -> str:
    role = f' role="tabpanel" aria-labelledby="tab-{number}"' if many else ""
    hidden = " hidden" if number else ""
    title = f"<h2>{escape(tab.title)}</h2>" if tab.title else ""
    about = f'<p class="about">{escape(tab.description)}</p>' if tab.description else ""
    cells = "".join(_panel(panel, f"{number}-{place}") for place, panel in enumerate(tab.panels))
    inner = f'{title}{about}<div class="grid">{cells}</div>'
    return f'<section class="sheet" id="sheet-{number}"{role}{hidden}>{inner}</section>'


def _panel(panel: Panel, place: str) -> str:
    visual = panel.visual
    tall = " tall" if panel.element.rows >= _TALL else ""
    title = f'<h3 id="title-{place}">{escape(visual.title)}</h3>' if visual.title else ""
    subtitle = f'<p class="subtitle">{escape(visual.subtitle)}</p>' if visual.subtitle else ""
    name = escape(visual.title or visual.description or visual.id)
    if panel.message:
        inner = f'<p class="message" role="status">{escape(panel.message)}</p>'
    elif panel.figure is not None:
        inner = _figure(panel.figure, place, name)
    elif panel.spec is not None and panel.table is not None:
        said = escape(visual.description or f"{visual.title or visual.id}: {visual.kind} chart")
        inner = (
            '<button class="toggle" type="button" aria-pressed="false" hidden'
            f' aria-label="Table: {name}">Table</button>'
            f'<div class="chart" data-chart="{place}" role="img" aria-label="{said}" hidden></div>'
            f"{_table(panel.table, place, name, 'numbers')}"
        )
    else:
        inner = _table(panel.table, place, name, "visual") if panel.table else ""
    return (
        f'<div class="cell{tall}" id="cell-{place}"><article class="card {visual.kind}">'
        f"{title}{subtitle}{inner}</article></div>"
    )


def _figure(figure: Figure, place: str, name: str) -> str:
    change = ""
    if figure.change:
        words = {"up": "up", "down": "down", "same": "unchanged"}[figure.direction]
        change = (
            f'<span class="change {figure.direction}"><span aria-hidden="true">{ARROWS[figure.direction]} </span>'
            f'<span aria-label="{words} {escape(figure.change)}">{escape(figure.change)}</span></span>'
        )
    against = f", compared with {escape(figure.against)}" if figure.change else ""
    period = f'<p class="period">{escape(figure.period)}{against}</p>' if figure.period else ""
    spark = f'<div class="spark" data-chart="{place}" role="img" aria-label="Course of {name}"></div>'
    return (
        f'<p class="figure"><span class="value">{escape(figure.value)}</span>{change}</p>{period}'
        f"{spark if figure.spark else ''}"
    )


def _table(table: Table, place: str, name: str, kind: str) -> str:
    heads = "".join(
        f'<th scope="col" class="{"number wrap" if numeric else "wrap"}">{escape(label)}</th>'
        for label, numeric in zip(table.columns, table.numeric, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, table.numeric)}</tr>" for row in table.rows[: table.page_size])
    pager = ""
    if len(table.rows) > table.page_size:
        pager = (
            '<div class="pager" hidden><button type="button">Back</button><span aria-live="polite"></span>'
            '<button type="button">Next</button></div>'
        )
    cut = f'<p class="message">Only the first {len(table.rows):,} rows are shown.</p>' if table.cut else ""
    return (
        f'<div class="{kind}" data-table="{place}"><div class="rows" tabindex="0" role="region"'
        f' aria-label="Rows of {name}"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{pager}{cut}</div>"
    )


def _cells(row: Sequence[str], numeric: Sequence[bool]) -> str:
    return "".join(
        f'<td class="number">{escape(text)}</td>' if number else f"<td>{escape(text)}</td>"
        for text, number in zip(row, numeric, strict=True)
    )


def _layout(view: View) -> str:
    """Where the cells stand on the grid of wide screens."""
    rules = []
    for number, tab in enumerate(view.tabs):
        for place, panel in enumerate(tab.panels):
            element = panel.element
            row = "auto" if element.row is None else str(element.row + 1)
            column = "auto" if element.column is None else str(element.column + 1)
            area = f"{row} / {column} / span {element.rows} / span {element.columns}"
            rules.append(f"#cell-{number}-{place}{{grid-area:{area}}}")
    return f"@media (min-width:761px){{{''.join(rules)}}}"


def _content(view: View) -> dict[str, Any]:
    charts: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for number, tab in enumerate(view.tabs):
        for place, panel in enumerate(tab.panels):
            name = f"{number}-{place}"
            spec = panel.figure.spark if panel.figure else panel.spec
            if spec is not None:
                charts[name] = spec
            if panel.table is not None:
                table = panel.table
                tables[name] = {"rows": table.rows, "numeric": table.numeric, "size": table.page_size}
    return {"themes": {mode: config(mode) for mode in ("light", "dark")}, "charts": charts, "tables": tables}


def _json(value: Any) -> str:
    """JSON that cannot end the script element that holds it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
