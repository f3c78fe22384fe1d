"""The operations on buckets themselves: create, delete, head, list, location, versioning."""

from __future__ import annotations

from localaws.core import REGION, AwsError, NotSupported
from localaws.s3 import xml
from localaws.s3.context import OWNER, Context
from localaws.s3.notifications import Notifications
from localaws.s3.store import Store
from localaws.s3.uploads import Uploads
from localaws.web import Response


class BucketApi:
    """Handlers of requests that name a bucket and no key."""

    def __init__(self, store: Store, uploads: Uploads, notifications: Notifications) -> None:
        self._store = store
        self._uploads = uploads
        self._notifications = notifications

    def list_buckets(self, context: Context) -> Response:
        """ListBuckets."""
        prefix = context.parameter("prefix") or ""
        buckets: list[xml.Value] = [
            {"Name": bucket.name, "CreationDate": bucket.created}
            for bucket in self._store.buckets()
            if bucket.name.startswith(prefix)
        ]
        return xml.document("ListAllMyBucketsResult", {"Owner": OWNER, "Buckets": {"Bucket": buckets}})

    def create(self, context: Context) -> Response:
        """CreateBucket."""
        body = context.body()
        region = REGION
        if body.strip():
            root = xml.parse(body)
            if root.tag != "CreateBucketConfiguration":
                raise xml.malformed("expected CreateBucketConfiguration")
            region = xml.text_of(root, "LocationConstraint") or REGION
            if region == REGION and root.find("LocationConstraint") is not None:
                message = "The specified location-constraint is not valid"
                raise AwsError("InvalidLocationConstraint", message, 400, LocationConstraint=region)
        self._store.create_bucket(context.bucket, region=region)
        return Response(200, {"Location": f"/{context.bucket}"})

    def delete(self, context: Context) -> Response:
        """DeleteBucket, with its notifications and the uploads that were never completed."""
        self._store.delete_bucket(context.bucket)
        self._notifications.set_rules(context.bucket, [])
        for upload in self._uploads.of_bucket(context.bucket):
            self._uploads.abort(upload)
        return Response(204)

    def head(self, context: Context) -> Response:
        """HeadBucket."""
        bucket = self._store.index.bucket(context.bucket)
        return Response(200, {"x-amz-bucket-region": bucket.region, "Content-Type": "application/xml"})

    def location(self, context: Context) -> Response:
        """GetBucketLocation: us-east-1 has no name there."""
        region = self._store.index.bucket(context.bucket).region
        inner = "" if region == REGION else region
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="{xml.NAMESPACE}">{inner}'
        return Response(200, {"Content-Type": "application/xml"}, f"{text}</LocationConstraint>".encode())

    def get_versioning(self, context: Context) -> Response:
        """GetBucketVersioning."""
        self._store.index.bucket(context.bucket)
        return xml.document("VersioningConfiguration", {"Status": self._store.versions.state(context.bucket)})

    def put_versioning(self, context: Context) -> Response:
        """PutBucketVersioning."""
        self._store.index.bucket(context.bucket)
        root = xml.parse(context.body())
        status = xml.text_of(root, "Status")
        if root.tag != "VersioningConfiguration" or status not in ("Enabled", "Suspended"):
            raise xml.malformed("Status must be Enabled or Suspended")
        if xml.text_of(root, "MfaDelete") == "Enabled":
            raise NotSupported("MfaDelete is refused: nobody could show a device to the embedded S3.")
        self._store.versions.set_state(context.bucket, status)
        return Response(200)
