"""What an S3 operation is given: the request, and the bucket and key that it addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localaws.core import ACCOUNT_ID, AwsError, NotSupported
from localaws.web import Headers, Request, Response

OWNER = {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", "DisplayName": "localaws"}
MAX_XML = 8 << 20
UNSUPPORTED_HEADERS = {
    "x-amz-server-side-encryption-customer-algorithm": "customer keys (SSE-C): objects are not encrypted on disk",
    "x-amz-object-lock-mode": "object lock",
    "x-amz-object-lock-legal-hold": "object lock",
    "x-amz-bucket-object-lock-enabled": "object lock",
}


@dataclass(frozen=True)
class Context:
    """One S3 request; bucket and key are empty where the request names none."""

    request: Request
    bucket: str
    key: str

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return self.request.headers

    def parameter(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query.get(name)

    @property
    def version(self) -> str | None:
        """The version that a request names."""
        return self.parameter("versionId") or None

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A query parameter that is a number between low and high."""
        text = self.parameter(name)
        if text is None or text == "":
            return default
        if not text.isascii() or not text.removeprefix("-").isdigit() or not low <= int(text) <= high:
            message = f"Argument {name} must be an integer between {low} and {high}"
            raise AwsError("InvalidArgument", message, 400, ArgumentName=name, ArgumentValue=text)
        return int(text)

    def body(self) -> bytes:
        """The request's document."""
        return self.request.read(MAX_XML)


Operation = Callable[[Context], Response]


def address(request: Request) -> Context:
    """The bucket and key of a request, in path style or as ``bucket.localhost``."""
    path = request.path.removeprefix("/")
    bucket, dot, host = request.host.partition(".localhost")
    if dot and not host and bucket != "s3":
        return Context(request, bucket.removesuffix(".s3"), path)
    bucket, _, key = path.partition("/")
    return Context(request, bucket, key)


def check_request(context: Context) -> None:
    """Refuse what no operation here honours, and presigned URLs that have expired."""
    headers = context.headers
    for header, what in UNSUPPORTED_HEADERS.items():
        if headers.get(header, "false").lower() != "false":
            raise NotSupported(f"{header} is refused: the embedded S3 has no {what}.")
    owner = headers.get("x-amz-expected-bucket-owner", ACCOUNT_ID)
    if owner != ACCOUNT_ID:
        raise AwsError("AccessDenied", "Access Denied", 403)
    acl = headers.get("x-amz-acl", "private")
    if acl not in ("private", "bucket-owner-full-control") or any(headers.of_prefix("x-amz-grant-")):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)
    _check_expiry(context)


def _check_expiry(context: Context) -> None:
    now = datetime.now(UTC)
    try:
        if (seconds := context.parameter("X-Amz-Expires")) is not None:
            signed = datetime.strptime(context.parameter("X-Amz-Date") or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            end = signed + timedelta(seconds=int(seconds))
        elif context.parameter("Signature") and (epoch := context.parameter("Expires")) is not None:
            end = datetime.fromtimestamp(int(epoch), UTC)
        else:
            return
    except (ValueError, OverflowError):
        message = "The query parameters of a presigned URL, X-Amz-Date and X-Amz-Expires, could not be read."
        raise AwsError("AuthorizationQueryParametersError", message, 400) from None
    if now > end:
        expired = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise AwsError("AccessDenied", "Request has expired", 403, Expires=expired, ServerTime=now.isoformat())
