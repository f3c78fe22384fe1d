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


LIMITS: Mapping[tuple[str, str], Callable[[Params], None]] = {
    ("sns", "Subscribe"): _subscribe,
}
