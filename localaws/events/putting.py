"""PutEvents and TestEventPattern: what is checked of an event that a client brings."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError, Call
from localaws.events.patterns import compile_pattern
from localaws.events.registry import Registry, bus_name, refused

_MAX_ENTRIES = 10
_MAX_BYTES = 262_144
_REQUIRED = ("Source", "DetailType", "Detail")

log = logging.getLogger(__name__)


def put_events(call: Call, registry: Registry, put: Callable[[str, Mapping[str, Any]], str | None]) -> dict[str, Any]:
    """PutEvents; ``put(bus, entry)`` gives the event's id, or None where too many events wait."""
    entries = call.params["Entries"]
    if call.params.get("EndpointId"):
        raise refused("EndpointId is refused: there are no global endpoints here, leave it out.")
    if not 1 <= len(entries) <= _MAX_ENTRIES:
        raise refused(
            f"1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length "
            f"between 1 and {_MAX_ENTRIES}"
        )
    if sum(_size(entry) for entry in entries) > _MAX_BYTES:
        raise refused("Total size of the entries in the request is over the limit.")
    results = [_put_entry(entry, registry, put) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _put_entry(
    entry: Mapping[str, Any], registry: Registry, put: Callable[[str, Mapping[str, Any]], str | None]
) -> dict[str, str]:
    for name in _REQUIRED:
        if not entry.get(name):
            return _failed("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    if entry["Source"].startswith("aws."):
        return _failed("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        return _failed("MalformedDetail", "Detail is malformed.")
    bus = bus_name(entry.get("EventBusName"))
    if not registry.has_bus(bus):
        # As in AWS the event is accepted and goes nowhere.
        log.warning("an event of %s was put on the bus %s, which does not exist", entry["Source"], bus)
    identifier = put(bus, {**entry, "Detail": detail})
    return {"EventId": identifier} if identifier else _failed("ThrottlingException", "Rate exceeded.")


def match_event(call: Call) -> dict[str, Any]:
    """TestEventPattern."""
    test = compile_pattern(call.params["EventPattern"])
    try:
        event = json.loads(call.params["Event"])
    except ValueError:
        raise AwsError("ValidationException", "Parameter Event is not valid: it is not JSON.") from None
    for name in ("id", "account", "source", "time", "region", "resources", "detail-type"):
        if name not in event:
            raise refused(f"Parameter Event is not valid. Reason: it has no {name}.")
    return {"Result": test(event)}


def _failed(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in _REQUIRED] + list(entry.get("Resources") or ())
    return (14 if entry.get("Time") else 0) + sum(len(text.encode()) for text in texts)
