"""The HTTP of the Lambda Runtime API: one connection's requests in, whole answers out."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

RESPONSE_LIMIT = 6_291_556  # bytes of a synchronous answer, as AWS counts them
_HEADER_LIMIT = 2**21  # the runtime client sends stack traces as a header of up to a megabyte
_SEND_SECONDS = 5.0
_REASONS = {200: "OK", 202: "Accepted", 404: "Not Found", 413: "Payload Too Large"}


@dataclass(frozen=True)
class Request:
    """One request of the runtime client. ``too_large``: the body passed the limit and was dropped."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    too_large: bool


@dataclass
class Connection:
    """A connection from the function's process, non-blocking: bytes are taken as they come."""

    socket: socket.socket
    closed: bool = False
    _head: bytearray = field(default_factory=bytearray)
    _body: bytearray = field(default_factory=bytearray)
    _parsed: tuple[str, str, dict[str, str]] | None = None
    _missing: int = 0
    _too_large: bool = False

    def receive(self) -> Request | None:
        """Take what has arrived; return the request once it is complete, None before. ``closed`` tells the end."""
        try:
            data = self.socket.recv(2**18)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return None
        if self._parsed is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                self.closed = len(self._head) > _HEADER_LIMIT
                return None
            data = bytes(self._head[end + 4 :])
            self._start_body(bytes(self._head[:end]).decode("latin-1"))
        self._missing -= len(data)
        if not self._too_large:
            self._body += data
        return self._finish() if self._missing <= 0 else None

    def _start_body(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._parsed = (method, path, headers)
        self._missing = int(headers.get("content-length", 0))
        self._too_large = self._missing > RESPONSE_LIMIT
        if headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _finish(self) -> Request:
        assert self._parsed is not None
        request = Request(*self._parsed, bytes(self._body), self._too_large)
        self._head, self._body, self._parsed, self._missing = bytearray(), bytearray(), None, 0
        return request

    def send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answer in one write: two would cost a delayed acknowledgement of 40 ms."""
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self.socket.settimeout(_SEND_SECONDS)
        try:
            self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        except OSError:
            self.closed = True  # the process died or is stopped; the wait for its answer tells
        finally:
            self.socket.setblocking(False)
