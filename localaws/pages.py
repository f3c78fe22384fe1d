"""What the server shows under ``/_localaws/``: its health, and the pages of engines. Pages are read only."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from localaws.core import AwsError, Page, PageResponse
from localaws.engines import ENGINES, Engines
from localaws.moto_operations import REAL
from localaws.web import Request, Response

ROOT = "/_localaws/"
# Pages whose path does not begin with the name of the service that has them.
OWNERS = {"inbox": "sns"}

log = logging.getLogger(__name__)


def allowed_host(host: str) -> bool:
    """Whether the Host header names this server: a page from elsewhere may have its own name point to 127.0.0.1."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        names = os.environ.get("LOCALAWS_HOSTS", "").lower().split(",")
        return host in {name.strip() for name in names if name.strip()}


def allowed_origin(request: Request) -> bool:
    """Whether a request may change things: a web page from elsewhere may not, which browsers name as its origin."""
    origin = request.headers.get("origin")
    if origin is None or request.method in ("GET", "HEAD", "OPTIONS"):
        return True
    return allowed_host(urlsplit(origin).hostname or "")


def serve_page(request: Request, engines: Engines) -> Response:
    """The page at the request's path."""
    if request.method not in ("GET", "HEAD"):
        return _text(405, "Pages are read only.", {"Allow": "GET, HEAD"})
    path = request.path.removeprefix(ROOT)
    if path == "health":
        services = sorted({"s3", *ENGINES, *REAL})
        page = PageResponse(200, {"Content-Type": "application/json"}, json.dumps(_health(services)).encode())
    else:
        found = _find(path, engines)
        if found is None:
            return _text(404, f"There is no page at {request.path}.")
        prefix, handler = found
        try:
            page = handler(path.removeprefix(prefix).lstrip("/"), request.query)
        except AwsError as error:
            return _text(error.status, f"{error.code}: {error.message}")
        except Exception:
            log.exception("page %s failed", request.target)
            return _text(500, "The page failed inside; the server's log says why.")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **page.headers}
    return Response(page.status, headers, page.body)


def _health(services: list[str]) -> Mapping[str, object]:
    return {"status": "ok", "services": services}


def _find(path: str, engines: Engines) -> tuple[str, Page] | None:
    """The handler whose prefix the path has; an engine's pages begin with its service's name, but for OWNERS."""
    service = path.partition("/")[0]
    engine = engines.find(OWNERS.get(service, service))
    pages: Mapping[str, Page] = getattr(engine, "pages", {})
    for prefix, handler in pages.items():
        bare = prefix.removeprefix(ROOT).strip("/")
        if path == bare or path.startswith(bare + "/"):
            return bare, handler
    return None


def _text(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, message.encode())
