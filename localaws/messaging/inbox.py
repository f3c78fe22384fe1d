"""The inbox: what would have been sent by e-mail, kept in a file and shown as a page."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from html import escape
from pathlib import Path

from localaws.core import PageResponse

_KEPT = 1000
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b2733}"
    "article{border:1px solid #d5dde5;border-radius:6px;padding:.8rem 1.1rem;margin:1rem 0}"
    "h1{font-size:1.3rem}h2{font-size:1.05rem;margin:0 0 .2rem}p{margin:0;color:#5b6b7a;font-size:.85rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.7rem 0 0;font:13px/1.45 ui-monospace,monospace}"
)


class Inbox:
    """The last thousand messages; a restart keeps them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines()[-_KEPT:] if path.exists() else []
        self._messages: deque[dict[str, str]] = deque(map(json.loads, lines), _KEPT)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def add(self, to: str, subject: str, text: str, topic: str, time: str) -> None:
        """Keep a message."""
        message = {"time": time, "to": to, "subject": subject, "topic": topic, "text": text}
        with self._lock:
            self._messages.append(message)
            with self._path.open("a", encoding="utf-8") as target:
                target.write(json.dumps(message) + "\n")

    def page(self, path: str, query: Mapping[str, str]) -> PageResponse:
        """All messages, newest first; as JSON with ``format=json``; to one address with ``to=``."""
        with self._lock:
            found = [each for each in reversed(self._messages) if query.get("to") in (None, each["to"])]
        if query.get("format") == "json":
            return PageResponse(200, {"Content-Type": "application/json"}, json.dumps(found).encode())
        shown = "".join(map(_article, found)) or "<p>No message has come yet.</p>"
        text = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Inbox</title><style>{_STYLE}</style>'
            f"<h1>Inbox: {len(found)} message{'' if len(found) == 1 else 's'}</h1>{shown}"
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return PageResponse(200, headers, text.encode())


def _article(message: Mapping[str, str]) -> str:
    about = f"{message['time']} · to {message['to']} · from {message['topic'].rpartition(':')[2]}"
    return (
        f"<article><h2>{escape(message['subject'])}</h2><p>{escape(about)}</p>"
        f"<pre>{escape(_readable(message['text']))}</pre></article>"
    )


def _readable(text: str) -> str:
    """JSON with line breaks, other text as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return json.dumps(found, ensure_ascii=False, indent=2) if isinstance(found, dict | list) else text
