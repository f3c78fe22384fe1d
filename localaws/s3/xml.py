"""S3's XML: answers written from plain Python values, request bodies read into an element tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from localaws.core import AwsError
from localaws.web import Response

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
CONTROL = re.compile("[\x00-\x1f\ufffe\uffff\ud800-\udfff]")

Value = str | int | bool | datetime | Mapping[str, "Value"] | Iterable["Value"] | None


def document(root: str, content: Mapping[str, Value], status: int = 200) -> Response:
    """A response of an XML document in S3's namespace."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{_inner(content)}</{root}>'
    return Response(status, {"Content-Type": "application/xml"}, text.encode())


def error_document(error: AwsError, resource: str, request_id: str) -> Response:
    """An error as S3 writes it."""
    content: dict[str, Value] = {"Code": error.code, "Message": error.message}
    content.update({name: str(value) for name, value in error.extra.items()})
    content.update({"Resource": resource, "RequestId": request_id, "HostId": "localaws"})
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{_inner(content)}</Error>'
    headers = {"Content-Type": "application/xml", **getattr(error, "headers", {})}
    return Response(error.status, headers, text.encode())


def parse(body: bytes) -> ElementTree.Element:
    """The root of a request's document, its tags without namespace; raises MalformedXML."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise malformed(str(error)) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def malformed(why: str) -> AwsError:
    """The error for a document that is not of S3's schema."""
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", f"{message}: {why}", 400)


def text_of(element: ElementTree.Element, tag: str) -> str | None:
    """The text of a child, "" where it is empty; None where there is no such child."""
    child = element.find(tag)
    return None if child is None else child.text or ""


def timestamp(moment: datetime) -> str:
    """A time as S3's XML has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _inner(content: Mapping[str, Value]) -> str:
    return "".join(_element(name, value) for name, value in content.items())


def _element(name: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"<{name}>{_text(value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, datetime):
        return f"<{name}>{timestamp(value)}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{_inner(value)}</{name}>"
    return "".join(_element(name, each) for each in value)


def _text(value: str) -> str:
    # A key may hold characters that XML 1.0 has no place for; S3 sends them as references all the same.
    return CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", escape(value, {'"': "&quot;"}))
