"""Upload bodies: received into a file, decoded from aws-chunked, and checked against every digest the client sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from localaws.core import AwsError
from localaws.s3.checksums import PREFIX, asked_for, encoded, new_digest
from localaws.web import Request

BLOCK = 1 << 20
MAX_OBJECT = 5 << 30
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Received:
    """A body in a file: its MD5, and the checksum that was verified or asked for (algorithm, base64)."""

    path: Path
    size: int
    md5: str
    checksum: tuple[str, str] | None


@dataclass
class AwsChunkedBody(io.RawIOBase):
    """The bytes within an ``aws-chunked`` body; trailers are known at its end."""

    source: BinaryIO
    trailers: dict[str, str] = field(default_factory=dict)
    _chunk: int = 0
    _ended: bool = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with what is left of one chunk."""
        if not self._chunk and not self._ended:
            self._next_chunk()
        if self._ended:
            return 0
        count = self.source.readinto(memoryview(buffer)[: self._chunk])  # type: ignore[attr-defined]
        if not count:
            raise _incomplete()
        self._chunk -= count
        if not self._chunk and self.source.readline(3) != b"\r\n":
            raise _incomplete()
        return int(count)

    def _next_chunk(self) -> None:
        size = self.source.readline(4096).split(b";")[0].strip()
        if not size or size.strip(b"0123456789abcdefABCDEF"):
            raise _incomplete()
        self._chunk = int(size, 16)
        if self._chunk:
            return
        self._ended = True
        while line := self.source.readline(4096).strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()


def receive(request: Request, path: Path, *, algorithm: str | None = None) -> Received:
    """Write the request's body to path and verify it; the file is gone when a check fails.

    algorithm is that of the checksum to compute where the request names none.
    """
    try:
        return _receive(request, path, algorithm)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _receive(request: Request, path: Path, algorithm: str | None) -> Received:
    headers = request.headers
    signed = headers.get("x-amz-content-sha256", "")
    chunked = AwsChunkedBody(request.body) if signed.startswith("STREAMING-") else None
    source: BinaryIO = io.BufferedReader(chunked, BLOCK) if chunked else request.body
    wanted = asked_for(headers) or ((algorithm, None) if algorithm else None)
    md5 = hashlib.md5(usedforsecurity=False)
    guarded = "content-md5" in headers or (wanted is not None and wanted[1] is not None)
    checksum = new_digest(wanted[0]) if wanted else None
    # SHA-256 costs more than all the rest together: it is left out where another checksum guards the same bytes.
    sha256 = hashlib.sha256() if HEX_SHA256.fullmatch(signed) and not guarded else None
    feeds = [digest.update for digest in (md5, checksum, sha256) if digest is not None]
    size = 0
    block = bytearray(BLOCK)
    view = memoryview(block)
    with path.open("wb") as target:
        while count := source.readinto(view):  # type: ignore[attr-defined]
            size += count
            if size > MAX_OBJECT:
                message = "Your proposed upload exceeds the maximum allowed size"
                raise AwsError("EntityTooLarge", message, 400, ProposedSize=size, MaxSizeAllowed=MAX_OBJECT)
            part = view[:count]
            for feed in feeds:
                feed(part)
            target.write(part)
    if sha256 is not None and sha256.hexdigest() != signed:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message, 400)
    decoded = headers.get("x-amz-decoded-content-length")
    if chunked and decoded is not None and decoded != str(size):
        raise _incomplete()
    _check_md5(headers.get("content-md5"), md5.digest())
    verified = None
    if wanted and checksum is not None:
        algorithm, expected = wanted
        if expected is None and chunked:
            expected = chunked.trailers.get(PREFIX + algorithm.lower())
        verified = (algorithm, encoded(checksum.digest()))
        if expected is not None and expected != verified[1]:
            message = f"The {algorithm} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", message, 400)
    return Received(path, size, md5.hexdigest(), verified)


def check_body_md5(request: Request, body: bytes) -> None:
    """Check the Content-MD5 of a body that was read whole."""
    _check_md5(request.headers.get("content-md5"), hashlib.md5(body, usedforsecurity=False).digest())


def _check_md5(header: str | None, actual: bytes) -> None:
    if header is None:
        return
    try:
        expected = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if len(expected) != 16:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)
    if expected != actual:
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400)


def _incomplete() -> AwsError:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", message, 400)
