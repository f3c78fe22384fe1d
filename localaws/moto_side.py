"""moto's side of the embedded AWS: the operations that moto does for real, and the way to them.

What is not in ``REAL`` is refused: moto would answer many more calls, but only pretend.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from localaws.core import NotSupported
from localaws.engines import ENGINES
from localaws.messaging import moto_queues, moto_streams
from localaws.moto_operations import REAL
from localaws.web import Response

# moto's backends are plain Python objects without locks of their own. SQS waits in ReceiveMessage, so it gets none.
LOCKS: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
UNLOCKED = frozenset({"sqs"})
# What we change in moto's classes before they are used; a second call changes nothing.
MENDED = {"sqs": moto_queues.install, "kinesis": moto_streams.install}

_app: Any = None
_app_lock = threading.Lock()


def check_real(service: str, operation: str, why: str | None = None) -> None:
    """Raise NotSupported unless moto does the operation for real; why: the reason, where it is known."""
    if operation in REAL.get(service, frozenset()):
        return
    if why is not None:
        raise NotSupported(f"{service}:{operation} is refused: {why}.")
    some = service in REAL or service in ENGINES
    known = f"other operations of {service}, but not this one" if some else "nothing of this service"
    raise NotSupported(
        f"{service}:{operation} is refused: the embedded AWS does {known} for real, and it never pretends. "
        "docs/localaws.md lists what it does."
    )


def forward(service: str, environ: Mapping[str, Any]) -> Response:
    """Have moto answer a WSGI request of the service."""
    application = _application()
    if service in MENDED:
        MENDED[service]()
    if service in UNLOCKED:
        return _run(application, environ)
    with LOCKS[service]:
        return _run(application, environ)


def _application() -> Any:
    global _app
    with _app_lock:
        if _app is None:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            _app = DomainDispatcherApplication(create_backend_app)
    return _app


def _run(application: Any, environ: Mapping[str, Any]) -> Response:
    from werkzeug.test import run_wsgi_app

    chunks, status, headers = run_wsgi_app(application, dict(environ), buffered=True)
    ours = ("content-length", "connection", "access-control-")
    kept = {name: value for name, value in headers.items() if not name.lower().startswith(ours)}
    return Response(int(status.split()[0]), kept, b"".join(chunks))
