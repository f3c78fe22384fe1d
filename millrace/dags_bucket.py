"""Bring the DAGs and what lies beside them, as they are built, into the bucket that MWAA reads; only what changed.

Checksums that S3 keeps tell what is there already, whoever put it there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace import package

PREFIX = "airflow/dags/"
_WORKERS = 16


@dataclass(frozen=True)
class Difference:
    """Paths under the prefix: what is not there, what is there with another content, and what is no longer built."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]


def compare(s3: Any, bucket: str, built: Mapping[str, bytes]) -> Difference:
    """How what is in the bucket differs from what is built."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    there = {item["Key"].removeprefix(PREFIX) for page in pages for item in page.get("Contents", [])}

    def differs(path: str) -> bool:
        answer = s3.head_object(Bucket=bucket, Key=PREFIX + path, ChecksumMode="ENABLED")
        return bool(answer.get("ChecksumSHA256") != _checksum(built[path]))

    both = sorted(built.keys() & there)
    with ThreadPoolExecutor(_WORKERS) as pool:
        changed = [path for path, other in zip(both, pool.map(differs, both), strict=True) if other]
    return Difference(tuple(sorted(built.keys() - there)), tuple(changed), tuple(sorted(there - built.keys())))


def sync(s3: Any, bucket: str, folder: Path) -> Difference:
    """Make the bucket hold what the folder does: first what DAGs read, then the DAGs, then what is gone goes."""
    built = package.contents_of(folder)
    difference = compare(s3, bucket, built)

    def put(path: str) -> None:
        s3.put_object(Bucket=bucket, Key=PREFIX + path, Body=built[path], ChecksumAlgorithm="SHA256")

    send = [*difference.new, *difference.changed]
    _each(put, [path for path in send if not _is_dag(path)])
    _each(put, [path for path in send if _is_dag(path)])
    _each(lambda path: s3.delete_object(Bucket=bucket, Key=PREFIX + path), difference.gone)
    return difference


def _is_dag(path: str) -> bool:
    return "/" not in path and path.endswith(".py")


def _each(do: Callable[[str], object], paths: list[str] | tuple[str, ...]) -> None:
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(do, paths))


def _checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
