"""Multipart uploads in progress: what was said at their start, and the parts that have come."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from localaws.core import AwsError
from localaws.s3.bodies import Received
from localaws.s3.checksums import composite, of_file
from localaws.s3.copying import append, second_name
from localaws.s3.objects import ObjectInfo
from localaws.s3.store import Attributes, Condition, Store

MIN_PART = 5 << 20
SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, initiated INTEGER NOT NULL, detail TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    checksum TEXT, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Upload:
    """A multipart upload; algorithm is its checksum's, None without one, and type COMPOSITE or FULL_OBJECT."""

    id: str
    bucket: str
    key: str
    initiated: datetime
    attributes: Attributes
    algorithm: str | None
    type: str | None


@dataclass(frozen=True)
class Part:
    """A part that has come; etag is its MD5, checksum base64 or None."""

    number: int
    path: Path
    size: int
    etag: str
    checksum: str | None
    modified: datetime


@dataclass(frozen=True)
class Claim:
    """What a client says of a part when it completes an upload."""

    number: int
    etag: str
    checksum: str | None


class Uploads:
    """The uploads of a store; they outlive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = store.index
        self._folder = store.root / "parts"
        self._folder.mkdir(exist_ok=True)
        self._completing: set[str] = set()
        self._lock = threading.Lock()
        self._index.execute_script(SCHEMA)
        known = {row[0] for row in self._index.query("SELECT file FROM parts")}
        for path in self._folder.iterdir():
            if path.name not in known:
                path.unlink()

    def create(self, bucket: str, key: str, attributes: Attributes, algorithm: str | None, kind: str | None) -> str:
        """Begin an upload; returns its id."""
        self._index.bucket(bucket)
        upload = uuid.uuid4().hex + uuid.uuid4().hex
        detail = json.dumps({"attributes": asdict(attributes), "algorithm": algorithm, "type": kind})
        row = (upload, bucket, key.encode(), int(datetime.now(UTC).timestamp()), detail)
        with self._index.transaction() as db:
            db.execute("INSERT INTO uploads VALUES (?,?,?,?,?)", row)
        return upload

    def get(self, upload: str, bucket: str, key: str) -> Upload:
        """An upload; raises NoSuchUpload."""
        query = "SELECT id, bucket, key, initiated, detail FROM uploads WHERE id=? AND bucket=? AND key=?"
        rows = self._index.query(query, upload, bucket, key.encode())
        if not rows:
            message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            raise AwsError("NoSuchUpload", f"{message}aborted or completed.", 404, UploadId=upload)
        return _upload(rows[0])

    def of_bucket(self, bucket: str) -> list[Upload]:
        """A bucket's uploads by key and age."""
        query = "SELECT id, bucket, key, initiated, detail FROM uploads WHERE bucket=? ORDER BY key, initiated, id"
        return [_upload(row) for row in self._index.query(query, bucket)]

    def add_part(self, upload: Upload, number: int, received: Received) -> Part:
        """Keep a part, replacing one of the same number."""
        name = received.path.name
        checksum = received.checksum[1] if received.checksum and upload.algorithm else None
        now = int(datetime.now(UTC).timestamp())
        received.path.rename(self._folder / name)
        with self._index.transaction() as db:
            self.get(upload.id, upload.bucket, upload.key)
            old = db.execute("SELECT file FROM parts WHERE upload=? AND number=?", (upload.id, number)).fetchone()
            row = (upload.id, number, name, received.size, received.md5, checksum, now)
            db.execute("INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?,?)", row)
        if old is not None:
            (self._folder / old[0]).unlink(missing_ok=True)
        return Part(
            number, self._folder / name, received.size, received.md5, checksum, datetime.fromtimestamp(now, UTC)
        )

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have come, by number."""
        query = "SELECT number, file, size, etag, checksum, modified FROM parts WHERE upload=? ORDER BY number"
        return [
            Part(number, self._folder / file, size, etag, checksum, datetime.fromtimestamp(modified, UTC))
            for number, file, size, etag, checksum, modified in self._index.query(query, upload.id)
        ]

    def complete(
        self, upload: Upload, claims: Sequence[Claim], condition: Condition | None, expected: str | None
    ) -> ObjectInfo:
        """Join the claimed parts to the object; ``expected`` is the checksum of the whole that the client computed."""
        with self._alone(upload):
            parts = self._claimed(upload, claims)
            path = self._store.temporary()
            try:
                _join(parts, path)
                attributes = self._joined_attributes(upload, parts, path, expected)
                event = "ObjectCreated:CompleteMultipartUpload"
                info = self._store.commit(upload.bucket, upload.key, path, attributes, event=event, condition=condition)
            finally:
                path.unlink(missing_ok=True)
            self.abort(upload)
        return info

    def abort(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        parts = self.parts(upload)
        with self._index.transaction() as db:
            db.execute("DELETE FROM parts WHERE upload=?", (upload.id,))
            db.execute("DELETE FROM uploads WHERE id=?", (upload.id,))
        for part in parts:
            part.path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self, upload: Upload) -> Iterator[None]:
        """Keep a second completion of the same upload away while one runs."""
        with self._lock:
            if upload.id in self._completing:
                message = "A conflicting conditional operation is currently in progress against this resource."
                raise AwsError("OperationAborted", message, 409)
            self._completing.add(upload.id)
        try:
            self.get(upload.id, upload.bucket, upload.key)
            yield
        finally:
            with self._lock:
                self._completing.discard(upload.id)

    def _claimed(self, upload: Upload, claims: Sequence[Claim]) -> list[Part]:
        numbers = [claim.number for claim in claims]
        if sorted(set(numbers)) != numbers:
            message = "The list of parts was not in ascending order. Parts must be ordered by part number."
            raise AwsError("InvalidPartOrder", message, 400, UploadId=upload.id)
        known = {part.number: part for part in self.parts(upload)}
        parts = [_matching(known.get(claim.number), claim, upload) for claim in claims]
        for part in parts[:-1]:
            if part.size < MIN_PART:
                message = "Your proposed upload is smaller than the minimum allowed size"
                extra = {"ProposedSize": part.size, "MinSizeAllowed": MIN_PART, "PartNumber": part.number}
                raise AwsError("EntityTooSmall", message, 400, ETag=part.etag, **extra)
        return parts

    def _joined_attributes(self, upload: Upload, parts: Sequence[Part], path: Path, expected: str | None) -> Attributes:
        """What is stored with the joined object: its ETag of the parts' MD5s, and its checksum, which is checked."""
        md5 = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
        checksums: dict[str, str] = {}
        if upload.algorithm and upload.type:
            if upload.type == "FULL_OBJECT":
                value = of_file(path, upload.algorithm)
            else:
                of_parts = [part.checksum or of_file(part.path, upload.algorithm) for part in parts]
                value = composite(of_parts, upload.algorithm)
            if expected is not None and expected.partition("-")[0] != value.partition("-")[0]:
                message = f"The {upload.algorithm} you specified did not match what we computed."
                raise AwsError("BadDigest", message, 400)
            checksums = {upload.algorithm: value, "Type": upload.type}
        etag = f"{md5.hexdigest()}-{len(parts)}"
        return replace(upload.attributes, etag=etag, parts=tuple(part.size for part in parts), checksums=checksums)


