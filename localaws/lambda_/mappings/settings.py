"""What a mapping may be told: checked as AWS does, with its defaults; what would have no effect is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localaws.core import NotSupported
from localaws.lambda_.mappings.filters import compile_filters
from localaws.lambda_.registry import invalid
from localaws.messaging import moto_queues
from localaws.messaging.courier import service_of
from localaws.messaging.moto_streams import Stream

QUEUE_DEFAULTS: dict[str, Any] = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
STREAM_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "BisectBatchOnFunctionError": False,
    "FunctionResponseTypes": [],
    "TumblingWindowInSeconds": 0,
}
_QUEUE_SETTINGS = (*QUEUE_DEFAULTS, "FilterCriteria", "ScalingConfig")
_STREAM_SETTINGS = (*STREAM_DEFAULTS, "FilterCriteria", "DestinationConfig")
_ELSEWHERE = (
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "ProvisionedPollerConfig",
    "KMSKeyArn",
    "LoggingConfig",
)
_ARN = re.compile(r"arn:aws:[a-z0-9-]+:[a-z0-9-]+:\d{12}:.+")


def source_service(arn: str | None) -> str:
    """The service of an event source, sqs or kinesis; others are refused."""
    if not arn or not _ARN.fullmatch(arn):
        raise invalid(f"EventSourceArn {arn!r} is not the ARN of a queue or stream")
    service = service_of(arn)
    if service not in ("sqs", "kinesis") or "/consumer/" in arn:
        raise NotSupported(f"The event source {arn} is refused: functions are fed from SQS queues and Kinesis streams.")
    return service


def checked(service: str, params: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """The settings among the parameters. Raises InvalidParameterValueException or NotSupported."""
    for name in _ELSEWHERE:
        if params.get(name):
            raise NotSupported(f"{name} is refused: the local Lambda would do nothing with it, leave it out.")
    if params.get("MetricsConfig", {}).get("Metrics"):
        raise NotSupported("MetricsConfig is refused: the metrics of mappings are not published.")
    if params.get("TumblingWindowInSeconds"):
        raise NotSupported("TumblingWindowInSeconds is refused: there are no windows with state, leave it out.")
    names = _QUEUE_SETTINGS if service == "sqs" else _STREAM_SETTINGS
    others = set(_QUEUE_SETTINGS + _STREAM_SETTINGS) - set(names)
    for name in sorted(others):
        if params.get(name) is not None:
            raise invalid(f"{name} is not supported for event sources of {service}.")
    found = {name: params[name] for name in names if params.get(name) is not None}
    fifo = arn.endswith(".fifo")
    _range(found, "BatchSize", 1, 10 if fifo else 10_000)
    _range(found, "MaximumBatchingWindowInSeconds", 0, 0 if fifo else 300)
    _range(found, "ParallelizationFactor", 1, 10)
    _range(found, "MaximumRetryAttempts", -1, 10_000)
    if (age := found.get("MaximumRecordAgeInSeconds", -1)) != -1 and not 60 <= age <= 604_800:
        raise invalid("MaximumRecordAgeInSeconds must be -1 or from 60 to 604800")
    if set(found.get("FunctionResponseTypes", ())) - {"ReportBatchItemFailures"}:
        raise invalid("FunctionResponseTypes may hold ReportBatchItemFailures only")
    if (most := found.get("ScalingConfig", {}).get("MaximumConcurrency")) is not None and not 2 <= most <= 1000:
        raise invalid("MaximumConcurrency must be from 2 to 1000")
    target = found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if target and service_of(target) not in ("sqs", "sns"):
        raise NotSupported(f"The destination {target} is refused: failed batches are told to SQS and SNS.")
    if found.get("DestinationConfig", {}).get("OnSuccess", {}).get("Destination"):
        raise invalid("OnSuccess is not supported for event source mappings.")
    compile_filters(found.get("FilterCriteria"))
    return found


def check_whole(service: str, document: Mapping[str, Any]) -> None:
    """What must hold of all settings together."""
    if service == "sqs" and document["BatchSize"] > 10 and not document["MaximumBatchingWindowInSeconds"]:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def check_source(service: str, arn: str, timeout: int) -> None:
    """Raise where the source does not exist, or its messages would come again while the function still runs."""
    if service == "kinesis":
        if not Stream(arn).exists():
            raise invalid(f"Stream not found: {arn}")
        return
    try:
        queue = moto_queues.backend_of(arn).get_queue(arn.rpartition(":")[2])
    except Exception:
        raise invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error "
            f"Message: The specified queue does not exist: {arn}"
        ) from None
    if int(queue.visibility_timeout) < timeout:
        raise invalid(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function timeout: {timeout} "
            "seconds"
        )


def _range(found: Mapping[str, Any], name: str, low: int, high: int) -> None:
    if name in found and not low <= found[name] <= high:
        raise invalid(f"{name} must be from {low} to {high} for this event source")
