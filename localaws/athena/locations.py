"""S3 locations: which bucket and which keys a table, a partition or a result may be in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localaws.core import AwsError

URI = re.compile(r"s3a?://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Location:
    """A bucket and a key prefix, which is empty or ends with a slash."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """As ``s3://bucket/prefix/``."""
        return f"s3://{self.bucket}/{self.prefix}"

    def key(self, name: str) -> str:
        """The key of ``name`` in this location."""
        return self.prefix + name


def parse(uri: str) -> Location:
    """The location that a URI names; raises AwsError for anything that is not a folder within a bucket."""
    match = URI.fullmatch(uri)
    if match is None:
        raise AwsError(
            "InvalidRequestException", f"INVALID_LOCATION: {uri!r} is not an S3 location: use s3://bucket/folder/"
        )
    prefix = (match["prefix"] or "").lstrip("/")
    if any(part in (".", "..") for part in prefix.split("/")) or "\0" in prefix or "\\" in prefix:
        raise AwsError(
            "InvalidRequestException", f"INVALID_LOCATION: {uri!r} climbs out of its folder: leave out . and .."
        )
    return Location(match["bucket"], prefix + "/" if prefix and not prefix.endswith("/") else prefix)


def is_hidden(key: str, prefix: str) -> bool:
    """Whether Athena passes over an object: a name or folder below the location that begins with ``_`` or ``.``."""
    rest = key[len(prefix) :]
    return not rest or rest.endswith("/") or any(part[:1] in ("_", ".") for part in rest.split("/"))
