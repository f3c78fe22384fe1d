"""Which targets are reached, and what a target must have: what cannot be delivered is refused when it is put."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localaws.core import NotSupported
from localaws.engines import ENGINES
from localaws.events.inputs import check_input
from localaws.events.registry import refused
from localaws.messaging.courier import service_of

REACHED = ("lambda", "sqs", "sns", "logs", "kinesis", "firehose", "events")
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{12}:.+")
_ID = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_ELSEWHERE = (
    "RunCommandParameters",
    "EcsParameters",
    "BatchParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)


def check_target(target: Mapping[str, Any]) -> None:
    """Raise ValidationException or NotSupported where a target is not one that events can be sent to."""
    arn, identifier = target["Arn"], target["Id"]
    if not _ID.fullmatch(identifier):
        raise refused(f"Value '{identifier}' at 'targets.id' failed to satisfy constraint: {_ID.pattern}")
    if not _ARN.fullmatch(arn):
        raise refused(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    service = service_of(arn)
    if service not in REACHED or ":api-destination/" in arn or (service == "firehose" and service not in ENGINES):
        message = f"The target {arn} is refused: no event would reach it. {', '.join(REACHED)} are reached."
        raise NotSupported(message)
    for name in _ELSEWHERE:
        if target.get(name):
            raise NotSupported(f"{name} of target {identifier} is refused: no such target is reached here.")
    if service in ("kinesis", "firehose") and not target.get("RoleArn"):
        raise refused(f"RoleArn is required for target {arn}.")
    if arn.endswith(".fifo") and service == "sqs" and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise refused(f"Parameter(s) SqsParameters must be specified for target: {identifier}.")
    if service == "logs" and ":log-group:" not in arn:
        raise refused(f"Parameter {arn} is not valid. Reason: it names no log group.")
    if service == "logs" and target.get("InputTransformer"):
        raise NotSupported("InputTransformer of a log group is refused: leave it out, the event is logged whole.")
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if queue and service_of(queue) != "sqs":
        raise refused(f"The dead-letter queue {queue} of target {identifier} must be an SQS queue.")
    policy = target.get("RetryPolicy", {})
    _check_range("MaximumRetryAttempts", policy.get("MaximumRetryAttempts"), 0, 185)
    _check_range("MaximumEventAgeInSeconds", policy.get("MaximumEventAgeInSeconds"), 60, 86_400)
    check_input(target)


def _check_range(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise refused(f"Value '{value}' at '{name}' must be between {low} and {high}.")
