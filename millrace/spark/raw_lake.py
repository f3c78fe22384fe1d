"""Raw CSV files into a lake that keeps their schema: typed, sorted, compressed Parquet, and every line accounted for.

Each file becomes partitions of its own (``source``), so a new file touches nothing that is there and a changed one
replaces its own rows. A file is written into a folder that nobody sees, reconciled, and then switched to.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from millrace import contracts, loads, publish
from millrace.convert import header
from millrace.convert.header import Header, Refused
from millrace.loads import LoadError
from millrace.published import Published
from millrace.spark import raw_csv, rejects, written
from millrace.spark.raw_csv import FAULT
from millrace.uploads import Upload

SOURCE = "source"
_HEAD_BYTES = 1 << 20
_TASK_BYTES = 64 << 20  # of CSV, so that what a task sorts stays small


@dataclass(frozen=True)
class Layout:
    """How a raw table lies in the lake.

    table: the derived table. order: the columns by which files are sorted, those that people look for first.
    partitions: the partition columns after ``source``, in the catalog's order, and how a row tells them.
    row_group_bytes: in memory; a reader skips row groups by their smallest and largest values, so small ones are read
    less where few rows are wanted. file_rows: at most, which keeps files near 128 MB. open_files: how many partitions a
    task may write side by side; where there are few, rows need not be sorted by partition first, which takes longer.
    """

    table: str
    order: tuple[str, ...]
    partitions: Mapping[str, Callable[[], Column]] = field(default_factory=dict)
    row_group_bytes: int = 128 << 20
    file_rows: int = 12_000_000
    open_files: int = 0


@dataclass(frozen=True)
class Build:
    """A file's rows in the lake, before anybody sees them."""

    upload: Upload
    table: str
    folder: str
    ledger: dict[str, Any]


