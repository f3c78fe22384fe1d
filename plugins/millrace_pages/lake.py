"""What the lake holds: tables and their freshness from the Glue catalog, loads from the ledger, rejects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from millrace_pages import aws

LATEST_DATES = 14  # upload dates of a table whose loads are shown
SHOWN_LOADS = 100
SHOWN_REJECTS = 50
_READ_BYTES = 1 << 20  # of a rejects file, for the preview
_BUILT = "built_"
_VALUE = re.compile(r'"[^"]*"')  # a reason quotes the value, which differs from row to row


@dataclass(frozen=True)
class Table:
    """A table of the catalog; `updated` is when its data or its schema last changed there."""

    name: str
    description: str
    columns: int
    partitions: tuple[str, ...]
    location: str
    updated: datetime | None


@dataclass(frozen=True)
class Preview:
    """The beginning of a rejects file: reasons with their counts, and some rows as (line, column, reason, raw)."""

    reasons: list[tuple[str, int]]
    rows: list[dict[str, str]]
    whole: bool


def databases() -> list[tuple[str, str]]:
    """Name and description of the catalog's databases."""
    pages = aws.client("glue").get_paginator("get_databases").paginate()
    return [(item["Name"], item.get("Description", "")) for page in pages for item in page["DatabaseList"]]


def tables(database: str) -> list[Table]:
    """The tables of a database that people query, by name: without the builds that are yet to be checked."""
    pages = aws.client("glue").get_paginator("get_tables").paginate(DatabaseName=database)
    found = (
        Table(
            name=item["Name"],
            description=item.get("Description", ""),
            columns=len(item.get("StorageDescriptor", {}).get("Columns", [])),
            partitions=tuple(key["Name"] for key in item.get("PartitionKeys", [])),
            location=item.get("StorageDescriptor", {}).get("Location", ""),
            updated=item.get("UpdateTime") or item.get("CreateTime"),
        )
        for page in pages
        for item in page["TableList"]
        if not item["Name"].startswith(_BUILT)
    )
    return sorted(found, key=lambda table: table.name)


def loads(pipeline: str) -> list[dict[str, Any]]:
    """The ledger's rows of each table's latest upload dates, the newest load first; `loaded_at` is added."""
    objects = [
        item
        for table in _folders(f"_ledger/{pipeline}/")
        for date in sorted(_folders(table), reverse=True)[:LATEST_DATES]
        for item in _objects(date)
    ]
    newest = sorted(objects, key=lambda item: item["LastModified"], reverse=True)[:SHOWN_LOADS]
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(_ledger_row, newest))


def rejects(key: str) -> Preview:
    """The beginning of a rejects file, for the page. Raises botocore's ClientError where it is not there."""
    answer = aws.client("s3").get_object(Bucket=aws.bucket("rejects"), Key=key, Range=f"bytes=0-{_READ_BYTES - 1}")
    whole = int(answer["ContentRange"].rpartition("/")[2]) <= _READ_BYTES
    text = answer["Body"].read().decode("utf-8", errors="replace")
    if not whole:
        text = text[: text.rfind("\n") + 1]
    counts: Counter[str] = Counter()
    rows = []
    for row in csv.DictReader(io.StringIO(text, newline="")):
        counts[_VALUE.sub("…", row["reason"])] += 1
        if len(rows) < SHOWN_REJECTS:
            rows.append(row)
    return Preview(counts.most_common(), rows, whole)


def download(key: str) -> Iterator[bytes]:
    """A rejects file, in pieces."""
    body = aws.client("s3").get_object(Bucket=aws.bucket("rejects"), Key=key)["Body"]
    yield from body.iter_chunks(1 << 16)


def _ledger_row(item: dict[str, Any]) -> dict[str, Any]:
    body = aws.client("s3").get_object(Bucket=aws.bucket("processed"), Key=item["Key"])["Body"].read()
    row = dict(json.loads(body), loaded_at=item["LastModified"])
    row["rejects_key"] = urlsplit(row["rejects"]).path.lstrip("/") if row.get("rejects") else ""
    return row


def _folders(prefix: str) -> list[str]:
    pages = aws.client("s3").get_paginator("list_objects_v2")
    answers = pages.paginate(Bucket=aws.bucket("processed"), Prefix=prefix, Delimiter="/")
    return [item["Prefix"] for answer in answers for item in answer.get("CommonPrefixes", [])]


def _objects(prefix: str) -> list[dict[str, Any]]:
    answers = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=aws.bucket("processed"), Prefix=prefix)
    return list(islice((item for answer in answers for item in answer.get("Contents", [])), SHOWN_LOADS))
