"""Where moto does an operation for real for some parameters only: the others are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import NotSupported

Params = Mapping[str, Any]

DELIVERED = ("sqs", "lambda", "email", "email-json", "http", "https")


def _subscribe(params: Params) -> None:
    protocol = params.get("Protocol")
    if protocol not in DELIVERED:
        message = f"A subscription by {protocol!r} is refused: nothing would be delivered. {', '.join(DELIVERED)} are."
        raise NotSupported(message)


def _no_secret(params: Params) -> None:
    names = [params.get("Name"), *(params.get("Names") or ())]
    for name in names:
        if name and str(name).startswith("/aws/reference/secretsmanager/"):
            raise NotSupported(f"{name} is refused: secrets are not read as parameters here. Ask Secrets Manager.")


LIMITS: Mapping[tuple[str, str], Callable[[Params], None]] = {
    ("sns", "Subscribe"): _subscribe,
    ("ssm", "GetParameter"): _no_secret,
    ("ssm", "GetParameters"): _no_secret,
}
