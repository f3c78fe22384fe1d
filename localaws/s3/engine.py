"""The embedded S3: which operation a request is, and its answer or error."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from localaws.core import AwsError, NotSupported, World
from localaws.s3 import xml
from localaws.s3.bucket_api import BucketApi
from localaws.s3.context import Context, Operation, address, check_request
from localaws.s3.documents_api import KINDS, WRITABLE, DocumentsApi
from localaws.s3.listing_api import ListingApi
from localaws.s3.multipart_api import MultipartApi
from localaws.s3.notification_api import NotificationApi
from localaws.s3.notifications import Notifications
from localaws.s3.object_api import ObjectApi
from localaws.s3.objects import check_bucket_name
from localaws.s3.uploads import Uploads
from localaws.web import Request, Response

# Query parameters that name a part of a bucket or object rather than modify a request.
SUBRESOURCES = frozenset(
    " ".join(
        (
            "abac accelerate acl analytics annotation attributes cors delete encryption intelligent-tiering",
            "inventory legal-hold lifecycle location logging metadataAnnotationTable metadataConfiguration",
            "metadataInventoryTable metadataJournalTable metadataTable metrics notification object-lock",
            "ownershipControls policy policyStatus publicAccessBlock renameObject replication requestPayment restore",
            "retention select session tagging torrent uploadId uploads versioning versions website",
        )
    ).split()
)
READS = ("GET", "HEAD")

log = logging.getLogger(__name__)


class S3Engine:
    """Answers the requests that are signed for S3."""

    def __init__(self, world: World) -> None:
        objects = ObjectApi(world.store)
        listings = ListingApi(world.store)
        uploads = Uploads(world.store)
        multipart = MultipartApi(world.store, uploads)
        documents = DocumentsApi(world.store)
        changes = {"PUT": documents.put, "DELETE": documents.delete}
        self._notifications = Notifications(world)
        notification = NotificationApi(world.store, self._notifications)
        buckets = BucketApi(world.store, uploads, self._notifications)
        # By method and sub-resource.
        self._of_bucket: Mapping[tuple[str, str], Operation] = {
            ("PUT", ""): buckets.create,
            ("DELETE", ""): buckets.delete,
            ("HEAD", ""): buckets.head,
            ("GET", ""): listings.list_v1,
            ("GET", "list-type"): listings.list_v2,
            ("GET", "versions"): listings.list_versions,
            ("GET", "location"): buckets.location,
            ("GET", "versioning"): buckets.get_versioning,
            ("PUT", "versioning"): buckets.put_versioning,
            ("POST", "delete"): objects.delete_many,
            ("GET", "uploads"): multipart.list_uploads,
            ("GET", "notification"): notification.get,
            ("PUT", "notification"): notification.put,
            **{("GET", kind): documents.get for kind in KINDS},
            **{(method, kind): put for kind in WRITABLE for method, put in changes.items()},
        }
        self._of_object: Mapping[tuple[str, str], Operation] = {
            ("GET", ""): objects.get,
            ("HEAD", ""): objects.head,
            ("PUT", ""): objects.put,
            ("PUT", "copy"): objects.copy,
            ("DELETE", ""): objects.delete,
            ("GET", "tagging"): objects.get_tags,
            ("PUT", "tagging"): objects.put_tags,
            ("DELETE", "tagging"): objects.delete_tags,
            ("GET", "attributes"): objects.attributes,
            ("POST", "uploads"): multipart.create,
            ("PUT", "uploadId"): multipart.upload_part,
            ("PUT", "copy part"): multipart.upload_part_copy,
            ("GET", "uploadId"): multipart.list_parts,
            ("POST", "uploadId"): multipart.complete,
            ("DELETE", "uploadId"): multipart.abort,
        }
        self._list_buckets = buckets.list_buckets

    def close(self) -> None:
        """Deliver the events that wait."""
        self._notifications.close()

    def answer(self, request: Request) -> Response:
        """The answer to a request, errors included."""
        try:
            context = address(request)
            check_request(context)
            return self._operation(context)(context)
        except ConnectionError:
            raise
        except AwsError as error:
            return self.error(request, error)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.target)
            message = f"We encountered an internal error: {type(error).__name__}: {error}"
            return self.error(request, AwsError("InternalError", message, 500))

    def error(self, request: Request, error: AwsError) -> Response:
        """An error as S3 tells it."""
        return xml.error_document(error, request.raw_path, request.request_id)

    def _operation(self, context: Context) -> Operation:
        method = context.request.method
        if not context.bucket:
            if method == "GET":
                return self._list_buckets
            raise _not_allowed(method)
        check_bucket_name(context.bucket)
        part = _part(context)
        if context.key:
            if method == "PUT" and "x-amz-copy-source" in context.headers:
                part = {"": "copy", "uploadId": "copy part"}.get(part, part)
            operation = self._of_object.get((method, part))
        else:
            if not part and method == "GET" and context.parameter("list-type") == "2":
                part = "list-type"
            operation = self._of_bucket.get((method, part))
        if operation is None:
            if not part:
                raise _not_allowed(method)
            raise NotSupported(f"The embedded S3 has no {method} of ?{part}. docs/localaws/s3.md lists what it does.")
        return operation


def _part(context: Context) -> str:
    """The sub-resource that a request names, or the empty string."""
    for name, value in context.request.query.items():
        # A bare name that is not known, in a request that writes, would change something other than what was meant.
        if name in SUBRESOURCES or (not value and context.request.method not in READS):
            return name
    return ""


def _not_allowed(method: str) -> AwsError:
    message = "The specified method is not allowed against this resource."
    return AwsError("MethodNotAllowed", message, 405, Method=method)
