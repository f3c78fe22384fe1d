"""Lambda ``publish``: switch derived tables to what a build's Athena statements wrote.

Event: ``pipeline``, ``database``, ``statements`` (table → query execution ids), ``partitions`` (values rebuilt) and,
with a build's last step only, ``uploads`` (``key`` and ``etag`` of each), which are then marked as published.
Answer: ``{table: {"partitions": n, "objects": n}}``.
"""

from __future__ import annotations

import os
from typing import Any

import boto3

from millrace.publish import publish_table
from millrace.published import Published

_session = boto3.Session()
_athena, _glue, _s3 = (_session.client(service) for service in ("athena", "glue", "s3"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish each table in turn; a retry finds it published and changes nothing."""
    answer = {
        table: publish_table(
            _athena,
            _glue,
            _s3,
            database=event["database"],
            table=table,
            statements=statements,
            partitions=event.get("partitions", []),
            empty=f"s3://{os.environ['FINAL_BUCKET']}/{event['pipeline']}/{table}/build=none/",
        )
        for table, statements in event["statements"].items()
    }
    if uploads := event.get("uploads"):
        Published(_s3, os.environ["PROCESSED_BUCKET"], event["pipeline"]).add(uploads)
    return answer
