"""A server's folder that is synced into the raw bucket."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from millrace import contracts
from millrace.local import BUCKET_PREFIX
from millrace.sources import Brought, Run
from millrace.sync import find, sync


class Source:
    """The files of each raw table (``millrace.sync.find``)."""

    def __init__(self, slug: str, raw: Path) -> None:
        self._files = find(slug, raw).files
        tables = [contract.table for contract in contracts.of_pipeline(slug).values() if contract.kind == "raw"]
        for table in tables:
            if not any(file.key.startswith(f"{slug}/{table}/") for file in self._files):
                name = table.removeprefix("raw_")
                raise ValueError(
                    f"{raw} holds no file named {name}*.csv (nor {name}/*.csv), plain or .gz; {slug} needs it"
                )

    def prepare(self, run: Run) -> None:
        """A sync needs nothing but the bucket."""

    def bring(self, run: Run) -> Brought:
        """Sync the folder; the run is for today, when it arrived."""
        total = sum(file.path.stat().st_size for file in self._files)
        with run.screen.step("sync") as step:
            done = 0

            def advance(size: int) -> None:
                nonlocal done
                done += size
                step.advance(done, total)

            outcome = sync(run.aws.client("s3"), f"{BUCKET_PREFIX}-raw", self._files, advance)
            where = f"s3://{BUCKET_PREFIX}-raw/{run.slug}/"
            step.done(f"{len(outcome.sent)} files, {outcome.size / 1e6:,.0f} MB, to {where}")
        return Brought(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", frozenset(file.key for file in self._files))
