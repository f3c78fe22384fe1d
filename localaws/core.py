"""What every engine of the embedded AWS shares: the call it is given, the error it raises, the world it lives in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from localaws.glue.catalog import Catalog
    from localaws.s3.store import Store

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


class AwsError(Exception):
    """An error as AWS would answer it.

    code: the exception's name in the service's API, such as ``EntityNotFoundException``.
    message: what, where, why and what to do next.
    status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra


class NotSupported(AwsError):
    """The embedded AWS cannot do this for real, so it refuses rather than pretend."""

    def __init__(self, message: str) -> None:
        super().__init__("NotSupportedByLocalAws", message, status=501)


@dataclass(frozen=True)
class Call:
    """One API call, parsed: ``params`` has the shape of the operation's input in botocore's service model."""

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str = REGION
    account: str = ACCOUNT_ID


Handler = Callable[[Call], Mapping[str, Any] | None]


@dataclass(frozen=True)
class PageResponse:
    """What a page handler answers; header names are as sent, a body is sent whole."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


# Given the path after its prefix (decoded) and the query's parameters; pages are read only: GET and HEAD.
Page = Callable[[str, Mapping[str, str]], PageResponse]


class Engine(Protocol):
    """A service that we execute ourselves.

    ``operations`` maps an operation's name (``StartCrawler``) to its handler, which returns a mapping of the shape of
    the operation's output in botocore's service model, or raises AwsError. What is not in it goes to moto, if moto does
    it for real, or else is refused.

    An engine may also have ``pages``: Mapping[str, Page], by the prefix under ``/_localaws/`` that a Page serves, and
    ``refused``: Mapping[str, str], why it refuses some operations, by their names.
    """

    service: str
    operations: Mapping[str, Handler]

    def close(self) -> None:
        """Stop what the engine started: threads, subprocesses."""


@dataclass
class World:
    """What engines know of each other; built once by the server.

    data: the folder in which everything that lasts is kept.
    endpoint: ``http://127.0.0.1:PORT``, which subprocesses are given as ``AWS_ENDPOINT_URL``.
    store: the S3 objects, in process. catalog: the Glue Data Catalog, in process.
    engines: by service name, for the few that call each other (QuickSight asks Athena, S3 invokes Lambda); an engine is
    made when it is first asked for by ``engines[name]``.
    public: where a browser finds the endpoint, if elsewhere.
    """

    data: Path
    endpoint: str
    store: Store
    catalog: Catalog
    engines: dict[str, Engine] = field(default_factory=dict)
    public: str = ""

    def address(self, path: str) -> str:
        """The address by which a browser finds a page of ours."""
        return (self.public or self.endpoint).rstrip("/") + path
