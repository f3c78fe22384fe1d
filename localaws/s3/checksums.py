"""The checksum algorithms of S3, fed piece by piece."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from localaws.core import AwsError

BLOCK = 1 << 20
PREFIX = "x-amz-checksum-"


class Digest(Protocol):
    """What is fed with bytes and gives their checksum."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """The checksum, big endian."""


class Crc32:
    """CRC-32 of zlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in more bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """The checksum, big endian."""
        return self._value.to_bytes(4, "big")


def _crc32c() -> Digest:
    from localaws.s3.crc import CRC32C

    return CRC32C.digest()


def _crc64nvme() -> Digest:
    from localaws.s3.crc import CRC64NVME

    return CRC64NVME.digest()


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    "CRC32": Crc32,
    "CRC32C": _crc32c,
    "CRC64NVME": _crc64nvme,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
}


def types_of(algorithm: str) -> tuple[str, ...]:
    """What a multipart upload's checksum may be of, the default first: of the parts' checksums, or of the whole."""
    if algorithm == "CRC64NVME":
        return ("FULL_OBJECT",)
    return ("COMPOSITE", "FULL_OBJECT") if algorithm.startswith("CRC") else ("COMPOSITE",)


def new_digest(algorithm: str) -> Digest:
    """A digest by S3's name of the algorithm; raises InvalidRequest for another."""
    try:
        return ALGORITHMS[algorithm.upper()]()
    except KeyError:
        known = ", ".join(ALGORITHMS)
        raise AwsError("InvalidRequest", f"Checksum algorithm {algorithm!r} is none of {known}.", 400) from None


def encoded(digest: bytes) -> str:
    """A checksum as S3 writes it."""
    return base64.b64encode(digest).decode()


def asked_for(headers: Mapping[str, str]) -> tuple[str, str | None] | None:
    """(algorithm, expected value or None where a trailer brings it), from the headers of an upload."""
    given = [
        (name.removeprefix(PREFIX).upper(), value)
        for name, value in headers.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).upper() in ALGORITHMS
    ]
    if len(given) > 1:
        raise AwsError("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksums found.", 400)
    if given:
        return given[0]
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer.startswith(PREFIX):
        return trailer.removeprefix(PREFIX).upper(), None
    algorithm = headers.get("x-amz-sdk-checksum-algorithm")
    return (algorithm.upper(), None) if algorithm else None


def of_file(path: Path, algorithm: str) -> str:
    """The checksum of a file."""
    digest = new_digest(algorithm)
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
    return encoded(digest.digest())


def composite(parts: list[str], algorithm: str) -> str:
    """The checksum of a multipart upload's checksums, with the number of parts behind it."""
    digest = new_digest(algorithm)
    for part in parts:
        digest.update(base64.b64decode(part))
    return f"{encoded(digest.digest())}-{len(parts)}"
