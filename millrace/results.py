"""What a run leaves in its output folder: metrics, rejects and ledger as CSV, and the dashboard as page and picture."""

from __future__ import annotations

import csv
import shutil
import urllib.request
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from millrace import resources
from millrace.local import LocalAws

REJECT_COLUMNS = ("file", "line", "column", "reason", "raw")
LEDGER_COLUMNS = (
    "table", "key", "etag", "bytes", "upload_date", "status", "reason", "rows_in", "rows_out", "rows_rejected",
    "encoding", "delimiter", "target", "rejects", "seconds",
)  # fmt: skip


class Results:
    """The results of one run. `rows` are ledger rows; `metrics` the data sets' rows by query, header first.

    Ledger rows are those in the converter's answers (task ``convert``) and those that tasks named ``ledger`` return.
    """

    def __init__(self, slug: str, result: dict[str, Any], aws: LocalAws, out: Path) -> None:
        self.slug = slug
        self.state: str = result["result"]
        self.seconds: float = result["seconds"]
        self.tasks: list[dict[str, Any]] = result["tasks"]
        self.out = out
        self.rows: list[dict[str, Any]] = self._ledger_rows()
        self.metrics: dict[str, list[list[str]]] = {}
        self.reasons: Counter[str] = Counter()
        self.unaccounted: list[str] = []
        self._declared = resources.pipeline(slug)
        self._aws = aws
        self._s3 = aws.client("s3")

    @property
    def complete(self) -> bool:
        """Whether every task succeeded and every row is accounted for."""
        return self.state == "success" and not self.unaccounted

    @property
    def bar(self) -> tuple[str, str] | None:
        """The query and column of which the command line draws bars."""
        return next(((each.query, each.bar) for each in self._declared.data_sets if each.bar), None)

    @property
    def checks(self) -> list[dict[str, str]]:
        """The data checks and data quality rules, if the run came so far."""
        return [check for task in ("gate", "rules", "worth_it") for checks in self._returned(task) for check in checks]

    @property
    def failed(self) -> list[str]:
        """The tasks that failed."""
        return sorted({task["task"] for task in self.tasks if task["state"] == "failed"})

    def write(self, keys: Iterable[str]) -> None:
        """Write all files. keys: what was uploaded, each of which the ledger must know."""
        with ThreadPoolExecutor() as pool:
            # Drawing takes longest, and it is the embedded AWS that draws.
            has_dashboard = (resources.ROOT / "dashboards" / f"{self.slug}.json").exists()
            suffixes = ("png", "html") if has_dashboard and self.state == "success" else ()
            drawn = [pool.submit(self._write_dashboard, suffix) for suffix in suffixes]
            self._write_ledger()
            self._write_rejects()
            self._account(set(keys))
            for data_set in self._declared.data_sets:
                for statement in self._returned(data_set.query):
                    self._write_metrics(data_set.query, statement)
            for future in drawn:
                future.result()

    def _ledger_rows(self) -> list[dict[str, Any]]:
        # Airflow gives back as an object what a task returned as the text of one.
        converted = [row for answer in self._returned("convert") for row in answer["files"]]
        return converted + [row for rows in self._returned("ledger") for row in rows]

    def _returned(self, task: str) -> list[Any]:
        found = sorted((t for t in self.tasks if t["task"] == task), key=lambda t: t["map_index"])
        return [t["returned"] for t in found if t["returned"] is not None]

    def _write_ledger(self) -> None:
        with (self.out / "ledger.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, LEDGER_COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)

    def _write_rejects(self) -> None:
        """Join the files' rejects, which are CSV of the same columns already."""
        limit = csv.field_size_limit(8 << 20)  # a rejected record may be as long as a contract lets a line be
        try:
            self._join_rejects()
        finally:
            csv.field_size_limit(limit)

    def _join_rejects(self) -> None:
        with (self.out / "rejects.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(REJECT_COLUMNS)
            for row in self.rows:
                if not row.get("rejects"):
                    continue
                lines = (line.decode("utf-8") for line in self._open(row["rejects"]).iter_lines(keepends=True))
                count = 0
                for record in csv.DictReader(lines):
                    writer.writerow(record[name] for name in REJECT_COLUMNS)
                    self.reasons[f"{row['table']}: {record['column'] or 'row'}"] += 1
                    count += 1
                if row["status"] == "loaded" and count != row["rows_rejected"]:
                    self.unaccounted.append(
                        f"{row['key']}: {row['rows_rejected']} rejected, {count} in {row['rejects']}"
                    )

    def _account(self, keys: set[str]) -> None:
        for row in self.rows:
            if row["rows_in"] != row["rows_out"] + row["rows_rejected"]:
                self.unaccounted.append(f"{row['table']} {row['key']}: {row['rows_in']} in, {row['rows_out']} out")
        for key in sorted(keys - {row["key"] for row in self.rows}):
            self.unaccounted.append(f"{key}: not in the ledger")

    def _write_metrics(self, query: str, statement: str) -> None:
        """Fetch a statement's result, which Athena leaves as CSV."""
        execution = self._aws.client("athena").get_query_execution(QueryExecutionId=statement)["QueryExecution"]
        body = self._open(execution["ResultConfiguration"]["OutputLocation"]).read().decode("utf-8")
        self.metrics[query] = list(csv.reader(body.splitlines()))
        with (self.out / f"{query}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(self.metrics[query])

    def _write_dashboard(self, suffix: str) -> None:
        page = f"{self._aws.endpoint}/_localaws/quicksight/dashboards/{self.slug}.{suffix}"
        with urllib.request.urlopen(page) as answer, (self.out / f"chart.{suffix}").open("wb") as file:
            shutil.copyfileobj(answer, file)

    def _open(self, uri: str) -> Any:
        parts = urlsplit(uri)
        return self._s3.get_object(Bucket=parts.netloc, Key=uri.removeprefix(f"s3://{parts.netloc}/"))["Body"]
