"""FilterCriteria: which records a function is given."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError
from localaws.events.patterns import compile_pattern
from localaws.lambda_.registry import invalid

Record = Mapping[str, Any]
_MAX_FILTERS = 5


def compile_filters(criteria: Mapping[str, Any] | None) -> Callable[[Mapping[str, Any]], bool]:
    """Whether any of the filters lets a record through; all pass where there is none.

    Raises InvalidParameterValueException.
    """
    patterns = [each.get("Pattern") for each in (criteria or {}).get("Filters") or ()]
    if len(patterns) > _MAX_FILTERS:
        raise invalid(f"A maximum of {_MAX_FILTERS} filters is allowed.")
    tests = []
    for pattern in patterns:
        try:
            tests.append(compile_pattern(pattern or ""))
        except AwsError as error:
            raise invalid(f"Invalid filter pattern definition. {error.message}") from None
    return lambda record: not tests or any(test(record) for test in tests)


def seen_message(record: Record) -> dict[str, Any]:
    """An SQS message as filters see it: its body as JSON where it is."""
    return {**record, "body": _parsed(record["body"])}


def seen_stream_record(record: Record) -> dict[str, Any]:
    """A Kinesis record as filters see it: ``data`` decoded, and as JSON where it is."""
    kinesis = record["kinesis"]
    text = base64.b64decode(kinesis["data"]).decode(errors="replace")
    return {**kinesis, "data": _parsed(text), **{name: record[name] for name in ("eventName", "eventSourceARN")}}


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text
