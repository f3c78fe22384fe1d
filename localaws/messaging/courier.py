"""Deliveries from one service to another, in process: by a target's ARN to the engine or moto's backend that has it."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, World
from localaws.lambda_.permissions import Sender
from localaws.messaging import moto_queues
from localaws.moto_side import LOCKS

# What may be gone the next time; all else, such as a queue that does not exist, will not come right by itself.
_PASSING = (
    "TooManyRequestsException",
    "ThrottlingException",
    "InternalFailure",
    "ServiceUnavailableException",
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
)


class Undelivered(Exception):
    """A delivery failed; ``code`` is the service's error, ``passing`` whether it may succeed when tried again."""

    def __init__(self, code: str, message: str, passing: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.passing = passing


@dataclass(frozen=True)
class Parcel:
    """What is delivered: text, and what some targets take beside it.

    attributes: of SQS and SNS messages, name to string. group and deduplication: of FIFO queues and topics. subject: of
    SNS messages. partition_key: of a Kinesis record. sender: who delivers in its own name, which a function's policy
    must allow; None for what is delivered with a role.
    """

    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    deduplication: str | None = None
    subject: str | None = None
    partition_key: str | None = None
    sender: Sender | None = None


def service_of(arn: str) -> str:
    """The service that an ARN names."""
    return (arn.split(":") + [""] * 3)[2]


class Courier:
    """Delivers to Lambda functions, SQS, SNS, Kinesis, Firehose and log groups."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ways: Mapping[str, Callable[[str, Parcel], None]] = {
            "lambda": self._to_function,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "kinesis": self._to_stream,
            "firehose": self._to_firehose,
            "logs": self._to_log_group,
        }

    def send(self, arn: str, parcel: Parcel) -> None:
        """Deliver; raises Undelivered."""
        way = self._ways.get(service_of(arn))
        if way is None:
            raise Undelivered("InvalidParameter", f"nothing is delivered to {arn} by the embedded AWS", False)
        try:
            way(arn, parcel)
        except Undelivered:
            raise
        except AwsError as error:
            raise Undelivered(error.code, error.message, error.code in _PASSING) from error
        except Exception as error:  # moto's own, of many kinds
            code = str(getattr(error, "error_type", None) or type(error).__name__)
            message = str(getattr(error, "message", None) or error or code)
            raise Undelivered(code, message, code in _PASSING) from error

    def _to_function(self, arn: str, parcel: Parcel) -> None:
        engine: Any = self._world.engines["lambda"]
        engine.invoke(arn, parcel.text.encode(), event=True, sender=parcel.sender)

    def _to_queue(self, arn: str, parcel: Parcel) -> None:
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in parcel.attributes.items()}
        moto_queues.backend_of(arn).send_message(
            _last(arn),
            parcel.text,
            message_attributes=typed or None,
            group_id=parcel.group,
            deduplication_id=parcel.deduplication,
        )

    def _to_topic(self, arn: str, parcel: Parcel) -> None:
        typed = {name: {"Type": "String", "Value": value} for name, value in parcel.attributes.items()}
        engine: Any = self._world.engines["sns"]
        engine.publish(
            arn,
            parcel.text,
            subject=parcel.subject,
            attributes=typed,
            group=parcel.group,
            deduplication=parcel.deduplication,
        )

    def _to_stream(self, arn: str, parcel: Parcel) -> None:
        key, data = parcel.partition_key or str(uuid.uuid4()), base64.b64encode(parcel.text.encode()).decode()
        with LOCKS["kinesis"]:
            from moto.kinesis.models import kinesis_backends

            kinesis_backends[ACCOUNT_ID][_region(arn)].put_record(arn, "", key, "", data)

    def _to_firehose(self, arn: str, parcel: Parcel) -> None:
        name = arn.rpartition("/")[2]
        params = {"DeliveryStreamName": name, "Record": {"Data": parcel.text.encode()}}
        self._world.engines["firehose"].operations["PutRecord"](Call("firehose", "PutRecord", params))

    def _to_log_group(self, arn: str, parcel: Parcel) -> None:
        group = arn.split(":log-group:", 1)[1].removesuffix(":*")
        now = int(time.time() * 1000)
        with LOCKS["logs"]:
            from moto.logs.models import logs_backends

            backend = logs_backends[ACCOUNT_ID][_region(arn)]
            stream = str(uuid.uuid4())
            backend.create_log_stream(group, stream)
            backend.put_log_events(group, stream, [{"timestamp": now, "message": parcel.text}])


def _region(arn: str) -> str:
    return arn.split(":")[3] or REGION


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


def compact(value: Any) -> str:
    """JSON as AWS sends it: without blanks, other than ASCII as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
