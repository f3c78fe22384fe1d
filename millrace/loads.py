"""A load: the uploads that a run takes on, and the account that it gives of them.

An upload is pending until it is published (``millrace.published``); a run takes on all that are pending and were
uploaded up to its day. Every row of each must then be in the table or in the rejects.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from millrace import contracts
from millrace.contracts import Contract
from millrace.published import Published
from millrace.uploads import Upload, of_object

# Airflow maps at most 1,024 tasks and each costs a scheduling round, so a backlog shares this many invocations …
_INVOCATIONS = 8
# … as long as one has no more to do than its 15 minutes allow, at 20 MB/s and some milliseconds a file.
_INVOCATION_BYTES = 4 << 30
_FILE_BYTES = 256 << 10
# The share of rejected rows means something from this many rows on.
_SHARE_ROWS = 1000
# What one Athena statement may write.
_PARTITIONS = 100


class LoadError(ValueError):
    """A load that must not be published; the message names the files and what to do."""


def pending(s3: Any, bucket_prefix: str, slug: str, *, upto: str, again: str | None = None) -> list[Upload]:
    """The uploads to load, by table in order of their key.

    upto: the last upload date, YYYY-MM-DD. again: an upload date whose files are taken on though they are published.
    """
    published = Published(s3, f"{bucket_prefix}-processed", slug).read()
    uploads = (
        upload
        for contract in contracts.of_pipeline(slug).values()
        if contract.kind == "raw"
        for upload in uploads_of(s3, f"{bucket_prefix}-raw", contract)
    )
    return [
        upload
        for upload in uploads
        if upload.upload_date <= upto and (published.get(upload.key) != upload.etag or upload.upload_date == again)
    ]


def uploads_of(s3: Any, bucket: str, contract: Contract) -> Iterator[Upload]:
    """All uploads of a raw table, in order of their key."""
    prefix = f"{contract.pipeline}/{contract.table}/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield of_object(item)


def payloads(slug: str, bucket: str, uploads: Sequence[Upload]) -> list[str]:
    """Payloads for the converter: one for each upload, or for neighbours together where there are very many."""
    if len(uploads) <= _INVOCATIONS:
        groups = [[upload] for upload in uploads]
    else:
        ends = list(itertools.accumulate(upload.size + _FILE_BYTES for upload in uploads))
        count = max(_INVOCATIONS, -(-ends[-1] // _INVOCATION_BYTES))
        numbered = itertools.groupby(
            zip(ends, uploads, strict=True), key=lambda pair: pair[0] * count // (ends[-1] + 1)
        )
        groups = [[upload for _, upload in group] for _, group in numbered]
    return [
        json.dumps(
            {
                "pipeline": slug,
                "bucket": bucket,
                "files": [{"key": u.key, "etag": u.etag, "upload_date": u.upload_date} for u in group],
            },
            ensure_ascii=False,
        )
        for group in groups
    ]


def ledger_rows(answers: Sequence[str]) -> list[dict[str, Any]]:
    """The ledger rows in the converter's answers."""
    return [row for answer in answers for row in json.loads(answer)["files"]]


def reconcile(s3: Any, bucket_prefix: str, slug: str, answers: Sequence[str]) -> dict[str, Any]:
    """The account of a load, from the converter's answers.

    Returns ``upload_dates``; ``uploads``, the key and etag of each; ``published``, how many uploads were so before;
    ``replaced``, whether one of them replaces a published one; and ``rows_in``, ``rows_out``, ``rows_rejected``. Raises
    LoadError where a file was refused, where rows are neither in the table nor in the rejects, or where more were
    rejected than the contract lets pass.
    """
    rows = ledger_rows(answers)
    check(slug, rows)
    published = Published(s3, f"{bucket_prefix}-processed", slug).read()
    return {
        "upload_dates": sorted({row["upload_date"] for row in rows}),
        "uploads": [{"key": row["key"], "etag": row["etag"]} for row in rows],
        "published": len(published),
        "replaced": any(published.get(row["key"], row["etag"]) != row["etag"] for row in rows),
        **{name: sum(row[name] for row in rows) for name in ("rows_in", "rows_out", "rows_rejected")},
    }


def check(slug: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise LoadError unless all these ledger rows may be published."""
    if problems := [problem for row in rows if (problem := _problem(slug, row))]:
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise LoadError(
            f"{len(problems)} of {len(rows)} uploads cannot be published, so none is: "
            f"{'; '.join(problems[:20])}{more}. Mend or remove them in the raw bucket and run again"
        )


def _problem(slug: str, row: Mapping[str, Any]) -> str | None:
    if row["status"] != "loaded":
        return f"{row['key']} was refused: {row['reason']}"
    if row["rows_in"] != row["rows_out"] + row["rows_rejected"]:
        return (
            f"{row['key']} has {row['rows_in']} rows, but {row['rows_out']} are in the table "
            f"and {row['rows_rejected']} in the rejects"
        )
    limit = contracts.get(slug, row["table"]).max_rejected
    if row["rows_in"] >= _SHARE_ROWS and row["rows_rejected"] > limit * row["rows_in"]:
        return (
            f"{row['key']}: {row['rows_rejected']} of {row['rows_in']} rows were rejected, over the contract's "
            f"{limit:.1%} (see {row['rejects']})"
        )
    return None


def run_key(slug: str, run: str) -> str:
    """Where a Glue job's run leaves its ledger rows, in the processed bucket."""
    return f"_ledger/{slug}/_runs/{run}.json"


def rows_of_run(s3: Any, bucket_prefix: str, slug: str, run: str) -> list[dict[str, Any]]:
    """The ledger rows that a Glue job's run left."""
    body = s3.get_object(Bucket=f"{bucket_prefix}-processed", Key=run_key(slug, run))["Body"].read()
    rows: list[dict[str, Any]] = json.loads(body)
    return rows


def month_chunks(months: Sequence[str]) -> list[list[str]]:
    """The months in lists that one Athena statement may write; one empty list if there are none."""
    return [list(months[start : start + _PARTITIONS]) for start in range(0, len(months), _PARTITIONS)] or [[]]
