"""Lists in pages, as the API gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.lambda_.registry import invalid


def page(name: str, found: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The page that ``Marker`` and ``MaxItems`` ask for (at most 50 items), under ``name``, with ``NextMarker``."""
    marker = params.get("Marker") or "0"
    if not marker.isdecimal():
        raise invalid(f"Invalid marker: {marker}; give the NextMarker of the previous answer")
    start = int(marker)
    end = start + min(params.get("MaxItems") or 50, 50)
    answer: dict[str, Any] = {name: list(found[start:end])}
    if end < len(found):
        answer["NextMarker"] = str(end)
    return answer
