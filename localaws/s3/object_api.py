"""The operations on one object: get, head, put, copy, delete, tags and attributes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote

from localaws.core import AwsError
from localaws.s3 import xml
from localaws.s3.bodies import check_body_md5, receive
from localaws.s3.checksums import PREFIX
from localaws.s3.conditions import byte_range, is_unmodified, write_condition
from localaws.s3.context import Context
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import DEFAULT_TYPE, Attributes, Condition, Store
from localaws.s3.versions import NULL
from localaws.web import FileSlice, Headers, Response

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
OVERRIDES = ("Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding")
META = "x-amz-meta-"
MAX_METADATA = 2048
MAX_TAGS = 10


class ObjectApi:
    """Handlers of requests whose path names a key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, context: Context) -> Response:
        """GetObject."""
        info, file = self._store.open_object(context.bucket, context.key, context.version)
        try:
            response, offset, size = self._described(context, info)
        except BaseException:
            file.close()
            raise
        if response.status == 304:
            file.close()
            return response
        response.body = FileSlice(file, offset, size)
        return response

    def head(self, context: Context) -> Response:
        """HeadObject."""
        response, _, size = self._described(context, self._store.head(context.bucket, context.key, context.version))
        response.length = size
        return response

    def _described(self, context: Context, info: ObjectInfo) -> tuple[Response, int, int]:
        """The answer without its body, and which bytes that is."""
        headers = context.headers
        if is_unmodified(info, headers):
            return Response(304, {"ETag": f'"{info.etag}"', "Last-Modified": http_date(info.last_modified)}), 0, 0
        fields = {**describe(info), **self._version_of(info)}
        span = byte_range(headers.get("range"), info.size)
        if (number := context.parameter("partNumber")) is not None:
            if "range" in headers:
                raise AwsError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter", 400)
            span = _part_span(info, context.integer("partNumber", 1, 1, 10000), number)
            fields["x-amz-mp-parts-count"] = str(len(info.parts) or 1)
        if headers.get("x-amz-checksum-mode", "").upper() == "ENABLED" and span is None:
            fields.update(checksum_headers(info))
        for name in OVERRIDES:
            if (value := context.parameter(f"response-{name.lower()}")) is not None:
                fields[name] = value
        if span is None:
            return Response(200, fields), 0, info.size
        offset, size = span
        fields["Content-Range"] = f"bytes {offset}-{offset + size - 1}/{info.size}"
        return Response(206, fields), offset, size

    def put(self, context: Context) -> Response:
        """PutObject."""
        self._store.index.bucket(context.bucket)
        attributes = attributes_of(context.headers)
        condition = write_condition(context.key, context.headers)
        received = receive(context.request, self._store.temporary())
        checksums = dict([received.checksum, ("Type", "FULL_OBJECT")]) if received.checksum else {}
        attributes = replace(attributes, etag=received.md5, checksums=checksums)
        try:
            info = self._store.commit(context.bucket, context.key, received.path, attributes, condition=condition)
        finally:
            received.path.unlink(missing_ok=True)
        told = {**encryption(info), **checksum_headers(info), **self._version_of(info)}
        return Response(200, {"ETag": f'"{info.etag}"', **told})

    def copy(self, context: Context) -> Response:
        """CopyObject: a second name for the same bytes on disk, which are never changed in place."""
        headers = context.headers
        condition = write_condition(context.key, headers)
        source, path = self._store.link_object(*copy_source(headers))
        try:
            attributes = _copied_attributes(context, source)
            info = self._store.commit(
                context.bucket, context.key, path, attributes, event="ObjectCreated:Copy", condition=condition
            )
        finally:
            path.unlink(missing_ok=True)
        result: dict[str, xml.Value] = {
            "ETag": f'"{info.etag}"',
            "LastModified": info.last_modified,
            **checksum_elements(info),
        }
        response = xml.document("CopyObjectResult", result)
        response.headers.update({**encryption(info), **self._version_of(info)})
        if self._store.versions.state(source.bucket):
            response.headers["x-amz-copy-source-version-id"] = source.version or NULL
        return response

    def _version_of(self, info: ObjectInfo) -> dict[str, str]:
        """The header that tells an object's version, where its bucket has had versioning."""
        return {"x-amz-version-id": info.version or NULL} if self._store.versions.state(info.bucket) else {}

    def delete(self, context: Context) -> Response:
        """DeleteObject."""
        condition = write_condition(context.key, context.headers)
        told = self._delete(context.bucket, context.key, context.version, condition)
        headers = {"VersionId": "x-amz-version-id", "DeleteMarker": "x-amz-delete-marker"}
        return Response(204, {headers[name]: value for name, value in told.items() if name in headers})

    def _delete(self, bucket: str, key: str, version: str | None, condition: Condition | None) -> dict[str, str]:
        """What DeleteObjects tells of a key, beside the key."""
        if version is not None:
            removed = self._store.delete_version(bucket, key, version, condition=condition)
            told = {"VersionId": version} if self._store.versions.state(bucket) else {}
            if removed and removed.marker:
                told |= {"DeleteMarker": "true", "DeleteMarkerVersionId": version}
            return told
        marker = self._store.delete(bucket, key, condition=condition)
        if marker is None:
            return {}
        identifier = marker.version or NULL
        return {"DeleteMarker": "true", "DeleteMarkerVersionId": identifier, "VersionId": identifier}

    def delete_many(self, context: Context) -> Response:
        """DeleteObjects."""
        self._store.index.bucket(context.bucket)
        body = context.body()
        check_body_md5(context.request, body)
        root = xml.parse(body)
        entries = root.findall("Object")
        if root.tag != "Delete" or not 1 <= len(entries) <= 1000:
            raise xml.malformed("Delete must hold 1 to 1000 Object elements")
        deleted: list[xml.Value] = []
        errors: list[xml.Value] = []
        for entry in entries:
            key = xml.text_of(entry, "Key")
            if key is None:
                raise xml.malformed("an Object has no Key")
            etag = xml.text_of(entry, "ETag")
            condition = write_condition(key, {"if-match": etag} if etag else {})
            try:
                version = xml.text_of(entry, "VersionId") or None
                told = self._delete(context.bucket, key, version, condition)
                if version is None:
                    told.pop("VersionId", None)
                entry_told: dict[str, xml.Value] = {"Key": key}
                entry_told.update(told)
                deleted.append(entry_told)
            except AwsError as error:
                errors.append({"Key": key, "Code": error.code, "Message": error.message})
        quiet = (xml.text_of(root, "Quiet") or "").lower() == "true"
        return xml.document("DeleteResult", {"Deleted": None if quiet else deleted, "Error": errors})

    def get_tags(self, context: Context) -> Response:
        """GetObjectTagging."""
        info = self._store.head(context.bucket, context.key, context.version)
        tags: list[xml.Value] = [{"Key": key, "Value": value} for key, value in info.tags.items()]
        response = xml.document("Tagging", {"TagSet": {"Tag": tags}})
        response.headers.update(self._version_of(info))
        return response

    def put_tags(self, context: Context) -> Response:
        """PutObjectTagging."""
        root = xml.parse(context.body())
        found = root.findall("TagSet/Tag")
        pairs = [(xml.text_of(tag, "Key") or "", xml.text_of(tag, "Value") or "") for tag in found]
        if root.tag != "Tagging" or root.find("TagSet") is None:
            raise xml.malformed("Tagging must hold a TagSet")
        info = self._store.set_tags(context.bucket, context.key, checked_tags(pairs), context.version)
        return Response(200, self._version_of(info))

    def delete_tags(self, context: Context) -> Response:
        """DeleteObjectTagging."""
        info = self._store.set_tags(context.bucket, context.key, {}, context.version)
        return Response(204, self._version_of(info))

    def attributes(self, context: Context) -> Response:
        """GetObjectAttributes."""
        info = self._store.head(context.bucket, context.key, context.version)
        asked = {each.strip() for each in context.headers.get("x-amz-object-attributes", "").split(",")}
        if asked == {""}:
            raise AwsError("InvalidArgument", "The x-amz-object-attributes header specifying the attributes is missing")
        known: dict[str, xml.Value] = {
            "ETag": info.etag,
            "Checksum": checksum_elements(info) or None,
            "ObjectParts": {"PartsCount": len(info.parts)} if info.parts else None,
            "StorageClass": info.headers.get("x-amz-storage-class", "STANDARD"),
            "ObjectSize": info.size,
        }
        if unknown := asked - known.keys():
            raise AwsError("InvalidArgument", f"Invalid attribute name specified: {min(unknown)}", 400)
        chosen = {name: value for name, value in known.items() if name in asked}
        response = xml.document("GetObjectAttributesResponse", chosen)
        response.headers.update({"Last-Modified": http_date(info.last_modified), **self._version_of(info)})
        return response


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


def _copied_attributes(context: Context, source: ObjectInfo) -> Attributes:
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


def _part_span(info: ObjectInfo, number: int, asked: str) -> tuple[int, int] | None:
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
