"""The operations on one object: get, head, put, copy, delete, tags and attributes."""

from __future__ import annotations

from dataclasses import replace

from localaws.core import AwsError
from localaws.s3 import xml
from localaws.s3.bodies import check_body_md5, receive
from localaws.s3.conditions import byte_range, is_unmodified, write_condition
from localaws.s3.context import Context
from localaws.s3.object_headers import (
    attributes_of,
    checked_tags,
    checksum_elements,
    checksum_headers,
    copied_attributes,
    copy_source,
    describe,
    encryption,
    http_date,
    part_span,
)
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Condition, Store
from localaws.s3.versions import NULL
from localaws.web import FileSlice, Response

OVERRIDES = ("Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding")


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
            span = part_span(info, context.integer("partNumber", 1, 1, 10000), number)
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
            attributes = copied_attributes(context, source)
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
