"""Where moto does an operation for real for some parameters only: the others are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import NotSupported

Params = Mapping[str, Any]

DELIVERED = ("sqs", "http", "https")
TARGETS = ("sqs", "logs", "events")


def _subscribe(params: Params) -> None:
    protocol = params.get("Protocol")
    if protocol not in DELIVERED:
        message = f"A subscription by {protocol!r} is refused: nothing would be delivered. {', '.join(DELIVERED)} are."
        raise NotSupported(message)


def _put_targets(params: Params) -> None:
    for target in params.get("Targets", ()):
        arn = str(target.get("Arn", ""))
        service = (arn.split(":") + [""] * 3)[2]
        if service not in TARGETS or ":api-destination/" in arn:
            message = f"The target {arn} is refused: no event would reach it. Queues, log groups and buses are reached."
            raise NotSupported(message)


def _put_rule(params: Params) -> None:
    if params.get("ScheduleExpression"):
        raise NotSupported("A rule with ScheduleExpression is refused: nothing would run it.")


LIMITS: Mapping[tuple[str, str], Callable[[Params], None]] = {
    ("sns", "Subscribe"): _subscribe,
    ("events", "PutTargets"): _put_targets,
    ("events", "PutRule"): _put_rule,
}
