"""Bucket settings that are documents: kept as they were put, given back, and checked for their outer form.

Policies are not enforced, lifecycle rules do not run, no access is logged, objects are not encrypted on disk:
docs/localaws/s3.md says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from localaws.core import AwsError
from localaws.s3 import xml
from localaws.s3.context import OWNER, Context
from localaws.s3.store import Store
from localaws.web import Response

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
GRANT = (
    f"<Owner><ID>{OWNER['ID']}</ID><DisplayName>{OWNER['DisplayName']}</DisplayName></Owner><AccessControlList><Grant>"
    f'<Grantee {XSI} xsi:type="CanonicalUser"><ID>{OWNER["ID"]}</ID><DisplayName>{OWNER["DisplayName"]}</DisplayName>'
    "</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"
)


DELETED = ""
# A lifecycle's one setting that is no part of its document.
MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"
MINIMUM_DEFAULT = "all_storage_classes_128K"


@dataclass(frozen=True)
class Kind:
    """A sub-resource: its document's root, and what a bucket without one answers: a document's inside or an error.

    A kind with both has the document by default, and the error once that was deleted.
    """

    root: str
    default: str | None = None
    missing: tuple[str, str] = ("", "")
    writable: bool = True
    put_status: int = 200


KINDS: Mapping[str, Kind] = {
    "policy": Kind("", missing=("NoSuchBucketPolicy", "The bucket policy does not exist"), put_status=204),
    "tagging": Kind("Tagging", missing=("NoSuchTagSet", "The TagSet does not exist"), put_status=204),
    "encryption": Kind(
        "ServerSideEncryptionConfiguration",
        "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>",
    ),
    "publicAccessBlock": Kind(
        "PublicAccessBlockConfiguration",
        missing=("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
    ),
    "ownershipControls": Kind(
        "OwnershipControls",
        "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
        missing=("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    ),
    "lifecycle": Kind(
        "LifecycleConfiguration",
        missing=("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    ),
    "cors": Kind("CORSConfiguration", missing=("NoSuchCORSConfiguration", "The CORS configuration does not exist")),
    "acl": Kind("AccessControlPolicy", GRANT, writable=False),
    "accelerate": Kind("AccelerateConfiguration", ""),
    "requestPayment": Kind("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    "logging": Kind("BucketLoggingStatus", ""),
    "website": Kind(
        "WebsiteConfiguration",
        missing=("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
        writable=False,
    ),
    "replication": Kind(
        "ReplicationConfiguration",
        missing=("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
        writable=False,
    ),
    "object-lock": Kind(
        "ObjectLockConfiguration",
        missing=(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
        writable=False,
    ),
}

WRITABLE = tuple(name for name, kind in KINDS.items() if kind.writable)


class DocumentsApi:
    """Handlers of get, put and delete of the kinds above."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, context: Context) -> Response:
        """The document, or what a bucket without one answers."""
        name, kind = self._kind(context)
        content_type = "application/xml" if kind.root else "application/json"
        text = self._store.index.setting(context.bucket, f"document:{name}")
        if not text:
            if kind.default is None or text == DELETED:
                code, message = kind.missing
                raise AwsError(code, message, 404, BucketName=context.bucket)
            head = '<?xml version="1.0" encoding="UTF-8"?>\n'
            text = f'{head}<{kind.root} xmlns="{xml.NAMESPACE}">{kind.default}</{kind.root}>'
        headers = {"Content-Type": content_type}
        if name == "lifecycle":
            headers[MINIMUM_SIZE] = self._store.index.setting(context.bucket, MINIMUM_SIZE) or MINIMUM_DEFAULT
        return Response(200, headers, text.encode())

    def put(self, context: Context) -> Response:
        """Keep a document."""
        name, kind = self._kind(context)
        body = context.body()
        if kind.root:
            root = xml.parse(body)
            if root.tag != kind.root:
                raise xml.malformed(f"expected {kind.root}, not {root.tag}")
        else:
            _check_policy(body)
        self._store.index.set_setting(context.bucket, f"document:{name}", body.decode())
        if name != "lifecycle":
            return Response(kind.put_status)
        minimum = context.headers.get(MINIMUM_SIZE) or MINIMUM_DEFAULT
        self._store.index.set_setting(context.bucket, MINIMUM_SIZE, minimum)
        return Response(kind.put_status, {MINIMUM_SIZE: minimum})

    def delete(self, context: Context) -> Response:
        """Forget a document."""
        name, kind = self._kind(context)
        left = DELETED if kind.default is not None and kind.missing[0] else None
        self._store.index.set_setting(context.bucket, f"document:{name}", left)
        return Response(204)

    def _kind(self, context: Context) -> tuple[str, Kind]:
        self._store.index.bucket(context.bucket)
        name = next(name for name in context.request.query if name in KINDS)
        return name, KINDS[name]


def _check_policy(body: bytes) -> None:
    try:
        policy = json.loads(body)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise AwsError("MalformedPolicy", "Policies must be valid JSON and hold a Statement", 400)
