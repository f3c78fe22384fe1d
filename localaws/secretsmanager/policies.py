"""Resource policies: kept and shown, and asked by nobody."""

from __future__ import annotations

import json
from typing import Any

from localaws.core import AwsError, NotSupported


def check_policy(text: str, *, block_public: bool) -> None:
    """Raise unless a policy is a JSON document of statements and, if asked for, open to certain principals only."""
    try:
        statements = json.loads(text)["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        opened = [one for one in statements if one["Effect"] == "Allow" and _everybody(one)]
    except (ValueError, KeyError, TypeError):
        message = "This resource policy contains invalid Json: it must have statements, each with an Effect."
        raise AwsError("MalformedPolicyDocumentException", message) from None
    if not block_public or not opened:
        return
    if all(one.get("Condition") for one in opened):
        raise NotSupported(
            "BlockPublicPolicy is refused for a policy that lets everybody in by a Condition: "
            "whether the condition is narrow enough is not decided here."
        )
    raise AwsError(
        "PublicPolicyException", "This resource policy grants public access, which BlockPublicPolicy forbids."
    )


def _everybody(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return "*" in (principal if isinstance(principal, list) else [principal])
