"""Files of this machine that are uploaded into the raw bucket."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace import contracts, uploads
from millrace.local import BUCKET_PREFIX
from millrace.sources import Brought, Run

_SMALL_BYTES = 1 << 20  # below, one plain request is quickest
_SUFFIXES = (".csv", ".csv.gz")


@dataclass(frozen=True)
class RawFile:
    """A file to upload and the key that it is given."""

    path: Path
    key: str
    upload_date: str


class Source:
    """The files of each raw table: ``<table>*.csv[.gz]`` and ``<table>/**/*.csv[.gz]``."""

    def __init__(self, slug: str, raw: Path) -> None:
        self._files = find_files(slug, raw, dt.datetime.now(dt.UTC).date())

    def prepare(self, run: Run) -> None:
        """Uploads need nothing but the bucket."""

    def bring(self, run: Run) -> Brought:
        """Upload the files; the run is for the last of their days."""
        with run.screen.step("upload") as step:
            upload(run.aws.client("s3"), self._files, step.advance)
            size = sum(file.path.stat().st_size for file in self._files)
            where = f"s3://{BUCKET_PREFIX}-raw/{run.slug}/"
            step.done(f"{len(self._files):,} files, {size / 1e6:,.0f} MB, to {where}")
        date = max(file.upload_date for file in self._files)
        return Brought(date, frozenset(file.key for file in self._files))


def find_files(slug: str, raw: Path, today: dt.date) -> list[RawFile]:
    """The files of each raw table. A file whose name has no date counts as uploaded today.

    Raises ValueError where a table has no file.
    """
    tables = [contract.table for contract in contracts.of_pipeline(slug).values() if contract.kind == "raw"]
    found: list[RawFile] = []
    for path in sorted(path for path in raw.rglob("*") if path.is_file() and path.name.lower().endswith(_SUFFIXES)):
        relative = path.relative_to(raw)
        first = relative.parts[0]
        table = next((t for t in sorted(tables, key=len, reverse=True) if first == t or _begins(first, t)), None)
        if table is None:
            continue
        name = "/".join(relative.parts[1:]) if len(relative.parts) > 1 and first == table else relative.as_posix()
        date = uploads.date_in(name)
        key = f"{slug}/{table}/{name}" if date else f"{slug}/{table}/{today}/{name}"
        found.append(RawFile(path, key, date or str(today)))
    if missing := [table for table in tables if not any(file.key.startswith(f"{slug}/{table}/") for file in found)]:
        names = " and no file named ".join(f"{table}*.csv" for table in missing)
        raise ValueError(f"{raw} holds no file named {names} (nor {missing[0]}/*.csv), plain or .gz; {slug} needs it")
    return found


def upload(s3: Any, files: Sequence[RawFile], advance: Callable[[int, int], None]) -> None:
    """Put the files into the raw bucket; `advance` is told how many of how many are there."""

    def put(file: RawFile) -> None:
        if file.path.stat().st_size < _SMALL_BYTES:
            s3.put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=file.key, Body=file.path.read_bytes())
        else:
            s3.upload_file(str(file.path), f"{BUCKET_PREFIX}-raw", file.key)

    with ThreadPoolExecutor(4) as pool:
        for done, _ in enumerate(pool.map(put, files), start=1):
            advance(done, len(files))


def _begins(name: str, table: str) -> bool:
    return name.lower().startswith(table) and not name[len(table) : len(table) + 1].isalnum()