class RawLake:
    """The raw files and the tables of one pipeline. session: a boto3 session; run: names this run in the ledger."""

    def __init__(
        self,
        spark: SparkSession,
        session: Any,
        bucket_prefix: str,
        slug: str,
        layouts: Mapping[str, Layout],
        *,
        run: str,
    ) -> None:
        self._spark = spark
        self._s3, self._glue = session.client("s3"), session.client("glue")
        self._prefix = bucket_prefix
        self._slug = slug
        self._layouts = layouts
        self._run = run
        self._ledger: list[dict[str, Any]] = []
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        # Adapting leaves out of a plan what turns out to be empty, and what is observed there is waited for in vain.
        spark.conf.set("spark.sql.adaptive.enabled", "false")

    def pending(self, *, rebuild: bool = False) -> Iterator[Upload]:
        """The files that are not in the lake, until there are none: more may arrive meanwhile. rebuild: all files.

        Raises LoadError at the end if files were refused; the others are loaded by then.
        """
        done: set[tuple[str, str]] = set()
        published = Published(self._s3, f"{self._prefix}-processed", self._slug)
        known = {} if rebuild else published.read()
        while new := [u for u in self._uploads() if known.get(u.key) != u.etag and (u.key, u.etag) not in done]:
            for upload in new:
                done.add((upload.key, upload.etag))
                yield upload
        self._account()

    def build(self, upload: Upload) -> Build | None:
        """Write the rows of a file; None if it is refused, which the ledger then says, or was replaced meanwhile."""
        started = time.monotonic()
        contract = contracts.get(self._slug, upload.table)
        layout = self._layouts[upload.table]
        try:
            head = self._header(upload, contract)
        except Refused as reason:
            self._ledger.append(self._row(upload, status="refused", reason=str(reason)))
            return None
        folder = self._folder(upload, layout)
        lines = Observation("lines")
        uri = f"s3://{self._prefix}-raw/{upload.key}"
        good = _good_rows(raw_csv.read(self._spark, uri, contract, head), lines)
        tasks = max(self._spark.sparkContext.defaultParallelism * 2, upload.size // _TASK_BYTES)
        _write(good, layout, folder, tasks)
        seen, kept = lines.get, written.look(self._s3, f"{self._prefix}-final", self._keys(folder))
        faults: list[dict[str, str]] = json.loads(seen["faults"])
        ledger = self._row(
            upload,
            rows_in=seen["rows"],
            rows_out=kept.rows,
            rows_rejected=len(faults),
            duplicates=kept.duplicates,
            encoding="utf-8",
            delimiter=head.delimiter,
            target=folder,
            rejects=self._write_rejects(upload, faults, contract, head),
            seconds=round(time.monotonic() - started, 3),
        )
        try:
            loads.check(self._slug, [ledger])
        except LoadError:  # which the end of the run tells, after the other files
            self._ledger.append(ledger)
            return None
        if self._s3.head_object(Bucket=f"{self._prefix}-raw", Key=upload.key)["ETag"].strip('"') != upload.etag:
            return None  # it was replaced while it was read: the next look finds the new one
        return Build(upload, layout.table, folder, ledger)

    def publish(self, build: Build) -> None:
        """Let readers see the rows of a file, in place of those that it had before, and mark it as published."""
        source = _source(build.upload)
        known = publish.partitions_of(self._glue, self._slug, build.table)
        before = [values for values in known if values[0] == source]
        written = [f"s3://{self._prefix}-final/{key}" for key in self._keys(build.folder)]
        publish.switch(self._glue, self._s3, self._slug, build.table, written, before, build.folder)
        self._put(build.upload.ledger_key, build.ledger)
        Published(self._s3, f"{self._prefix}-processed", self._slug).add(
            [{"key": build.upload.key, "etag": build.upload.etag}]
        )
        self._ledger.append(build.ledger)

    def _uploads(self) -> list[Upload]:
        raw = [contracts.get(self._slug, table) for table in self._layouts]
        return [upload for contract in raw for upload in loads.uploads_of(self._s3, f"{self._prefix}-raw", contract)]

    def _account(self) -> None:
        """Leave this run's ledger rows; raise LoadError where a file was refused."""
        self._put(loads.run_key(self._slug, self._run), self._ledger)
        loads.check(self._slug, self._ledger)

    def _header(self, upload: Upload, contract: contracts.Contract) -> Header:
        """What the file's first line says. Raises Refused where it is not of the contract."""
        body = self._s3.get_object(Bucket=f"{self._prefix}-raw", Key=upload.key, IfMatch=f'"{upload.etag}"')["Body"]
        with body:
            line = rejects.first_line(body, gzipped=_gzipped(upload), limit=_HEAD_BYTES)
        found = header.match(line, contract)
        if found.extra:
            names = ", ".join(map(repr, found.extra))
            where = f"datasets/{self._slug}/{contract.table}.yaml"
            raise Refused(f"columns {names} are not in the contract, and nothing may be dropped; add them to {where}")
        return found

    def _folder(self, upload: Upload, layout: Layout) -> str:
        """A folder of its own for each try."""
        at = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
        base = contracts.get(self._slug, layout.table).uri(self._prefix)
        return f"{base}build={at}/{SOURCE}={quote(_source(upload), safe='')}/"

    def _write_rejects(
        self, upload: Upload, faults: list[dict[str, str]], contract: contracts.Contract, head: Header
    ) -> str | None:
        bucket, key = f"{self._prefix}-rejects", upload.rejects_key
        if not faults:
            self._s3.delete_object(Bucket=bucket, Key=key)
            return None
        body = self._s3.get_object(Bucket=f"{self._prefix}-raw", Key=upload.key, IfMatch=f'"{upload.etag}"')["Body"]
        with body:
            found = rejects.located(body, faults, contract, head, gzipped=_gzipped(upload))
        self._s3.put_object(
            Bucket=bucket, Key=key, Body=rejects.to_csv(upload.key, found), ContentType="text/csv; charset=utf-8"
        )
        return f"s3://{bucket}/{key}"

    def _keys(self, folder: str) -> list[str]:
        """The Parquet files in a folder of the final bucket."""
        bucket, _, prefix = folder.removeprefix("s3://").partition("/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [key for key in keys if key.endswith(".parquet")]

    def _put(self, key: str, document: object) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        self._s3.put_object(Bucket=f"{self._prefix}-processed", Key=key, Body=body, ContentType="application/json")

    def _row(self, upload: Upload, **found: Any) -> dict[str, Any]:
        """A ledger row."""
        return {
            "pipeline": self._slug,
            "table": upload.table,
            "bucket": f"{self._prefix}-raw",
            "key": upload.key,
            "etag": upload.etag,
            "bytes": upload.size,
            "upload_date": upload.upload_date,
            "status": "loaded",
            "reason": None,
            "rows_in": 0,
            "rows_out": 0,
            "rows_rejected": 0,
            "target": None,
            "rejects": None,
            **found,
        }


def _good_rows(lines: DataFrame, seen: Observation) -> DataFrame:
    """The rows that break no rule; on the way all lines are counted and the faults collected."""
    faults = F.to_json(F.collect_list(F.col(FAULT)))
    watched = lines.observe(seen, F.count(F.lit(1)).alias("rows"), faults.alias("faults"))
    return watched.where(F.col(FAULT).isNull()).drop(FAULT)


def _write(rows: DataFrame, layout: Layout, folder: str, tasks: int) -> None:
    """Write the rows in the layout's order, in which exact duplicates are neighbours."""
    for name, value in layout.partitions.items():
        rows = rows.withColumn(name, value())
    by = (*layout.partitions,) or (layout.order[0],)
    order = layout.order if layout.open_files else (*layout.partitions, *layout.order)
    together = rows.repartition(tasks if layout.partitions else 1, *by).sortWithinPartitions(*order)
    rows.sparkSession.conf.set("spark.sql.maxConcurrentOutputFileWriters", layout.open_files)
    writer = together.write.option("compression", "zstd").option("maxRecordsPerFile", layout.file_rows)
    writer = writer.option("parquet.block.size", layout.row_group_bytes)
    (writer.partitionBy(*layout.partitions) if layout.partitions else writer).parquet(folder)


def _source(upload: Upload) -> str:
    """What the partitions of a file are called: its key within its table's folder."""
    return upload.key.split("/", 2)[2]


def _gzipped(upload: Upload) -> bool:
    return upload.key.lower().endswith(".gz")
