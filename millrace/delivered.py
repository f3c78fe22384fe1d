"""What Firehose delivered into a table since last time.

The ledger keeps the time of the newest object that was looked at and the keys of some time before it. An object counts
as new if it is younger than that, or as young and not among the keys: clocks and listings need not agree to the second.
A run that dies before it marks what it saw leaves it to the next one; two runs at once see the same, which is harmless.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from millrace import publish
from millrace.contracts import Contract

_DIGITS = {"day": 10, "month": 7}
_OVERLAP = dt.timedelta(minutes=15)
_ATTEMPTS = 10
_THREADS = 8


def since_last(s3: Any, bucket_prefix: str, contract: Contract) -> dict[str, Any] | None:
    """``objects``, how many are new; their ``days``; whether they are the first of a day; and ``seen``, for ``mark``.

    None if nothing is new. contract: of a table whose first partition is ``day``, that of arrival.
    """
    seen, _ = _read(s3, bucket_prefix, contract)
    bucket, _, folder = contract.uri(bucket_prefix).removeprefix("s3://").partition("/")
    newest = dt.datetime.fromisoformat(seen["newest"])
    # What is younger than the newest arrived, at the earliest, the day before it.
    start = f"{folder}day={(newest - dt.timedelta(2)).date()}"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, StartAfter=start)
    recent = {
        item["Key"]: item["LastModified"]
        for page in pages
        for item in page.get("Contents", [])
        if item["LastModified"] > newest - _OVERLAP
    }
    if not (new := recent.keys() - set(seen["keys"])):
        return None
    before, newest = newest, max(newest, *recent.values())
    kept = sorted(key for key, modified in recent.items() if modified > newest - _OVERLAP)
    days = {match[1] for key in new if (match := re.search(r"/day=([^/]+)/", key))}
    seen = {"newest": newest.isoformat(), "keys": kept}
    return {"objects": len(new), "days": sorted(days), "daily": newest.date() > before.date(), "seen": seen}


def periods(days: Iterable[str], contract: Contract) -> dict[str, Any]:
    """The ``periods`` of a table in which days fall and the days beside them, about which clocks may not agree.

    ``digits``: how many of a day's name its period.
    """
    digits = _DIGITS[contract.period or ""]
    near = {dt.date.fromisoformat(day).toordinal() + step for day in days for step in (-1, 0, 1)}
    known = range(dt.date.min.toordinal(), dt.date.max.toordinal() + 1)
    found = {dt.date.fromordinal(day).isoformat()[:digits] for day in near if day in known}
    return {"periods": sorted(found), "digits": digits}


def supersede(s3: Any, uris: Sequence[str]) -> int:
    """Leave objects to the bucket's life cycle; how many there are."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda uri: publish.tag_superseded(s3, uri), uris))
    return len(uris)


def mark(s3: Any, bucket_prefix: str, contract: Contract, seen: dict[str, Any]) -> None:
    """Note what was seen, unless another run has seen later objects meanwhile."""
    for _ in range(_ATTEMPTS):
        before, condition = _read(s3, bucket_prefix, contract)
        if before["newest"] > seen["newest"]:
            return
        body = json.dumps(seen, indent=0).encode()
        try:
            s3.put_object(**_where(bucket_prefix, contract), Body=body, ContentType="application/json", **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
        else:
            return
    raise RuntimeError(f"{_where(bucket_prefix, contract)['Key']}: {_ATTEMPTS} writers were quicker; retry")


def _read(s3: Any, bucket_prefix: str, contract: Contract) -> tuple[dict[str, Any], dict[str, str]]:
    """What was seen before, and the condition on which it may be replaced."""
    try:
        answer = s3.get_object(**_where(bucket_prefix, contract))
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return {"newest": "2000-01-01T00:00:00+00:00", "keys": []}, {"IfNoneMatch": "*"}
    return json.load(answer["Body"]), {"IfMatch": answer["ETag"]}


def _where(bucket_prefix: str, contract: Contract) -> dict[str, str]:
    return {
        "Bucket": f"{bucket_prefix}-processed",
        "Key": f"_ledger/{contract.pipeline}/_delivered/{contract.table}.json",
    }
