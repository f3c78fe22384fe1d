"""Lists in pages, as EventBridge gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.core import AwsError


def page(name: str, found: Sequence[Any], params: Mapping[str, Any], limit: str = "Limit") -> dict[str, Any]:
    """The page that ``NextToken`` and the parameter ``limit`` ask for (at most 100), under ``name``."""
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise AwsError("ValidationException", "The NextToken is not valid: give that of the previous answer.")
    start = int(token)
    end = start + min(params.get(limit) or 100, 100)
    answer: dict[str, Any] = {name: list(found[start:end])}
    if end < len(found):
        answer["NextToken"] = str(end)
    return answer
