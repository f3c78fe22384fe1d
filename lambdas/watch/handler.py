"""Lambda ``watch``: tell where a table's uploads stay away or are unusually large or small. Called by schedule.

Event: ``pipeline``, ``table``; ``fresh_days``, how many days may pass without an upload; ``factor``, how many times
more or less than usual a day may bring. Answer: ``{"found": [kinds]}``.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from typing import Any

import boto3

from millrace import callbacks, contracts, loads, watch

_s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:
    """Judge the uploads that there are by now, and put what is found on the bus."""
    contract = contracts.get(event["pipeline"], event["table"])
    sizes: Counter[dt.date] = Counter()
    for upload in loads.uploads_of(_s3, os.environ["RAW_BUCKET"], contract):
        sizes[dt.date.fromisoformat(upload.upload_date)] += upload.size
    found = list(
        watch.findings(
            f"{contract.pipeline}.{contract.table}",
            sizes,
            dt.datetime.now(dt.UTC).date(),
            fresh_days=event.get("fresh_days", 1),
            factor=event.get("factor", 3.0),
        )
    )
    for each in found:
        callbacks.tell("Alert", each)
    return {"found": [each["kind"] for each in found]}
