"""Pages of a list, by MaxResults and NextToken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from localaws.core import AwsError

Item = TypeVar("Item")


def page(items: Sequence[Item], params: Mapping[str, Any], *, default: int = 100) -> tuple[list[Item], dict[str, str]]:
    """The page that the call asks for, and its NextToken if more follow; a token is the place of the next item."""
    try:
        start = int(params.get("NextToken") or 0)
    except ValueError:
        start = -1
    if start < 0:
        raise AwsError("InvalidInputException", "The NextToken is not one that this operation gave.")
    end = start + (params.get("MaxResults") or default)
    return list(items[start:end]), {"NextToken": str(end)} if end < len(items) else {}
