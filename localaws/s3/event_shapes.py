"""An object's event in the two shapes that S3 gives it: a notification's record, and EventBridge's event."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from localaws.core import ACCOUNT_ID, REGION
from localaws.s3.context import OWNER
from localaws.s3.objects import ObjectInfo

# The event's name in notifications: detail type, reason and deletion type on EventBridge.
_BRIDGED = {
    "ObjectCreated:Put": ("Object Created", "PutObject", None),
    "ObjectCreated:Copy": ("Object Created", "CopyObject", None),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload", None),
    "ObjectRemoved:Delete": ("Object Deleted", "DeleteObject", "Permanently Deleted"),
    "ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject", "Delete Marker Created"),
    "ObjectTagging:Put": ("Object Tags Added", None, None),
    "ObjectTagging:Delete": ("Object Tags Deleted", None, None),
}
_lock = threading.Lock()
_last = 0


@dataclass(frozen=True)
class ObjectEvent:
    """Something that happened to an object: ``name`` is such as ``ObjectCreated:Put``."""

    name: str
    info: ObjectInfo
    time: datetime
    sequencer: str

    def record(self, rule_id: str) -> Mapping[str, Any]:
        """The record of a notification."""
        described: dict[str, Any] = {"key": quote_plus(self.info.key, safe="/*-._~")}
        if self.name.startswith("ObjectCreated"):
            described |= {"size": self.info.size, "eTag": self.info.etag}
        elif self.name != "ObjectRemoved:Delete":
            described["eTag"] = self.info.etag
        if self.info.version is not None:
            described["versionId"] = self.info.version
        described["sequencer"] = self.sequencer
        return {
            "eventVersion": "2.3" if self.name.startswith("ObjectTagging") else "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": iso(self.time),
            "eventName": self.name,
            "userIdentity": {"principalId": f"AWS:{ACCOUNT_ID}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": self.sequencer, "x-amz-id-2": "localaws"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": rule_id,
                "bucket": {
                    "name": self.info.bucket,
                    "ownerIdentity": {"principalId": OWNER["ID"]},
                    "arn": f"arn:aws:s3:::{self.info.bucket}",
                },
                "object": described,
            },
        }

    def bridged(self) -> tuple[str, dict[str, Any]]:
        """(detail type, detail) on EventBridge."""
        detail_type, reason, deletion = _BRIDGED[self.name]
        described: dict[str, Any] = {"key": self.info.key}
        if self.name.startswith("ObjectCreated"):
            described["size"] = self.info.size
        described["etag"] = self.info.etag
        if self.info.version is not None:
            described["version-id"] = self.info.version
        if reason:
            described["sequencer"] = self.sequencer
        detail: dict[str, Any] = {"version": "0", "bucket": {"name": self.info.bucket}, "object": described}
        detail |= {"request-id": self.sequencer, "requester": ACCOUNT_ID, "source-ip-address": "127.0.0.1"}
        if reason:
            detail["reason"] = reason
        if deletion:
            detail["deletion-type"] = deletion
        return detail_type, detail


def happened(name: str, info: ObjectInfo) -> ObjectEvent:
    """An event of now; later events have greater sequencers."""
    global _last
    with _lock:
        _last = max(_last + 1, time.time_ns() // 1000)
        sequencer = f"{_last:018X}"
    return ObjectEvent(name, info, datetime.now(UTC), sequencer)


def iso(moment: datetime) -> str:
    """A time with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
