"""HTTP as the server's parts see it: a request whose body may be streamed, a response that may come from a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote

from localaws.core import AwsError


class Headers(dict[str, str]):
    """Request headers by lower-case name."""

    def of_prefix(self, prefix: str) -> Iterator[tuple[str, str]]:
        """(rest of the name, value) of the headers whose name begins with prefix."""
        return ((name[len(prefix) :], value) for name, value in self.items() if name.startswith(prefix))


@dataclass
class Request:
    """One request; target is what stood in the request line, body is read once, request_id names it in answers."""

    method: str
    target: str
    headers: Headers
    body: BinaryIO
    request_id: str

    @cached_property
    def raw_path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.split("?", 1)[0]

    @cached_property
    def path(self) -> str:
        """The path, decoded; bytes that are not UTF-8 become lone surrogates, which no name allows."""
        return unquote(self.raw_path, errors="surrogateescape")

    @cached_property
    def query_string(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, decoded; one without a value is the empty string."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def host(self) -> str:
        """The host asked for, without port, in lower case."""
        host = self.headers.get("host", "").lower()
        if host.startswith("["):
            return host[1:].partition("]")[0]
        return host.partition(":")[0]

    def read(self, limit: int) -> bytes:
        """The whole body; raises when it is longer than limit bytes."""
        data = self.body.read(limit + 1)
        if len(data) > limit:
            raise AwsError("RequestEntityTooLarge", f"The request's body exceeds {limit:,} bytes.", 413)
        return data


@dataclass
class FileSlice:
    """Bytes of an open file to be sent: size bytes from offset on. The server closes the file."""

    file: BinaryIO
    offset: int
    size: int


@dataclass
class Response:
    """An answer. For HEAD the body is not sent; ``length`` then says what Content-Length it would have."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FileSlice = b""
    length: int | None = None

    @property
    def content_length(self) -> int:
        """Bytes of the body."""
        if self.length is not None:
            return self.length
        return self.body.size if isinstance(self.body, FileSlice) else len(self.body)


class LimitedBody(io.RawIOBase):
    """A body of known length, read from the connection."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        self._source = source
        self.remaining = length

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as one read of the connection does."""
        view = memoryview(buffer)[: self.remaining]
        if not view:
            return 0
        count = self._source.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise AwsError("IncompleteBody", "The request's body ended before its Content-Length.", 400)
        self.remaining -= count
        return int(count)


class ChunkedBody(io.RawIOBase):
    """A body in HTTP/1.1 chunks, read from the connection."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._chunk = 0
        self.remaining = 1

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with what is left of one chunk."""
        if not self._chunk and self.remaining:
            self._next_chunk()
        if not self.remaining:
            return 0
        count = self._source.readinto(memoryview(buffer)[: self._chunk])  # type: ignore[attr-defined]
        if not count:
            raise AwsError("IncompleteBody", "The request's body ended within a chunk.", 400)
        self._chunk -= count
        if not self._chunk and self._source.readline(3) != b"\r\n":
            raise AwsError("InvalidRequest", "A chunk of the request's body does not end with CR LF.", 400)
        return int(count)

    def _next_chunk(self) -> None:
        size = self._source.readline(1026).partition(b";")[0].strip()
        if not size or size.strip(b"0123456789abcdefABCDEF"):
            raise AwsError("InvalidRequest", "A chunk of the request's body has no size.", 400)
        self._chunk = int(size, 16)
        if not self._chunk:
            self.remaining = 0
            while self._source.readline(65537) not in (b"\r\n", b"\n", b""):
                pass