def _matching(part: Part | None, claim: Claim, upload: Upload) -> Part:
    """The part that a client claims to have sent."""
    matches = part is not None and part.etag == claim.etag.strip().strip('"')
    if part is None or not matches or claim.checksum not in (None, part.checksum):
        message = (
            "One or more of the specified parts could not be found. The part may not have been uploaded, "
            "or the specified entity tag may not match the part's entity tag."
        )
        extra = {"UploadId": upload.id, "PartNumber": claim.number, "ETag": claim.etag}
        raise AwsError("InvalidPart", message, 400, **extra)
    return part


def _upload(row: tuple[str, str, bytes, int, str]) -> Upload:
    identifier, bucket, key, initiated, text = row
    detail = json.loads(text)
    attributes = Attributes(**{**detail["attributes"], "parts": ()})
    moment = datetime.fromtimestamp(initiated, UTC)
    return Upload(identifier, bucket, key.decode(), moment, attributes, detail["algorithm"], detail["type"])


def _join(parts: Sequence[Part], path: Path) -> None:
    """Write the parts one after another to a new file."""
    if len(parts) == 1:
        second_name(parts[0].path, path)
        return
    with path.open("wb", buffering=0) as target:
        for part in parts:
            with part.path.open("rb", buffering=0) as source:
                append(source, target, part.size)
