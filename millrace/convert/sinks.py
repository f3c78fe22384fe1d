"""Where bytes are written so that a reader sees all of them or none: a local file or an S3 object."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

PART_BYTES = 8 << 20


class Sink(Protocol):
    """Bytes that appear under their name only with ``commit``."""

    def write(self, data: Any) -> int:
        """Append bytes."""

    def commit(self) -> None:
        """Publish what was written, in place of what was there."""

    def abort(self) -> None:
        """Leave what was there; harmless after commit."""


class FileSink:
    """A local file, written beside its place and moved into it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, data: Any) -> int:
        """Append bytes."""
        return self._file.write(data)

    def commit(self) -> None:
        """Move the file to its place."""
        self._file.close()
        self._temporary.replace(self._path)

    def abort(self) -> None:
        """Remove the file beside the place."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class S3Sink:
    """An S3 object: one PutObject if it is small, else a multipart upload; S3 shows neither before it is complete."""

    def __init__(self, s3: Any, bucket: str, key: str, content_type: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": key}
        self._content_type = content_type
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: Any) -> int:
        """Append bytes; a full part is uploaded at once."""
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._upload_part()
        return len(data)

    def commit(self) -> None:
        """Put or complete the object."""
        if self._upload is None:
            self._s3.put_object(**self._where, Body=bytes(self._buffer), ContentType=self._content_type)
            return
        if self._buffer:
            self._upload_part()
        self._s3.complete_multipart_upload(**self._where, UploadId=self._upload, MultipartUpload={"Parts": self._parts})
        self._upload = None

    def abort(self) -> None:
        """Drop the parts that were uploaded."""
        if self._upload is not None:
            self._s3.abort_multipart_upload(**self._where, UploadId=self._upload)
            self._upload = None

    def _upload_part(self) -> None:
        if self._upload is None:
            answer = self._s3.create_multipart_upload(**self._where, ContentType=self._content_type)
            self._upload = answer["UploadId"]
        number = len(self._parts) + 1
        answer = self._s3.upload_part(**self._where, UploadId=self._upload, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()
