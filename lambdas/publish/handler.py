"""Lambda ``publish``: show what a build's Athena statements wrote to checks, or switch derived tables to it.

Event: ``pipeline``, ``database``, ``tables`` (a list of ``name``, ``statements``: query execution ids, and ``rebuilt``:
partition key → values that are made anew, null for all) and ``step``:

- ``catalogue`` gives what was written to tables named ``built_<table>``, on which checks are queried.
- ``publish`` lets readers see it, table by table, and then marks ``uploads`` (``key``, ``etag``) as published.

Answer: ``{table: …}``, what each has of the build.
"""

from __future__ import annotations

import os
from typing import Any

import boto3

from millrace import builds
from millrace.publish import publish_table, written_by
from millrace.published import Published

_session = boto3.Session()
_athena, _glue, _s3 = (_session.client(service) for service in ("athena", "glue", "s3"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do the step for each table in turn; a retry finds it done and changes nothing."""
    empty = f"s3://{os.environ['FINAL_BUCKET']}/{event['pipeline']}/build=none/"
    if event["step"] == "catalogue":
        tables = {
            table["name"]: builds.BuiltTable(written_by(_athena, _s3, table["statements"]), None)
            for table in event["tables"]
        }
        return builds.catalogue(_glue, builds.Build(event["database"], "", tables), empty)
    answer = {
        table["name"]: publish_table(
            _athena,
            _glue,
            _s3,
            database=event["database"],
            table=table["name"],
            statements=table["statements"],
            rebuilt=table["rebuilt"],
            empty=empty,
        )
        for table in event["tables"]
    }
    Published(_s3, os.environ["PROCESSED_BUCKET"], event["pipeline"]).add(event["uploads"])
    return answer
