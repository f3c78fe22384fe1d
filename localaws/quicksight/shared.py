"""What the parts of the QuickSight engine share: their folder and lock, names, errors and pages of lists."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, NotSupported, World
from localaws.quicksight.records import Record, Records

Answer = dict[str, Any]
Item = TypeVar("Item")


class Shelf:
    """The state of the service: every kind of record, and the lock that guards them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = Path(world.data) / "quicksight"
        self.lock = threading.RLock()
        self.data_sources = Records(self.root / "data-sources")
        self.data_sets = Records(self.root / "data-sets")
        self.ingestions = Records(self.root / "ingestions")
        self.dashboards = Records(self.root / "dashboards")
        self.refresh_schedules = Records(self.root / "refresh-schedules")
        self.refresh_properties = Records(self.root / "refresh-properties")
        self.users = Records(self.root / "users")
        self.spice = self.root / "spice"
        self.spice.mkdir(parents=True, exist_ok=True)


def arn(kind: str, name: str) -> str:
    """The ARN of a QuickSight resource, such as kind ``dataset``."""
    return f"arn:aws:quicksight:{REGION}:{ACCOUNT_ID}:{kind}/{name}"


def answered(status: int, **fields: Any) -> Answer:
    """An output with the fields that every QuickSight output carries."""
    return {**fields, "Status": status, "RequestId": str(uuid.uuid4())}


def invalid(message: str) -> AwsError:
    """The error for an argument that AWS would not take."""
    return AwsError("InvalidParameterValueException", message, 400)


def not_found(kind: str, name: str, hint: str) -> AwsError:
    """The error for a resource that is not there; hint says what to do next."""
    return AwsError("ResourceNotFoundException", f"{kind} {name} is not found. {hint}", 404, ResourceType=kind)


def exists(kind: str, name: str) -> AwsError:
    """The error for a resource that is already there."""
    message = f"{kind} {name} already exists. Update or delete it instead."
    return AwsError("ResourceExistsException", message, 409, ResourceType=kind)


def own_account(call: Call) -> None:
    """Refuse an account that is not the embedded one."""
    account = call.params["AwsAccountId"]
    if account != ACCOUNT_ID:
        raise AwsError("AccessDeniedException", f"account {account} is not {ACCOUNT_ID}, the one served here", 401)


def matching(pattern: str, value: str, what: str) -> str:
    """The value, if it has the form that AWS demands of it."""
    if not re.fullmatch(pattern, value):
        raise invalid(f"{what} {value!r} does not match the pattern {pattern}")
    return value


def only(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse arguments that would have an effect on AWS and have none here."""
    extra = sorted(name for name, value in given.items() if name not in known and value not in (None, [], {}))
    if extra:
        raise NotSupported(f"{where}: {', '.join(extra)} is not supported by the embedded QuickSight; leave it out")


def paged(items: Sequence[Item], params: Mapping[str, Any], *, most: int = 100) -> tuple[list[Item], str | None]:
    """One page of a list and the token of the next one, for MaxResults and NextToken."""
    try:
        start = int(base64.b64decode(params.get("NextToken") or "MA==", validate=True))
    except (binascii.Error, ValueError):
        raise AwsError("InvalidNextTokenException", "NextToken is not one that this service gave") from None
    size = params.get("MaxResults") or most
    if not 1 <= size <= most:
        raise invalid(f"MaxResults must be between 1 and {most}")
    end = start + size
    return list(items[start:end]), base64.b64encode(str(end).encode()).decode() if end < len(items) else None


def found(records: Records, name: str, kind: str, hint: str) -> Record:
    """The record, or ResourceNotFoundException."""
    record = records.get(name)
    if record is None:
        raise not_found(kind, name, hint)
    return record


Operation = Callable[[Call], Answer]


class Part(Protocol):
    """A part of the service: some of its operations."""

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
