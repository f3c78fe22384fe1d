"""Lambda ``transactions_minutes``: bring the counted minutes into the lake, as the table ``minute_metrics``.

Event: ``{"build": a name that no other try has}``. Answer: ``{"days": {day: minutes}}``, those that were written: what
the table has not, and its newest day and the one before, which may have grown.
Environment: TABLE (DynamoDB), BUCKET_PREFIX.
"""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from millrace import contracts, publish
from millrace.minutes import MinuteTable, Sums

_DATABASE, _NAME = "transactions", "minute_metrics"
_glue, _s3 = boto3.client("glue"), boto3.client("s3")
_table = MinuteTable(boto3.client("dynamodb"), os.environ["TABLE"])
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("minute", pa.timestamp("ms")),
    ("region", pa.string()),
    ("status", pa.string()),
    ("purchases", pa.int64()),
    ("missing_amounts", pa.int64()),
    ("amount", pa.decimal128(18, 2)),
]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Write each day anew and switch the table to it; a day without minutes stays as it is."""
    days = {day: minutes for day in _days() if (minutes := _table.day(day))}
    folder = f"{contracts.get(_DATABASE, _NAME).uri(os.environ['BUCKET_PREFIX'])}build={event['build']}/"
    written = [_write(folder, day, minutes) for day, minutes in days.items()]
    publish.switch(_glue, _s3, _DATABASE, _NAME, written, [(day,) for day in days], folder)
    return {"days": {day: len(minutes) for day, minutes in days.items()}}


def _days() -> list[str]:
    published = publish.partitions_of(_glue, _DATABASE, _NAME)
    if not published:
        return _table.days()
    day = dt.date.fromisoformat(max(published)[0]) - dt.timedelta(1)
    today = dt.datetime.now(dt.UTC).date()
    return [str(day + dt.timedelta(n)) for n in range((today - day).days + 1)]


def _write(folder: str, day: str, minutes: Mapping[str, Sequence[Sums]]) -> str:
    rows = [
        {
            **vars(each),
            "minute": dt.datetime.fromisoformat(minute),
            "amount": Decimal(each.cents).scaleb(-2),
        }
        for minute, cells in sorted(minutes.items())
        for each in cells
    ]
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(_COLUMNS)), body, compression="zstd")
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    key = f"{prefix}day={day}/minutes.parquet"
    _s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return f"s3://{bucket}/{key}"
