"""Lambda ``transactions_live``: what Firehose makes of the stream's records on their way to Parquet.

Event: Firehose's, from a Kinesis stream. Answer: each record with its number and time in the stream, or ``Dropped``
where it is no purchase: the stream's other reader tells the dead letters of it, and nothing of it gets into the lake.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any

from millrace import purchases
from millrace.minutes import padded


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Transform a batch."""
    return {"records": [{"recordId": record["recordId"], **_transformed(record)} for record in event["records"]]}


def _transformed(record: Mapping[str, Any]) -> dict[str, str]:
    try:
        purchase = purchases.decode(base64.b64decode(record["data"]))
    except purchases.Unreadable:
        return {"result": "Dropped", "data": ""}
    about = record["kinesisRecordMetadata"]
    arrived = dt.datetime.fromtimestamp(about["approximateArrivalTimestamp"] / 1000, dt.UTC)
    purchase["arrived_at"] = arrived.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    purchase["sequence"] = padded(about["sequenceNumber"])
    return {"result": "Ok", "data": base64.b64encode(purchases.encode(purchase)).decode()}
