"""Lambda ``transactions_metrics``: count the stream's purchases by minute, region and status, each record once.

Event: a batch of one shard of the Kinesis stream. Answer: ``batchItemFailures``, the first record that is no purchase:
what came before it is counted, and what follows comes again. Where the very first is none the invocation fails, so that
the batch is halved until that record is alone; then its number goes to the dead letters.
Environment: TABLE (DynamoDB), NAMESPACE (of CloudWatch's metrics).
"""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config

from millrace import minutes, purchases
from millrace.minutes import Arrival, MinuteTable, Sums

_RETRIES = Config(retries={"mode": "standard", "max_attempts": 8})
_cloudwatch = boto3.client("cloudwatch", config=_RETRIES)
_table = MinuteTable(boto3.client("dynamodb", config=_RETRIES), os.environ["TABLE"])
_NAMESPACE = os.environ["NAMESPACE"]

log = logging.getLogger()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count a batch, in order, up to what cannot be read."""
    records = event["Records"]
    shard = records[0]["eventID"].partition(":")[0]
    arrivals: list[Arrival] = []
    failures = []
    for record in records:
        try:
            arrivals.append(_arrival(record["kinesis"]))
        except purchases.Unreadable as error:
            number = record["kinesis"]["sequenceNumber"]
            message = f"{shard} record {number} is no purchase: {error} (see datasets/transactions/transactions.yaml)"
            if not arrivals:
                raise purchases.Unreadable(message) from None
            log.warning(message)
            failures.append({"itemIdentifier": number})
            break
    for minute, some in minutes.by_minute(arrivals).items():
        _publish(minute, _table.add(shard, minute, some))
    return {"batchItemFailures": failures}


def _arrival(record: Mapping[str, Any]) -> Arrival:
    purchase = purchases.decode(base64.b64decode(record["data"]))
    return Arrival(record["sequenceNumber"], record["approximateArrivalTimestamp"], purchase)


def _publish(minute: str, totals: Sequence[Sums]) -> None:
    """Tell CloudWatch the minute's totals so far. They only grow: their Maximum is right, however often it is told."""
    _cloudwatch.put_metric_data(
        Namespace=_NAMESPACE,
        MetricData=[
            {
                "MetricName": "Purchases",
                "Dimensions": [{"Name": "Region", "Value": each.region}, {"Name": "Status", "Value": each.status}],
                "Timestamp": f"{minute}:00Z",
                "Value": each.purchases,
                "Unit": "Count",
            }
            for each in totals
        ],
    )
