"""Whether another service may invoke a function: by the statements of AddPermission, as AWS decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from localaws.core import ACCOUNT_ID, AwsError
from localaws.lambda_.registry import function_arn


@dataclass(frozen=True)
class Sender:
    """The service that invokes, such as ``s3.amazonaws.com``, and the resource in whose name it does."""

    service: str
    arn: str


def check_sender(document: Mapping[str, Any], qualifier: str | None, sender: Sender) -> None:
    """Raise AccessDeniedException unless a statement of the function's (or the qualifier's) policy allows it."""
    policy = document["policies"].get(qualifier or "", {"statements": []})
    if any(_allows(statement, sender) for statement in policy["statements"]):
        return
    resource = function_arn(document["name"], qualifier)
    message = (
        f"{sender.service} is not authorized to perform: lambda:InvokeFunction on resource: {resource} because no "
        f"resource-based policy allows the lambda:InvokeFunction action for {sender.arn}. Add one: aws lambda "
        f"add-permission --function-name {resource} --principal {sender.service} --action lambda:InvokeFunction "
        f"--source-arn {sender.arn} --statement-id ..."
    )
    raise AwsError("AccessDeniedException", message, 403)


def _allows(statement: Mapping[str, Any], sender: Sender) -> bool:
    principal = statement["Principal"]
    if principal != "*" and principal.get("Service") != sender.service:
        return False
    if statement["Action"] not in ("lambda:InvokeFunction", "lambda:*", "*"):
        return False
    conditions = statement.get("Condition", {})
    source = conditions.get("ArnLike", {}).get("AWS:SourceArn", "*")
    strings = conditions.get("StringEquals", {})
    account = strings.get("AWS:SourceAccount", ACCOUNT_ID)
    # What is not known of the sender, such as an organisation or a token, does not hold.
    return fnmatchcase(sender.arn, source) and account == ACCOUNT_ID and strings.keys() <= {"AWS:SourceAccount"}
