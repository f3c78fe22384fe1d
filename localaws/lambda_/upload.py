"""Where a function's or layer's package comes from: the request itself, or an object in S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, NotSupported, World
from localaws.lambda_.content import Content, ContentStore
from localaws.lambda_.registry import invalid

_UPLOAD_LIMIT = 52_428_800  # bytes of a zip in the request itself; beyond it goes through S3


def upload(world: World, content: ContentStore, code: Mapping[str, Any], operation: str) -> Content:
    """Take the package from the request or from S3. Raises AwsError where there is none or it is too large."""
    if code.get("ImageUri"):
        raise NotSupported(
            "the local Lambda runs zip packages, no container images: give ZipFile or S3Bucket and S3Key"
        )
    if code.get("ZipFile"):
        package = bytes(code["ZipFile"])
        if len(package) > _UPLOAD_LIMIT:
            raise AwsError(
                "RequestEntityTooLargeException",
                f"Request must be smaller than 70167211 bytes for the {operation} operation",
                413,
            )
        return content.add(package)
    if not (code.get("S3Bucket") and code.get("S3Key")):
        raise invalid("Please provide a source for function code.")
    if code.get("S3ObjectVersion"):
        raise NotSupported("the local S3 keeps one version of an object: leave S3ObjectVersion out")
    try:
        with world.store.open(code["S3Bucket"], code["S3Key"]) as source:
            return content.add(source.read())
    except AwsError as error:
        if not error.code.startswith("NoSuch"):
            raise
        raise invalid(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message} "
            f"(s3://{code['S3Bucket']}/{code['S3Key']})"
        ) from error
