"""What S3 knows of a bucket and of an object, the rules for their names, and the errors that name them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from localaws.core import AwsError

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
MAX_KEY_BYTES = 1024


class NoSuchBucket(AwsError):
    """The bucket does not exist."""

    def __init__(self, bucket: str) -> None:
        super().__init__("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=bucket)


class NoSuchKey(AwsError):
    """The bucket has no object under that key."""

    def __init__(self, key: str) -> None:
        super().__init__("NoSuchKey", "The specified key does not exist.", 404, Key=key)


class IsDeleteMarker(AwsError):
    """The latest version of a key, or the one asked for, is a delete marker; ``headers`` say so to the client."""

    def __init__(self, key: str, version: str, *, asked_for: bool) -> None:
        if asked_for:
            message = "The specified method is not allowed against this resource."
            super().__init__("MethodNotAllowed", message, 405, Method="GET", ResourceType="DeleteMarker")
        else:
            super().__init__("NoSuchKey", "The specified key does not exist.", 404, Key=key)
        self.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": version}
        if asked_for:
            self.headers["Allow"] = "DELETE"


class PreconditionFailed(AwsError):
    """A condition (``If-Match``, ``If-None-Match``, …) of the request does not hold."""

    def __init__(self, condition: str) -> None:
        message = "At least one of the pre-conditions you specified did not hold"
        super().__init__("PreconditionFailed", message, 412, Condition=condition)


@dataclass(frozen=True)
class Bucket:
    """A bucket; region is the location constraint it was made with."""

    name: str
    created: datetime
    region: str


@dataclass(frozen=True)
class ObjectInfo:
    """One object; path is the file with its bytes, which is never changed in place.

    etag has no quotes, last_modified is aware UTC in whole seconds, headers holds the other stored response headers
    (``Cache-Control``, …), checksums maps ``CRC32``, … and ``Type`` to their values, parts the byte sizes of a
    multipart upload's parts (empty for an ordinary put). version is None in a bucket that never had versioning.
    """

    bucket: str
    key: str
    size: int
    etag: str
    last_modified: datetime
    content_type: str
    metadata: Mapping[str, str]
    content_encoding: str | None
    path: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[int, ...] = ()
    version: str | None = None


def check_bucket_name(name: str) -> None:
    """Raise InvalidBucketName unless the name follows S3's rules for general purpose buckets."""
    good = BUCKET_NAME.fullmatch(name) is not None and ".." not in name
    good = good and not name.startswith(RESERVED_PREFIXES) and not name.endswith(RESERVED_SUFFIXES)
    if good and name.count(".") == 3:
        try:
            ipaddress.IPv4Address(name)
            good = False
        except ValueError:
            pass
    if not good:
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, BucketName=name)


def key_bytes(key: str) -> bytes:
    """The key as the UTF-8 bytes by which S3 orders and limits it."""
    try:
        raw = key.encode()
    except UnicodeEncodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI: the key is not UTF-8.", 400) from None
    if not raw:
        raise AwsError("InvalidArgument", "The key must not be empty.", 400)
    if len(raw) > MAX_KEY_BYTES:
        raise AwsError("KeyTooLongError", "Your key is too long", 400, Size=len(raw), MaxSizeAllowed=MAX_KEY_BYTES)
    return raw
