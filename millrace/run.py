"""Run a pipeline's real DAG on files of this machine; the embedded AWS and Airflow come up for it and go with it."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace import contracts, uploads
from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner
from millrace.results import Results
from millrace.screen import Screen

_SMALL_BYTES = 1 << 20  # below, one plain request is quickest
_SUFFIXES = (".csv", ".csv.gz")


@dataclass(frozen=True)
class RawFile:
    """A file to upload and the key that it is given."""

    path: Path
    key: str
    upload_date: str


def find_files(slug: str, raw: Path, today: dt.date) -> list[RawFile]:
    """The files of each raw table: ``<table>*.csv[.gz]`` and ``<table>/**/*.csv[.gz]``.

    A file whose name has no date counts as uploaded today. Raises ValueError where a table has no file.
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


def _begins(name: str, table: str) -> bool:
    return name.lower().startswith(table) and not name[len(table) : len(table) + 1].isalnum()


def run(
    slug: str, make_raw: Callable[[Screen], Path], out: Path, screen: Screen, *, keep_aws: Path | None = None
) -> int:
    """Run the pipeline and write its results into `out`; the exit status.

    make_raw: gives the folder of raw files; it is called while Airflow comes up. keep_aws: where to leave the embedded
    AWS's data; without it they go with the run. Status 0: every task succeeded and every row is accounted for.
    """
    out.mkdir(parents=True, exist_ok=True)
    STATE.mkdir(exist_ok=True)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=STATE)))
        logs = out / "logs"
        with screen.step("embedded AWS") as step:
            aws = stack.enter_context(LocalAws(keep_aws or work / "aws", logs / "localaws.log"))
            step.done(aws.endpoint)
        airflow = stack.enter_context(Airflow(slug, aws, work / "airflow", logs / "airflow.log"))
        with screen.step("provision") as step:
            provisioner = Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages")
            provisioner.common()
            provisioner.pipeline(slug)
            step.done("buckets, functions, tables, crawler, dashboard")
        files = find_files(slug, make_raw(screen), dt.datetime.now(dt.UTC).date())
        with screen.step("upload") as step:
            _upload(aws.client("s3"), files, step.advance)
            size = sum(file.path.stat().st_size for file in files)
            step.done(f"{len(files):,} files, {size / 1e6:,.0f} MB, to s3://{BUCKET_PREFIX}-raw/{slug}/")
        with screen.step("Airflow") as step:
            airflow.wait_ready()
            step.done(f"DAG {slug}, {len(airflow.tasks)} tasks")
        date = max(file.upload_date for file in files)
        with screen.tasks(airflow.tasks) as watch:
            result = airflow.run({"logical_date": f"{date}T06:00:00Z", "date": date}, watch)
        results = Results(slug, result, aws, out)
        results.write([file.key for file in files])
    screen.results(results)
    return 0 if results.complete else 1


def _upload(s3: Any, files: list[RawFile], advance: Callable[[int, int], None]) -> None:
    def put(file: RawFile) -> None:
        if file.path.stat().st_size < _SMALL_BYTES:
            s3.put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=file.key, Body=file.path.read_bytes())
        else:
            s3.upload_file(str(file.path), f"{BUCKET_PREFIX}-raw", file.key)

    with ThreadPoolExecutor(4) as pool:
        for done, _ in enumerate(pool.map(put, files), start=1):
            advance(done, len(files))
