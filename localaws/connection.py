"""One client's connection: requests read from it one after another, answers written in as few packets as can be."""

from __future__ import annotations

import http.server
import io
import logging
import os
import socket
import uuid
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from localaws.core import AwsError
from localaws.web import ChunkedBody, FileSlice, Headers, LimitedBody, Request, Response

if TYPE_CHECKING:
    from localaws.server import Server

SMALL = 256 * 1024
DRAIN = 64 << 20
IDLE_SECONDS = 900

log = logging.getLogger(__name__)


class Connection(http.server.BaseHTTPRequestHandler):
    """Handles all requests of a connection in its own thread."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    rbufsize = 64 * 1024

    def setup(self) -> None:
        """Remember the connection, so that the server can end it."""
        super().setup()
        self._server: Server = self.server.server  # type: ignore[attr-defined]
        self._server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self._server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        """Answer requests until the client leaves."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Say "continue" only when the body is first read: a request that is refused need not send it."""
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Errors of the protocol go to the log, not to the terminal."""
        log.info(format, *args)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Requests are not logged."""

    def answer(self) -> None:
        """Answer the one request whose head was read."""
        headers = Headers()
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = f"{headers[name]},{value}" if name in headers else value.strip()
        try:
            body = self._body(headers)
        except AwsError as error:
            self.close_connection = True
            self.send_error(error.status, error.message)
            return
        target = self.path
        if "://" in target[:8]:
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        request_id = uuid.uuid4().hex[:16].upper()
        request = Request(self.command, target, headers, io.BufferedReader(body, 64 * 1024), request_id)
        response = self._server.answer(request)
        self._finish_body(body, headers)
        self._write(response, request_id)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = answer

    def _body(self, headers: Headers) -> LimitedBody | ChunkedBody:
        source: Any = self.rfile
        if headers.get("expect", "").lower() == "100-continue":
            source = _Continued(self)
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
                raise AwsError("NotImplemented", "Transfer-Encoding must be chunked, without a Content-Length.", 501)
            return ChunkedBody(source)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise AwsError("InvalidRequest", f"Content-Length {length!r} is not a number.", 400)
        return LimitedBody(source, int(length))

    def _finish_body(self, body: LimitedBody | ChunkedBody, headers: Headers) -> None:
        """Read what the handler left of the body, or end the connection after the answer where that is much."""
        if not body.remaining:
            return
        if headers.get("expect") or body.remaining > DRAIN:
            self.close_connection = True
            return
        left = DRAIN
        scratch = bytearray(64 * 1024)
        try:
            while left > 0 and (count := body.readinto(scratch)):
                left -= count
        except AwsError:
            self.close_connection = True
        if body.remaining:
            self.close_connection = True

    def _write(self, response: Response, request_id: str) -> None:
        head = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
        fields = {
            "x-amz-request-id": request_id,
            "x-amzn-requestid": request_id,
            "date": formatdate(usegmt=True),
            "server": "localaws",
        }
        given = {name.lower() for name in response.headers}
        fields = {name: value for name, value in fields.items() if name not in given} | response.headers
        if response.status not in (204, 304):
            fields["Content-Length"] = str(response.content_length)
        if self.close_connection:
            fields["Connection"] = "close"
        head += [f"{name}: {value}" for name, value in fields.items()]
        raw = "\r\n".join([*head, "", ""]).encode("latin-1", "replace")
        body = response.body
        try:
            if self.command == "HEAD" or response.status in (204, 304):
                self.connection.sendall(raw)
            elif isinstance(body, FileSlice):
                self._send_file(raw, body)
            else:
                self.connection.sendall(raw + body)
        except OSError:
            self.close_connection = True
        finally:
            if isinstance(body, FileSlice):
                body.file.close()

    def _send_file(self, head: bytes, part: FileSlice) -> None:
        if part.size <= SMALL:
            self.connection.sendall(head + os.pread(part.file.fileno(), part.size, part.offset))
            return
        self.connection.sendall(head, socket.MSG_MORE)
        self.connection.sendfile(part.file, part.offset, part.size)


class _Continued(io.RawIOBase):
    """The connection of a client that waits for "100 Continue", which is sent before the first read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked = False

    def readinto(self, buffer: Any) -> int:
        """Read from the connection."""
        self._ask()
        return int(self._connection.rfile.readinto(buffer))

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line from the connection."""
        self._ask()
        return self._connection.rfile.readline(-1 if size is None else size)

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._connection.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
