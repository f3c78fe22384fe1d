"""The listings: ListObjectsV2, ListObjects and ListObjectVersions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from localaws.core import AwsError
from localaws.s3 import xml
from localaws.s3.context import OWNER, Context
from localaws.s3.index import after_prefix
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Store
from localaws.s3.versions import Version
from localaws.web import Response

MAX_KEYS = 1000

Entry = dict[str, xml.Value]


@dataclass(frozen=True)
class Page:
    """One page of a listing; ``resume`` is the least key of the next page, None on the last one."""

    objects: list[ObjectInfo]
    prefixes: list[str]
    resume: bytes | None
    last: str


class ListingApi:
    """Handlers of the listings of a bucket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_v2(self, context: Context) -> Response:
        """ListObjectsV2."""
        after = context.parameter("start-after") or ""
        token = context.parameter("continuation-token")
        start = _decode_token(token) if token is not None else _after(after, "")
        page = self._page(context, start)
        shown = _Shown(context)
        owner: Entry = {"Owner": OWNER} if context.parameter("fetch-owner") == "true" else {}
        return xml.document(
            "ListBucketResult",
            {
                "Name": context.bucket,
                "Prefix": shown.name(context.parameter("prefix") or ""),
                "Delimiter": shown.optional("delimiter"),
                "StartAfter": shown.optional("start-after"),
                "ContinuationToken": token,
                "NextContinuationToken": None if page.resume is None else _encode_token(page.resume),
                "KeyCount": len(page.objects) + len(page.prefixes),
                "MaxKeys": _max_keys(context),
                "EncodingType": context.parameter("encoding-type"),
                "IsTruncated": page.resume is not None,
                "Contents": [_entry(info, shown, owner) for info in page.objects],
                "CommonPrefixes": [{"Prefix": shown.name(prefix)} for prefix in page.prefixes],
            },
        )

    def list_v1(self, context: Context) -> Response:
        """ListObjects."""
        marker = context.parameter("marker") or ""
        page = self._page(context, _after(marker, context.parameter("delimiter") or ""))
        shown = _Shown(context)
        next_marker = page.last if page.resume is not None and context.parameter("delimiter") else None
        return xml.document(
            "ListBucketResult",
            {
                "Name": context.bucket,
                "Prefix": shown.name(context.parameter("prefix") or ""),
                "Marker": shown.name(marker),
                "NextMarker": None if next_marker is None else shown.name(next_marker),
                "Delimiter": shown.optional("delimiter"),
                "MaxKeys": _max_keys(context),
                "EncodingType": context.parameter("encoding-type"),
                "IsTruncated": page.resume is not None,
                "Contents": [_entry(info, shown, {"Owner": OWNER}) for info in page.objects],
                "CommonPrefixes": [{"Prefix": shown.name(prefix)} for prefix in page.prefixes],
            },
        )

    def list_versions(self, context: Context) -> Response:
        """ListObjectVersions."""
        self._store.index.bucket(context.bucket)
        _check_encoding(context)
        marker, delimiter = context.parameter("key-marker") or "", context.parameter("delimiter") or ""
        after = context.parameter("version-id-marker") or ""
        if after and not marker:
            raise AwsError("InvalidArgument", "A version-id marker cannot be specified without a key marker.", 400)
        start = marker.encode() if after else _after(marker, delimiter)
        prefix = (context.parameter("prefix") or "").encode()
        entries = self._store.versions.walk(context.bucket, prefix, delimiter.encode(), start)
        if after:
            entries = _behind(entries, marker, after)
        limit = _max_keys(context)
        page = list(islice(entries, limit))
        truncated = limit > 0 and next(entries, None) is not None
        shown = _Shown(context)
        content: dict[str, xml.Value] = {
            "Name": context.bucket,
            "Prefix": shown.name(context.parameter("prefix") or ""),
            "KeyMarker": shown.name(marker),
            "VersionIdMarker": after,
            "Delimiter": shown.optional("delimiter"),
            "MaxKeys": limit,
            "EncodingType": context.parameter("encoding-type"),
            "IsTruncated": truncated,
        }
        last = page[-1] if truncated else None
        if isinstance(last, bytes):
            content["NextKeyMarker"] = shown.name(last.decode())
        elif last is not None:
            content |= {"NextKeyMarker": shown.name(last.info.key), "NextVersionIdMarker": last.id}
        found = [each for each in page if isinstance(each, Version)]
        content["Version"] = [_version_entry(each, shown) for each in found if not each.marker]
        content["DeleteMarker"] = [_marker_entry(each, shown) for each in found if each.marker]
        common: list[xml.Value] = [{"Prefix": shown.name(each.decode())} for each in page if isinstance(each, bytes)]
        content["CommonPrefixes"] = common
        return xml.document("ListVersionsResult", content)

    def _page(self, context: Context, start: bytes) -> Page:
        self._store.index.bucket(context.bucket)
        _check_encoding(context)
        prefix = (context.parameter("prefix") or "").encode()
        delimiter = (context.parameter("delimiter") or "").encode()
        limit = _max_keys(context)
        objects: list[ObjectInfo] = []
        prefixes: list[str] = []
        last = b""
        if not limit:
            return Page(objects, prefixes, None, "")
        for entry in self._store.index.walk(context.bucket, prefix, delimiter, start, limit + 1):
            if len(objects) + len(prefixes) == limit:
                return Page(
                    objects, prefixes, entry.key.encode() if isinstance(entry, ObjectInfo) else entry, last.decode()
                )
            if isinstance(entry, ObjectInfo):
                objects.append(entry)
                last = entry.key.encode()
            else:
                prefixes.append(entry.decode())
                last = entry
        return Page(objects, prefixes, None, "")


