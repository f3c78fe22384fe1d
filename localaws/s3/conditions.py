"""Conditional requests and byte ranges, as RFC 9110 and S3 have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from localaws.core import AwsError
from localaws.s3.objects import NoSuchKey, ObjectInfo, PreconditionFailed
from localaws.s3.store import Condition

RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)


def is_unmodified(info: ObjectInfo, headers: Mapping[str, str], prefix: str = "") -> bool:
    """Whether the answer is 304; raises PreconditionFailed where it is 412.

    prefix is ``x-amz-copy-source-`` for a copy's conditions, where 304 is 412 too.
    """
    if_match = headers.get(f"{prefix}if-match")
    if if_match is not None:
        if not _names(if_match, info.etag):
            raise PreconditionFailed("If-Match")
    elif (since := _date(headers.get(f"{prefix}if-unmodified-since"))) and info.last_modified > since:
        raise PreconditionFailed("If-Unmodified-Since")
    if_none_match = headers.get(f"{prefix}if-none-match")
    if if_none_match is not None:
        same, name = _names(if_none_match, info.etag), "If-None-Match"
    else:
        since = _date(headers.get(f"{prefix}if-modified-since"))
        same, name = since is not None and info.last_modified <= since, "If-Modified-Since"
    if same and prefix:
        raise PreconditionFailed(name)
    return same


def write_condition(key: str, headers: Mapping[str, str]) -> Condition | None:
    """What a put, a completion or a delete demands of the object that is there, or None."""
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match is None and if_none_match is None:
        return None
    if if_none_match is not None and if_none_match.strip() != "*":
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, 501, Header="If-None-Match")

    def check(old: ObjectInfo | None) -> None:
        if if_none_match is not None and old is not None:
            raise PreconditionFailed("If-None-Match")
        if if_match is not None:
            if old is None:
                raise NoSuchKey(key)
            if not _names(if_match, old.etag):
                raise PreconditionFailed("If-Match")

    return check


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(offset, length) of the one range asked for, None for the whole; raises InvalidRange when it holds no byte.

    A header that S3 does not understand, several ranges among them, is ignored.
    """
    match = RANGE.fullmatch(header) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    if first:
        offset = int(first)
        end = min(int(last) + 1, size) if last else size
    else:
        offset = max(size - int(last), 0)
        end = size
    if offset >= end:
        message = "The requested range is not satisfiable"
        raise AwsError("InvalidRange", message, 416, RangeRequested=header, ActualObjectSize=size)
    return offset, end - offset


def _names(header: str, etag: str) -> bool:
    return any(each.strip().removeprefix("W/").strip('"') in ("*", etag) for each in header.split(","))


def _date(header: str | None) -> datetime | None:
    """An HTTP date; None where there is none or it cannot be read, which is then ignored."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
