"""One client's connection: requests read from it one after another, answers written in as few packets as can be."""

from __future__ import annotations

import io
import logging
import os
import random
import socket
import socketserver
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from localaws.core import AwsError
from localaws.web import ChunkedBody, FileSlice, Headers, LimitedBody, Request, Response

if TYPE_CHECKING:
    from localaws.server import Server

SMALL = 256 * 1024
DRAIN = 64 << 20
MAX_LINE = 64 * 1024
MAX_HEADERS = 200
IDLE_SECONDS = 900
NO_LINE_ENDS = {ord("\r"): " ", ord("\n"): " "}

log = logging.getLogger(__name__)


class Connection(socketserver.StreamRequestHandler):
    """Handles all requests of a connection in its own thread.

    The standard library's HTTP handler reads heads with its mail parser, which took half of a small request's time.
    """

    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    rbufsize = 64 * 1024

    def handle(self) -> None:
        """Answer requests until the client leaves."""
        server: Server = self.server.owner  # type: ignore[attr-defined]
        server.connections.add(self.connection)
        self.close_connection = False
        try:
            while not self.close_connection:
                self._handle_one(server)
        except (ConnectionError, TimeoutError):
            log.debug("a connection ended early")
        finally:
            server.connections.discard(self.connection)

    def _handle_one(self, server: Server) -> None:
        """Answer one request."""
        request_id = f"{random.getrandbits(64):016X}"
        self.method = ""
        try:
            head = self._head()
            if head is None:
                self.close_connection = True
                return
            self.method, target, headers = head
            body = self._body(headers)
        except AwsError as error:
            self.close_connection = True
            text = f"{error.code}: {error.message}\n".encode()
            self._write(Response(error.status, {"Content-Type": "text/plain"}, text), request_id)
            return
        request = Request(self.method, target, headers, io.BufferedReader(body, 64 * 1024), request_id)
        response = server.answer(request)
        self._finish_body(body, headers)
        self._write(response, request_id)

    def _head(self) -> tuple[str, str, Headers] | None:
        """The request line and the headers; None when the client has left."""
        line = self.rfile.readline(MAX_LINE)
        while line == b"\r\n":
            line = self.rfile.readline(MAX_LINE)
        if not line:
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not line.endswith(b"\n"):
            raise AwsError("BadRequest", "The request line is not one of HTTP/1.1, or too long.", 400)
        method, target, version = words
        if not target.startswith("/"):
            target = "/" + target.partition("://")[2].partition("/")[2]
        headers = Headers()
        for _ in range(MAX_HEADERS):
            line = self.rfile.readline(MAX_LINE)
            if line in (b"\r\n", b"\n"):
                break
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not line.endswith(b"\n") or not name or name != name.strip():
                raise AwsError("BadRequest", "A header line of the request is malformed or too long.", 400)
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        else:
            raise AwsError("BadRequest", f"The request has more than {MAX_HEADERS} headers.", 431)
        connection = headers.get("connection", "").lower()
        self.close_connection = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
        return method, target, headers

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
        if isinstance(source, _Continued) and not int(length):
            # There is nothing to read, but boto3 takes a connection's next answer wrongly if it was not told to go on.
            source.ask()
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
        # A value may come from a stored object or a query: it must not end its line.
        head += [f"{name}: {value.translate(NO_LINE_ENDS)}" for name, value in fields.items()]
        raw = "\r\n".join([*head, "", ""]).encode("latin-1", "replace")
        body = response.body
        try:
            if self.method == "HEAD" or response.status in (204, 304):
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
            body = os.pread(part.file.fileno(), part.size, part.offset)
            self.connection.sendall(head + body)
            sent = len(body)
        else:
            self.connection.sendall(head, socket.MSG_MORE)
            sent = self.connection.sendfile(part.file, part.offset, part.size)
        if sent < part.size:
            log.error("the file of an object was shortened from outside; the answer breaks off")
            self.close_connection = True


class _Continued(io.RawIOBase):
    """The connection of a client that waits for "100 Continue", which is sent before the first read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked = False

    def readinto(self, buffer: Any) -> int:
        """Read from the connection."""
        self.ask()
        return int(self._connection.rfile.readinto(buffer))

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line from the connection."""
        self.ask()
        return self._connection.rfile.readline(-1 if size is None else size)

    def ask(self) -> None:
        """Send "100 Continue", once."""
        if not self._asked:
            self._asked = True
            self._connection.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
