"""The embedded AWS's one endpoint: it listens, hands each request to S3, an engine or moto, and writes the answer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import socket
import socketserver
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from localaws.connection import Connection
from localaws.core import AwsError, World
from localaws.engines import Engines
from localaws.glue.catalog import Catalog
from localaws.moto_limits import LIMITS
from localaws.moto_side import check_real, forward
from localaws.pages import ROOT, allowed_host, allowed_origin, serve_page
from localaws.protocol import Exchange, scope_of
from localaws.s3.engine import S3Engine
from localaws.s3.store import Store
from localaws.web import Request, Response

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection: a Lambda's invocation keeps its own while the Lambda itself calls S3."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512
    owner: Server

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what a connection's thread did not catch itself."""
        log.exception("connection failed")


class Server:
    """The embedded AWS in this process; a context manager whose ``endpoint`` is the address to give to clients.

    data is the folder in which everything that lasts is kept; port 0 takes a free one; host is the address to listen
    on, which in a container is that of its network; public is where a browser finds it, if not at the endpoint. What
    moto serves is kept in memory and shared by all servers of a process.
    """

    def __init__(self, data: Path, port: int = 0, host: str = LOOPBACK, public: str | None = None) -> None:
        self.data = data.resolve()
        self._lock = _hold(self.data)
        try:
            self._listener = _listen(host, port)
        except StartError:
            self._lock.close()
            raise
        self.endpoint = f"http://{LOOPBACK}:{self._listener.server_address[1]}"
        self.store = Store(self.data / "s3")
        catalog = Catalog(folder=self.data / "glue" / "catalog")
        self.world = World(self.data, self.endpoint, self.store, catalog, public=public or "")
        self.engines = Engines(self.world)
        self.world.engines = self.engines
        self.s3 = S3Engine(self.world)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.1,), name="localaws", daemon=True)
        self.connections: set[socket.socket] = set()
        self._listener.owner = self

    def start(self) -> None:
        """Begin to answer, and go on with what ran before."""
        self._thread.start()
        self.engines.resume(self.data)

    def close(self) -> None:
        """Stop answering, close the engines and release the data folder."""
        if self._thread.is_alive():
            self._listener.shutdown()
        self._listener.server_close()
        self.s3.close()
        self.engines.close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.world.catalog.close()
        self.store.close()
        self._lock.close()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def answer(self, request: Request) -> Response:
        """The answer to a request; errors become answers too."""
        if not allowed_host(request.host):
            message = f"The host {request.host!r} is not one of this server's names; set LOCALAWS_HOSTS to allow it."
            return Response(403, {"Content-Type": "text/plain"}, message.encode())
        if not allowed_origin(request):
            return Response(403, {"Content-Type": "text/plain"}, b"A web page from elsewhere may change nothing here.")
        if request.raw_path.startswith(ROOT):
            return serve_page(request, self.engines)
        try:
            scope = scope_of(request)
        except AwsError as error:
            return self.s3.error(request, error)
        if scope.service == "s3":
            return self.s3.answer(request)
        exchange = Exchange(request, scope)
        try:
            return self._answer_service(exchange, scope.service)
        except ConnectionError:
            raise
        except AwsError as error:
            return exchange.error(error)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.target)
            message = f"The embedded AWS failed inside: {type(error).__name__}: {error}"
            return exchange.error(AwsError("InternalFailure", message, 500))

    def _answer_service(self, exchange: Exchange, service: str) -> Response:
        operation = str(exchange.operation.name)
        engine = self.engines.find(service)
        handler = engine.operations.get(operation) if engine else None
        if handler is not None:
            return exchange.answer(handler(exchange.call()))
        check_real(service, operation, getattr(engine, "refused", {}).get(operation))
        if limit := LIMITS.get((service, operation)):
            limit(exchange.call().params)
        return forward(service, exchange.environ())


def _listen(host: str, port: int) -> _Listener:
    try:
        return _Listener((host, port), Connection)
    except OverflowError:
        raise StartError(f"Port {port} is not between 0 and 65535.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "is in use by another program; give --port 0 for a free one"
        else:
            why = f"cannot be used: {error.strerror}"
        raise StartError(f"Port {port} of {host} {why}.") from error


def _hold(data: Path) -> IO[bytes]:
    """Make the data folder and lock it against a second server; the lock ends with the process."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("ab")
    except OSError as error:
        raise StartError(
            f"The data folder {data} cannot be written to: {error.strerror}. Give another --data."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        message = f"The data folder {data} is held by another server. Stop it first, or give another --data."
        raise StartError(message) from error
    return lock
