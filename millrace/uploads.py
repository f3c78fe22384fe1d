"""Where an uploaded file belongs: from its key to its table, its upload date and the objects that are made from it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DATE = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")
_SUFFIX = re.compile(r"(\.(csv|tsv|txt))?(\.gz)?$", re.IGNORECASE)


class UnknownUpload(ValueError):
    """A key that is not ``<pipeline>/<table>/<name>``."""


@dataclass(frozen=True)
class Upload:
    """A raw object. ``upload_date`` is YYYY-MM-DD; the keys of all that is made from it follow from key and date.

    stored: parquet or csv, what it is converted to.
    """

    key: str
    etag: str
    size: int
    upload_date: str
    stored: str = "parquet"

    def __post_init__(self) -> None:
        if len(parts := self.key.split("/")) < 3 or not all(parts):
            raise UnknownUpload(
                f"key {self.key!r} is not <pipeline>/<table>/<file>, so its table is unknown; upload it as such"
            )

    @property
    def pipeline(self) -> str:
        """The pipeline's slug."""
        return self.key.split("/")[0]

    @property
    def table(self) -> str:
        """The table's name."""
        return self.key.split("/")[1]

    @property
    def target_key(self) -> str:
        """The converted object's key in the processed bucket."""
        return f"{self._path}.{self.stored}"

    @property
    def rejects_key(self) -> str:
        """The rejected rows' key in the rejects bucket."""
        return f"{self._path}.csv"

    @property
    def ledger_key(self) -> str:
        """The ledger row's key in the processed bucket."""
        return f"_ledger/{self._path}.json"

    @property
    def _path(self) -> str:
        name = _SUFFIX.sub("", self.key.rsplit("/", 1)[-1])
        # Athena and crawlers skip names that begin with "_" or ".", and a plain name needs no quoting anywhere.
        stem = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[:80] or "file"
        digest = hashlib.sha1(self.key.encode(), usedforsecurity=False).hexdigest()[:10]
        return f"{self.pipeline}/{self.table}/upload_date={self.upload_date}/{stem}-{digest}"


def of_object(item: Mapping[str, Any]) -> Upload:
    """The upload behind an object of an S3 listing (``Key``, ``ETag``, ``Size``, ``LastModified``).

    Its date is the one in its key, else the UTC date on which it was stored. Raises UnknownUpload.
    """
    key = item["Key"]
    date = date_in("/".join(key.split("/")[2:])) or item["LastModified"].astimezone(dt.UTC).date().isoformat()
    return Upload(key, item["ETag"].strip('"'), item["Size"], date)


def date_in(path: str) -> str | None:
    """The date in a file's name (2024-01-15 or 20240115), else in its nearest folder's, as YYYY-MM-DD; else None."""
    for name in reversed(path.split("/")):
        for match in _DATE.finditer(name):
            try:
                return dt.date(int(match[1]), int(match[3]), int(match[4])).isoformat()
            except ValueError:
                continue
    return None
