"""An object's attributes as headers: what a request stores, what an answer tells, what a copy takes over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote

from localaws.core import AwsError
from localaws.s3.checksums import PREFIX
from localaws.s3.conditions import is_unmodified
from localaws.s3.context import Context
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import DEFAULT_TYPE, Attributes
from localaws.web import Headers

# Request headers that are stored and given back as they are.
STORED = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-language": "Content-Language",
    "expires": "Expires",
    "x-amz-storage-class": "x-amz-storage-class",
    "x-amz-website-redirect-location": "x-amz-website-redirect-location",
    "x-amz-server-side-encryption-aws-kms-key-id": "x-amz-server-side-encryption-aws-kms-key-id",
}
META = "x-amz-meta-"
MAX_METADATA = 2048
MAX_TAGS = 10


def describe(info: ObjectInfo) -> dict[str, str]:
    """The headers that tell of an object."""
    fields = {
        "ETag": f'"{info.etag}"',
        "Last-Modified": http_date(info.last_modified),
        "Accept-Ranges": "bytes",
        "Content-Type": info.content_type,
        **info.headers,
        **encryption(info),
    }
    if info.content_encoding:
        fields["Content-Encoding"] = info.content_encoding
    if info.tags:
        fields["x-amz-tagging-count"] = str(len(info.tags))
    # HTTP carries latin-1; clients that send other characters send UTF-8, and get it back.
    fields.update({META + name: value.encode().decode("latin-1") for name, value in info.metadata.items()})
    return fields


def encryption(info: ObjectInfo) -> dict[str, str]:
    """The encryption that the client asked for, by default S3's own; it is noted, not done."""
    return {"x-amz-server-side-encryption": info.headers.get("x-amz-server-side-encryption", "AES256")}


def checksum_headers(info: ObjectInfo) -> dict[str, str]:
    """The stored checksum as response headers."""
    return {PREFIX + name.lower(): value for name, value in info.checksums.items()}


def checksum_elements(info: ObjectInfo) -> dict[str, str]:
    """The stored checksum as XML elements."""
    return {f"Checksum{name}": value for name, value in info.checksums.items()}


def http_date(moment: datetime) -> str:
    """A time as HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def attributes_of(headers: Headers) -> Attributes:
    """What an upload's headers say of the object."""
    metadata = {name: _utf8(value) for name, value in headers.of_prefix(META)}
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > MAX_METADATA:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise AwsError("MetadataTooLarge", message, 400, MaxSizeAllowed=MAX_METADATA)
    encodings = [each.strip() for each in headers.get("content-encoding", "").split(",")]
    stored = {shown: headers[name] for name, shown in STORED.items() if name in headers}
    if (algorithm := headers.get("x-amz-server-side-encryption")) is not None:
        if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
            raise AwsError("InvalidArgument", "The encryption method specified is not supported", 400)
        stored["x-amz-server-side-encryption"] = algorithm
    if stored.get("x-amz-storage-class") == "STANDARD":
        del stored["x-amz-storage-class"]
    return Attributes(
        content_type=headers.get("content-type") or DEFAULT_TYPE,
        metadata=metadata,
        content_encoding=",".join(each for each in encodings if each and each != "aws-chunked") or None,
        headers=stored,
        tags=checked_tags(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)),
    )


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Tags by S3's rules: at most ten, no key twice, lengths within 128 and 256 characters."""
    tags = dict(pairs)
    if len(pairs) > MAX_TAGS:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10", 400)
    if len(tags) != len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key", 400)
    for key, value in pairs:
        if not 1 <= len(key) <= 128:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", 400)
        if len(value) > 256:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid", 400)
    return tags


def copy_source(headers: Headers) -> tuple[str, str, str | None]:
    """(bucket, key, version) that ``x-amz-copy-source`` names."""
    path, _, version = headers["x-amz-copy-source"].partition("?versionId=")
    bucket, _, key = unquote(path, errors="surrogateescape").removeprefix("/").partition("/")
    if not bucket or not key or path.startswith("arn:"):
        raise AwsError(
            "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", 400
        )
    return bucket, key, version or None


def copied_attributes(context: Context, source: ObjectInfo) -> Attributes:
    """What is stored with a copy; raises where the request's conditions do not hold or nothing would change."""
    headers = context.headers
    is_unmodified(source, headers, "x-amz-copy-source-")
    if _directive(headers, "x-amz-metadata-directive") == "REPLACE":
        attributes = attributes_of(headers)
    elif (source.bucket, source.key) == (context.bucket, context.key) and not copy_source(headers)[2]:
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise AwsError("InvalidRequest", message, 400)
    else:
        attributes = Attributes(source.content_type, source.metadata, source.content_encoding, source.headers)
    retagged = _directive(headers, "x-amz-tagging-directive") == "REPLACE"
    # A copy is written whole: what was computed over the parts of its source is not its own.
    return replace(
        attributes,
        tags=attributes_of(headers).tags if retagged else source.tags,
        checksums={} if source.checksums.get("Type") == "COMPOSITE" else dict(source.checksums),
        etag=None if "-" in source.etag else source.etag,
    )


def _directive(headers: Headers, name: str) -> str:
    value = headers.get(name, "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise AwsError("InvalidArgument", f"Unknown {name.removeprefix('x-amz-')}.", 400, ArgumentValue=value)
    return value


def part_span(info: ObjectInfo, number: int, asked: str) -> tuple[int, int] | None:
    """Where a part of a multipart upload lies; an object that was put whole has one part."""
    parts = info.parts or (info.size,)
    if number > len(parts):
        message = "The requested partnumber is not satisfiable"
        raise AwsError("InvalidPartNumber", message, 416, PartNumberRequested=asked, ActualPartCount=len(parts))
    return (sum(parts[: number - 1]), parts[number - 1]) if info.size else None


def _utf8(value: str) -> str:
    """A header's value, which HTTP brings as latin-1: clients send UTF-8 or RFC 2047 words; the latter stay."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
