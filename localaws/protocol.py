"""From an HTTP request to the call it means, and from a result to the answer in the service's own protocol.

botocore's service models say how; moto's core reads and writes the protocols by them (query, json, rest-json).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from localaws import moto_loading
from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, NotSupported
from localaws.moto_operations import SIGNED_AS
from localaws.web import Request, Response

SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/([A-Za-z0-9-]+)/aws4_request")
MAX_BODY = 256 << 20


@dataclass(frozen=True)
class Scope:
    """Which service in which region a request is signed for."""

    service: str
    region: str


def scope_of(request: Request) -> Scope:
    """The service and region that a request means; what is not signed for another service is S3's."""
    signed = request.headers.get("authorization") or "Credential=" + request.query.get("X-Amz-Credential", "")
    if match := SCOPE.search(signed):
        region, service = match.groups()
        return Scope(SIGNED_AS.get(service, service), region)
    if "x-amz-target" in request.headers or (request.method == "POST" and request.raw_path == "/"):
        message = "Request is missing Authentication Token: what is not signed can only be a request to S3."
        raise AwsError("MissingAuthenticationToken", message, 403)
    return Scope("s3", REGION)


class Exchange:
    """One request to a service other than S3: its operation and parameters, and the writing of its answer."""

    def __init__(self, request: Request, scope: Scope) -> None:
        self._request = request
        self._scope = scope

    @cached_property
    def _body(self) -> bytes:
        return self._request.read(MAX_BODY)

    def environ(self) -> dict[str, Any]:
        """The request for a WSGI application, its body unread."""
        return _environ(self._request, self._body)

    @cached_property
    def operation(self) -> Any:
        """The operation's model; raises when the service or the operation is not known."""
        return self._matched[0]

    @cached_property
    def _matched(self) -> tuple[Any, dict[str, Any]]:
        moto_loading.load()
        from botocore.exceptions import UnknownServiceError
        from moto.core.routing import get_service_router
        from werkzeug.exceptions import NotFound

        service = self._scope.service
        try:
            operation, in_path = get_service_router(service).match(self._parsed)
        except UnknownServiceError:
            message = f"The service signed as {service!r} is refused: the embedded AWS has none of that name."
            raise NotSupported(message) from None
        except (NotFound, NotImplementedError):
            what = f"{self._request.method} {self._request.raw_path}"
            raise AwsError("UnknownOperationException", f"{service} has no operation at {what}.", 404) from None
        return operation, in_path

    @cached_property
    def _parsed(self) -> Any:
        from moto.core.request import Request as MotoRequest

        return MotoRequest(self.environ())

    def call(self) -> Call:
        """The call, its parameters in the shape of the operation's input."""
        from moto.core.parse import PROTOCOL_PARSERS
        from moto.core.request import determine_request_protocol

        operation, in_path = self._matched
        parsed = self._parsed
        protocol = determine_request_protocol(operation.service_model, parsed.content_type)
        parser = PROTOCOL_PARSERS[protocol](operation, timestamp_parser=_timestamp)
        fields = {
            "method": parsed.method,
            "values": parsed.values,
            "headers": parsed.headers,
            "body": parsed.data,
            "url_path": parsed.path,
            "url_params": in_path,
        }
        try:
            params = parser.parse(fields)
        except (ValueError, TypeError, AttributeError) as error:
            message = f"The parameters of {operation.name} could not be read: {error}"
            raise AwsError("SerializationException", message, 400) from error
        return Call(self._scope.service, operation.name, params, self._scope.region, ACCOUNT_ID)

    def answer(self, result: Mapping[str, Any] | None) -> Response:
        """The result of a handler on the wire."""
        from moto.core.request import determine_request_protocol
        from moto.core.serialize import get_serializer_class

        operation = self.operation
        model = operation.service_model
        protocol = determine_request_protocol(model, self._parsed.content_type)
        written = get_serializer_class(model.service_name, protocol)(operation).serialize(result or {})
        body = written["body"]
        status = written["status_code"]
        # The one output member that is bound to the status code, such as Lambda's StatusCode of Invoke.
        for name, member in (operation.output_shape.members if operation.output_shape else {}).items():
            if member.serialization.get("location") == "statusCode" and result and name in result:
                status = int(result[name])
        return Response(
            status, dict(written["headers"]), body.encode() if isinstance(body, str) else bytes(body or b"")
        )

    def error(self, error: AwsError) -> Response:
        """An error in the service's own shape."""
        protocol = self._error_protocol()
        if protocol in ("query", "ec2", "rest-xml"):
            return _xml_error(error, self._request.request_id, protocol)
        body = {"__type": error.code, "message": error.message, "Message": error.message, **error.extra}
        return Response(
            error.status,
            {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code},
            json.dumps(body, default=str).encode(),
        )

    def _error_protocol(self) -> str:
        if self._request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return "ec2" if self._scope.service == "ec2" else "query"
        return "json"


def _xml_error(error: AwsError, request_id: str, protocol: str) -> Response:
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        side = "Receiver" if error.status >= 500 else "Sender"
        error_xml = f"<Error><Type>{side}</Type>{inner}</Error>"
        text = f"<ErrorResponse>{error_xml}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return Response(error.status, {"Content-Type": "text/xml"}, text.encode())


def _environ(request: Request, body: bytes) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.raw_path, "latin-1"),
        "QUERY_STRING": request.query_string,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": request.headers.get("host", "").rpartition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in ("content-length", "transfer-encoding", "expect"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def _timestamp(value: str | int | float) -> datetime:
    from botocore.utils import parse_timestamp

    moment: datetime = parse_timestamp(value)
    return moment.astimezone(UTC)
