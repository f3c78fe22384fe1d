"""How each file of the sample is written: headers, order, times, delimiter, line ends, encoding, compression."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

# Headers that such files carry; a contract's aliases know them. "device" is a column that no contract asks for.
LOGIN_HEADERS: tuple[dict[str, str], ...] = (
    {"user_id": "user_id", "company_id": "company_id", "login_at": "login_at", "country": "country", "city": "city",
     "latitude": "latitude", "longitude": "longitude", "ip_address": "ip_address"},
    {"user_id": "User ID", "company_id": "Company ID", "login_at": "Login Time", "country": "Country", "city": "City",
     "latitude": "Latitude", "longitude": "Longitude", "ip_address": "IP Address"},
    {"login_at": "loginAt", "user_id": "userId", "company_id": "companyId", "latitude": "lat", "longitude": "lng",
     "city": "city", "country": "country", "ip_address": "ip"},
    {"user_id": "USER_ID", "login_at": "LOGIN_AT", "company_id": "COMPANY_ID", "city": "CITY", "country": "COUNTRY",
     "latitude": "LATITUDE", "longitude": "LONGITUDE"},
    {"login_at": "timestamp", "user_id": "user", "company_id": "company", "city": "city", "country": "country_code",
     "latitude": "lat", "longitude": "lon", "device": "device", "ip_address": "ip_address"},
)  # fmt: skip
COMPANY_HEADERS: tuple[dict[str, str], ...] = (
    {"user_id": "user_id", "company_id": "company_id", "accepted_at": "accepted_at"},
    {"company_id": "Company ID", "user_id": "User ID", "accepted_at": "Accepted At"},
    {"user_id": "userId", "company_id": "companyId", "accepted_at": "termsAcceptedAt"},
    {"user_id": "USER_ID", "accepted_at": "ACCEPTED_ON", "company_id": "COMPANY_ID"},
)

_LOGIN_TIMES = ("iso_z", "iso_z", "iso_z", "iso_offset", "space", "space", "epoch_s", "epoch_ms")
_COMPANY_TIMES = ("iso_z", "iso_z", "iso_z", "iso_offset", "space", "space", "epoch_s", "date")


@dataclass(frozen=True)
class Style:
    """How one file is written. ``headers``: column → header, in the file's order."""

    headers: dict[str, str]
    times: str
    delimiter: str = ","
    line_end: str = "\n"
    encoding: str = "utf-8"
    gzipped: bool = False

    @property
    def header(self) -> str:
        """The first line, with its end."""
        return self.delimiter.join(self.headers.values()) + self.line_end

    @property
    def extension(self) -> str:
        """That of the file's name."""
        return ".csv.gz" if self.gzipped else ".csv"

    def write(self, path: Path, pieces: Sequence[bytes | memoryview]) -> int:
        """Write the file from pieces of UTF-8; its size in bytes."""
        content = b"".join(pieces)
        if self.encoding != "utf-8":
            content = content.decode("utf-8").encode(self.encoding)
        if self.gzipped:
            content = gzip.compress(content, compresslevel=1, mtime=0)
        path.write_bytes(content)
        return len(content)


# Most files are plain; of every 50 these are not.
_ODD: tuple[dict[str, Any], ...] = (
    {"line_end": "\r\n"}, {"line_end": "\r\n"}, {"delimiter": ";"}, {"delimiter": ";", "line_end": "\r\n"},
    {"delimiter": "\t"}, {"encoding": "utf-8-sig"}, {"encoding": "utf-16"}, {"encoding": "latin-1"}, {"gzipped": True},
)  # fmt: skip


def of_files(rng: np.random.Generator, files: int, *, logins: bool) -> list[Style]:
    """The styles of ``files`` files of logins, or else of user_companies, each kind about as often as it should be."""
    headers = LOGIN_HEADERS if logins else COMPANY_HEADERS
    times = _LOGIN_TIMES if logins else _COMPANY_TIMES
    odd: list[dict[str, Any]] = [*_ODD, *[{}] * (50 - len(_ODD))]
    return [
        replace(Style(headers[h], times[t]), **odd[o])
        for h, t, o in zip(
            _shuffled(rng, files, len(headers)), _shuffled(rng, files, len(times)), _shuffled(rng, files, len(odd)),
            strict=True,
        )
    ]  # fmt: skip


def _shuffled(rng: np.random.Generator, count: int, kinds: int) -> list[int]:
    order: list[int] = rng.permutation(np.arange(count) % kinds).tolist()
    return order
