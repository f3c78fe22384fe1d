"""The operations of multipart uploads."""

from __future__ import annotations

from urllib.parse import quote

from localaws.core import AwsError
from localaws.s3 import xml
from localaws.s3.bodies import Received, receive
from localaws.s3.checksums import PREFIX, asked_for, new_digest, of_file, types_of
from localaws.s3.conditions import byte_range, is_unmodified, write_condition
from localaws.s3.context import OWNER, Context
from localaws.s3.copying import append
from localaws.s3.object_headers import attributes_of, checksum_elements, copy_source, encryption
from localaws.s3.store import Store, file_md5
from localaws.s3.uploads import Claim, Part, Upload, Uploads
from localaws.web import Response

MAX_PARTS = 10_000


class MultipartApi:
    """Handlers of multipart uploads."""

    def __init__(self, store: Store, uploads: Uploads) -> None:
        self._store = store
        self._uploads = uploads

    def create(self, context: Context) -> Response:
        """CreateMultipartUpload."""
        headers = context.headers
        algorithm = headers.get("x-amz-checksum-algorithm")
        kind = headers.get("x-amz-checksum-type")
        if algorithm is not None:
            algorithm = algorithm.upper()
            new_digest(algorithm)
            kind = (kind or types_of(algorithm)[0]).upper()
            if kind not in types_of(algorithm):
                message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
                raise AwsError("InvalidRequest", message, 400)
        attributes = attributes_of(headers)
        upload = self._uploads.create(context.bucket, context.key, attributes, algorithm, kind)
        content: dict[str, xml.Value] = {"Bucket": context.bucket, "Key": context.key, "UploadId": upload}
        response = xml.document("InitiateMultipartUploadResult", content)
        if algorithm and kind:
            response.headers.update({"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind})
        return response

    def upload_part(self, context: Context) -> Response:
        """UploadPart."""
        upload, number = self._upload(context), self._number(context)
        given = asked_for(context.headers)
        if given and upload.algorithm and given[0] != upload.algorithm:
            message = f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, actual: {given[0]}"
            raise AwsError("InvalidRequest", message, 400)
        received = receive(context.request, self._store.temporary(), algorithm=upload.algorithm)
        part = self._uploads.add_part(upload, number, received)
        response = Response(200, {"ETag": f'"{part.etag}"'})
        if received.checksum:
            response.headers[PREFIX + received.checksum[0].lower()] = received.checksum[1]
        return response

    def upload_part_copy(self, context: Context) -> Response:
        """UploadPartCopy."""
        upload, number = self._upload(context), self._number(context)
        source, file = self._store.open_object(*copy_source(context.headers))
        path = self._store.temporary()
        try:
            with file, path.open("wb", buffering=0) as target:
                is_unmodified(source, context.headers, "x-amz-copy-source-")
                asked = context.headers.get("x-amz-copy-source-range")
                offset, size = byte_range(asked, source.size) or (0, source.size)
                if asked is not None and asked != f"bytes={offset}-{offset + size - 1}":
                    message = f"Range specified is not valid for source object of size: {source.size}"
                    raise AwsError("InvalidArgument", message, 400, ArgumentName="x-amz-copy-source-range")
                file.seek(offset)
                append(file, target, size)
            checksum = (upload.algorithm, of_file(path, upload.algorithm)) if upload.algorithm else None
            part = self._uploads.add_part(upload, number, Received(path, size, file_md5(path), checksum))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        content: dict[str, xml.Value] = {"ETag": f'"{part.etag}"', "LastModified": part.modified}
        content.update(_part_checksum(upload, part))
        return xml.document("CopyPartResult", content)

    def complete(self, context: Context) -> Response:
        """CompleteMultipartUpload."""
        upload = self._upload(context)
        root = xml.parse(context.body())
        elements = root.findall("Part")
        if root.tag != "CompleteMultipartUpload" or not elements:
            raise xml.malformed("CompleteMultipartUpload must hold Part elements")
        claims = []
        for element in elements:
            number, etag = xml.text_of(element, "PartNumber"), xml.text_of(element, "ETag")
            if number is None or not number.isdigit() or etag is None:
                raise xml.malformed("a Part needs PartNumber and ETag")
            checksum = xml.text_of(element, f"Checksum{upload.algorithm}") if upload.algorithm else None
            claims.append(Claim(int(number), etag, checksum))
        condition = write_condition(context.key, context.headers)
        expected = context.headers.get(PREFIX + upload.algorithm.lower()) if upload.algorithm else None
        info = self._uploads.complete(upload, claims, condition, expected)
        location = f"http://{context.headers.get('host', '')}/{context.bucket}/{quote(context.key)}"
        content: dict[str, xml.Value] = {"Location": location, "Bucket": context.bucket, "Key": context.key}
        content["ETag"] = f'"{info.etag}"'
        content.update(checksum_elements(info))
        response = xml.document("CompleteMultipartUploadResult", content)
        response.headers.update(encryption(info))
        if info.version:
            response.headers["x-amz-version-id"] = info.version
        return response

    def abort(self, context: Context) -> Response:
        """AbortMultipartUpload."""
        self._uploads.abort(self._upload(context))
        return Response(204)

    def list_parts(self, context: Context) -> Response:
        """ListParts."""
        upload = self._upload(context)
        marker = context.integer("part-number-marker", 0, 0, 2**31 - 1)
        limit = min(context.integer("max-parts", 1000, 0, 2**31 - 1), 1000)
        later = [part for part in self._uploads.parts(upload) if part.number > marker]
        page = later[:limit]
        parts: list[xml.Value] = [_part_entry(upload, part) for part in page]
        return xml.document(
            "ListPartsResult",
            {
                "Bucket": context.bucket,
                "Key": context.key,
                "UploadId": upload.id,
                "PartNumberMarker": marker,
                "NextPartNumberMarker": page[-1].number if page else marker,
                "MaxParts": limit,
                "IsTruncated": len(later) > len(page),
                "Part": parts,
                "Initiator": OWNER,
                "Owner": OWNER,
                "StorageClass": upload.attributes.headers.get("x-amz-storage-class", "STANDARD"),
                "ChecksumAlgorithm": upload.algorithm,
                "ChecksumType": upload.type,
            },
        )

    def list_uploads(self, context: Context) -> Response:
        """ListMultipartUploads."""
        self._store.index.bucket(context.bucket)
        if context.parameter("delimiter"):
            raise AwsError("NotImplemented", "ListMultipartUploads is not done with a delimiter here.", 501)
        prefix, marker = context.parameter("prefix") or "", context.parameter("key-marker") or ""
        after = context.parameter("upload-id-marker") or ""
        limit = min(context.integer("max-uploads", 1000, 1, 2**31 - 1), 1000)
        url = context.parameter("encoding-type") == "url"
        found = [upload for upload in self._uploads.of_bucket(context.bucket) if upload.key.startswith(prefix)]
        found.sort(key=lambda upload: (upload.key.encode(), upload.id))
        if marker:
            found = [
                upload
                for upload in found
                if upload.key.encode() > marker.encode() or (upload.key == marker and after and upload.id > after)
            ]
        page = found[:limit]
        truncated = len(found) > limit
        uploads: list[xml.Value] = [
            {
                "Key": quote(upload.key) if url else upload.key,
                "UploadId": upload.id,
                "Initiator": OWNER,
                "Owner": OWNER,
                "StorageClass": upload.attributes.headers.get("x-amz-storage-class", "STANDARD"),
                "Initiated": upload.initiated,
                "ChecksumAlgorithm": upload.algorithm,
                "ChecksumType": upload.type,
            }
            for upload in page
        ]
        return xml.document(
            "ListMultipartUploadsResult",
            {
                "Bucket": context.bucket,
                "KeyMarker": marker,
                "UploadIdMarker": after,
                "NextKeyMarker": page[-1].key if truncated else None,
                "NextUploadIdMarker": page[-1].id if truncated else None,
                "Prefix": prefix,
                "EncodingType": "url" if url else None,
                "MaxUploads": limit,
                "IsTruncated": truncated,
                "Upload": uploads,
            },
        )

    def _upload(self, context: Context) -> Upload:
        self._store.index.bucket(context.bucket)
        return self._uploads.get(context.parameter("uploadId") or "", context.bucket, context.key)

    def _number(self, context: Context) -> int:
        return context.integer("partNumber", 0, 1, MAX_PARTS)


def _part_entry(upload: Upload, part: Part) -> dict[str, xml.Value]:
    entry: dict[str, xml.Value] = {"PartNumber": part.number, "LastModified": part.modified}
    entry.update({"ETag": f'"{part.etag}"', "Size": part.size})
    entry.update(_part_checksum(upload, part))
    return entry


def _part_checksum(upload: Upload, part: Part) -> dict[str, xml.Value]:
    return {f"Checksum{upload.algorithm}": part.checksum} if upload.algorithm and part.checksum else {}
