"""What several operations answer, and what they refuse alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import NotSupported
from localaws.secretsmanager.errors import check_length

Json = dict[str, Any]

DAY = 24 * 60 * 60
_REFUSED = {
    "AddReplicaRegions": "nothing is replicated, there is one copy in one region",
    "ForceOverwriteReplicaSecret": "nothing is replicated, there is one copy in one region",
    "Type": "there are no secrets of other vendors, which rotate by themselves",
    "RotationToken": "secrets are not rotated here",
}


def check_given(given: Mapping[str, Any]) -> None:
    """Raise for what would have no effect, and for what is too long."""
    for name, why in _REFUSED.items():
        if given.get(name):
            raise NotSupported(f"{name} is refused: {why}.")
    check_length("description", len(given.get("Description") or ""), 2048, 0)


def identity(secret: Json) -> Json:
    """What every answer about a secret begins with."""
    return {"ARN": secret["arn"], "Name": secret["name"]}


def moment(seconds: float) -> datetime:
    """The time of seconds since 1970, as the protocol wants it."""
    return datetime.fromtimestamp(seconds, UTC)