class _Shown:
    """Names as the request wants them shown."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._encoded = context.parameter("encoding-type") == "url"

    def name(self, name: str) -> str:
        return quote(name, safe="/*-._") if self._encoded else name

    def optional(self, parameter: str) -> str | None:
        value = self._context.parameter(parameter)
        return None if not value else self.name(value)


def _entry(info: ObjectInfo, shown: _Shown, more: Entry) -> Entry:
    algorithms = [name for name in info.checksums if name != "Type"]
    return {
        "Key": shown.name(info.key),
        "LastModified": info.last_modified,
        "ETag": f'"{info.etag}"',
        "ChecksumAlgorithm": algorithms,
        "ChecksumType": info.checksums.get("Type"),
        "Size": info.size,
        "StorageClass": info.headers.get("x-amz-storage-class", "STANDARD"),
        **more,
    }


def _version_entry(version: Version, shown: _Shown) -> Entry:
    return _entry(version.info, shown, {"VersionId": version.id, "IsLatest": version.latest, "Owner": OWNER})


def _marker_entry(version: Version, shown: _Shown) -> Entry:
    return {
        "Key": shown.name(version.info.key),
        "VersionId": version.id,
        "IsLatest": version.latest,
        "LastModified": version.info.last_modified,
        "Owner": OWNER,
    }


def _behind(entries: Iterator[Version | bytes], key: str, version: str) -> Iterator[Version | bytes]:
    """The entries that follow a version of a key; all of the keys behind it where there is no such version."""
    passed = False
    for entry in entries:
        if passed or isinstance(entry, bytes) or entry.info.key != key:
            yield entry
        passed = passed or (isinstance(entry, Version) and entry.id == version)


def _check_encoding(context: Context) -> None:
    if context.parameter("encoding-type") not in (None, "url"):
        raise AwsError("InvalidArgument", "Invalid Encoding Method specified in Request", 400)


def _max_keys(context: Context) -> int:
    return min(context.integer("max-keys", MAX_KEYS, 0, 2**31 - 1), MAX_KEYS)


def _after(name: str, delimiter: str) -> bytes:
    """The least key after a marker; a marker that ends in the delimiter stands for all that it begins."""
    raw = name.encode()
    if not raw:
        return b""
    if delimiter and name.endswith(delimiter):
        return after_prefix(raw) or raw + b"\0"
    return raw + b"\0"


def _encode_token(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def _decode_token(token: str) -> bytes:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect", 400) from None
