"""Lambda ``csv_to_parquet``: standardise raw CSV files by their contract into Parquet, rejects and ledger rows.

Event: ``{"bucket": …, "files": [{"key": …, "upload_date": "2024-01-15"}]}``, or an S3 notification.
Answer: ``{"files": [<ledger row>, …]}`` in the order of the event.
Environment: PROCESSED_BUCKET, REJECTS_BUCKET.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.handlers import add_expect_header

from millrace.convert.job import Job, files_in

# A user agent of its own spares botocore to compose one, which takes a seventh of a small request.
_s3 = boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}, user_agent="millrace"))
# Asking S3 whether it will take a body is a round trip for each of many small objects.
_s3.meta.events.unregister("before-call.s3", add_expect_header)

job = Job(_s3, os.environ["PROCESSED_BUCKET"], os.environ["REJECTS_BUCKET"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Convert the event's files; any error ends the invocation, and repeating it is safe."""
    return {"files": job.run(files_in(event))}
