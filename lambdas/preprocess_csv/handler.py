"""Lambda ``preprocess_csv``: clean raw CSV files by their contract into CSV, rejects and ledger rows.

Event: an object's arrival in the raw bucket, as EventBridge or S3 tells it, or ``{"bucket": …, "files": [{"key": …,
"upload_date": "2024-01-15"}]}``. Answer: ``{"files": [<ledger row>, …]}`` in the order of the event.
Environment: PROCESSED_BUCKET, REJECTS_BUCKET.
"""

from __future__ import annotations

import os
from typing import Any

import boto3

from millrace.convert.job import Job, files_in
from millrace.events import as_notification

job = Job(boto3.client("s3"), os.environ["PROCESSED_BUCKET"], os.environ["REJECTS_BUCKET"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Clean the event's files; any error ends the invocation, and repeating it is safe."""
    return {"files": job.run(files_in(as_notification(event)))}
