"""The pages under ``/_localaws/quicksight``: the list, each dashboard, its files, embeds and the scripts they load."""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert

from localaws.cache import cache_folder
from localaws.core import PageResponse
from localaws.quicksight import page
from localaws.quicksight.dashboards import Dashboards
from localaws.quicksight.embedding import Embedding
from localaws.quicksight.page import Html
from localaws.quicksight.picture import png, svg
from localaws.quicksight.shared import Shelf
from localaws.quicksight.view import View, view_of

log = logging.getLogger(__name__)

# Its stubs want a snippet; without one the bundle is made once for a process and gives ``vegaEmbed`` to the page.
_vega_converter: Any = vl_convert
_ASSETS = Path(__file__).parent / "assets"
_DASHBOARD = re.compile(r"/dashboards/(?P<id>[\w\-]{1,512})(?P<suffix>\.html|\.png|\.svg)?")
_EMBED = re.compile(r"/embed/(?P<id>[\w\-]{1,512})")
_LOCAL = ("'self'", "http://localhost:*", "http://127.0.0.1:*")
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Site:
    """Answers for the pages; read only."""

    def __init__(self, shelf: Shelf, dashboards: Dashboards, embedding: Embedding) -> None:
        self._shelf = shelf
        self._dashboards = dashboards
        self._embedding = embedding
        self._bundling = threading.Lock()

    def answer(self, path: str, query: Mapping[str, str]) -> PageResponse:
        """The page at a path after ``/_localaws/quicksight``."""
        path = f"/{path.lstrip('/')}"
        if path == "/":
            return self._list()
        if path.startswith("/assets/"):
            return self._asset(path.removeprefix("/assets/"))
        if match := _EMBED.fullmatch(path):
            return self._embed(match["id"], query.get("code", ""))
        if match := _DASHBOARD.fullmatch(path):
            return self._dashboard(match["id"], match["suffix"] or "")
        return self._missing("This page is not there", f"The dashboards are listed at {page.ROOT}/.")

    def _list(self) -> PageResponse:
        with self._shelf.lock:
            rows = [
                (name, record["Name"], record["Published"], record["LastPublishedTime"])
                for name, record in self._shelf.dashboards.items()
            ]
        return _html(page.list_page(rows, [self._style(f"{page.ROOT}/assets")]))

    def _dashboard(self, name: str, suffix: str) -> PageResponse:
        view = self._view(name)
        if isinstance(view, PageResponse):
            return view
        if suffix == ".png":
            return PageResponse(200, {"Content-Type": "image/png", "Cache-Control": "no-store"}, png(view))
        if suffix == ".svg":
            headers = {"Content-Type": "image/svg+xml", "Content-Security-Policy": "default-src 'none'"}
            return PageResponse(200, headers, svg(view).encode())
        if suffix == ".html":
            texts = [self._vega.read_text(), (_ASSETS / "page.js").read_text()]
            return _html(page.dashboard_file(view, texts, [(_ASSETS / "page.css").read_text()]))
        return self._page(view, _LOCAL, links=True)

    def _embed(self, name: str, code: str) -> PageResponse:
        ticket = self._embedding.redeem(code, name)
        if ticket is None:
            advice = "An embed URL opens one dashboard once, within five minutes. Ask for a new one."
            return self._missing("This embed URL cannot be used", advice, 403)
        view = self._view(name)
        return view if isinstance(view, PageResponse) else self._page(view, ticket.domains or _LOCAL, links=False)

    def _view(self, name: str) -> View | PageResponse:
        with self._shelf.lock:
            pair = self._dashboards.published(name)
        if pair is None:
            return self._missing("This dashboard is not there", f"Create {name} with CreateDashboard.")
        record, shown = pair
        if shown["Errors"]:
            text = " ".join(error["Message"] for error in shown["Errors"])
            return self._missing(f"{record['Name']} could not be created", text, 409)
        return view_of(self._shelf, record, shown)

    def _page(self, view: View, frames: Sequence[str], *, links: bool) -> PageResponse:
        scripts = [f"../assets/{self._vega.name}", f"../assets/{_named(_ASSETS / 'page.js')}"]
        return _html(page.dashboard_page(view, scripts, [self._style("../assets")], frames, links=links))

    def _missing(self, title: str, text: str, status: int = 404) -> PageResponse:
        return _html(page.message_page(title, text, [self._style(f"{page.ROOT}/assets")]), status)

    def _style(self, base: str) -> str:
        return f"{base}/{_named(_ASSETS / 'page.css')}"

    def _asset(self, name: str) -> PageResponse:
        files = {_named(_ASSETS / "page.css"): _ASSETS / "page.css", _named(_ASSETS / "page.js"): _ASSETS / "page.js"}
        if name.startswith("vega-") and name == self._vega.name:
            files[name] = self._vega
        file = files.get(name)
        if file is None:
            return self._missing("This file is not there", "Reload the page that asked for it.")
        # The name holds a hash or a version: what it names never changes.
        headers = {"Content-Type": _TYPES[file.suffix], "Cache-Control": "public, max-age=31536000, immutable"}
        return PageResponse(200, {**headers, "X-Content-Type-Options": "nosniff"}, file.read_bytes())

    @cached_property
    def _vega(self) -> Path:
        """Vega, Vega-Lite and Vega-Embed in one file."""
        name = f"vega-{version('vl-convert-python')}.js"
        with self._bundling:
            try:
                return _bundle(cache_folder() / name)
            except OSError:  # a home that cannot be written to
                return _bundle(self._shelf.root / "cache" / name)


def _bundle(file: Path) -> Path:
    """The bundle in this file; made once for all servers, since it takes two seconds of CPU."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            fresh = Path(folder) / file.name
            fresh.write_text(_vega_converter.javascript_bundle())
            fresh.replace(file)
    return file


def _named(file: Path) -> str:
    return f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}{file.suffix}"


def _html(html: Html, status: int = 200) -> PageResponse:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": html.policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return PageResponse(status, headers, html.text.encode())
