"""Raw files into tables that have the newest row of each key, partitioned by period and region, as a build.

New files are read, and their rows written once, by partition, the newest of each key only: the *staged* rows. Where a
partition has rows already, or a key is in another partition too, both are *merged* into a new partition; others stay as
they are. So a late row costs its own period, and nothing that readers see is touched: publishing the build is the
DAG's (``millrace.builds``). Row numbers are checked against what was read.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from millrace import loads, publish
from millrace.builds import Build, BuiltTable
from millrace.contracts import Contract
from millrace.convert.header import Refused
from millrace.loads import LoadError
from millrace.published import Published
from millrace.spark import derived, discovery, objects, raw_text
from millrace.spark.raw_text import RawFile
from millrace.spark.rejects import Reject, to_csv
from millrace.spark.staging import PARTITION, SOURCE, TABLE, Staged, Staging, Transform
from millrace.uploads import Upload

_KEEP, _RANK = "_keep", "_rank"


class PeriodLoad:
    """One run of a load. tables: what the rows are divided into; session: a boto3 session; rebuild: load all anew."""

    def __init__(
        self,
        spark: SparkSession,
        session: Any,
        bucket_prefix: str,
        raw: Contract,
        tables: Sequence[Contract],
        *,
        run: str,
        rebuild: bool = False,
    ) -> None:
        self._spark = spark
        self._s3, self._glue = session.client("s3"), session.client("glue")
        self._prefix, self._raw, self._run = bucket_prefix, raw, run
        self._tables = {table.table: table for table in tables}
        self._root = f"s3://{bucket_prefix}-final/{raw.pipeline}/builds/"
        self._staged = Staged()
        self._uploads = sorted(
            loads.uploads_of(self._s3, f"{bucket_prefix}-raw", raw), key=lambda u: (u.upload_date, u.key)
        )
        known = {} if rebuild else Published(self._s3, f"{bucket_prefix}-processed", raw.pipeline).read()
        # An upload that takes another's place may take something back, so then everything is loaded anew.
        self._whole = not known or any(known.get(u.key, u.etag) != u.etag for u in self._uploads)
        self._new = [u for u in self._uploads if self._whole or u.key not in known]
        self._built: dict[str, BuiltTable] = {}
        self._ledger: list[dict[str, Any]] = []
        for name, value in {
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.legacy.timeParserPolicy": "CORRECTED",
            "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        }.items():
            spark.conf.set(name, value)

    def files(self) -> list[RawFile]:
        """The files to load, their schemas discovered. Raises LoadError where one is refused: then none is loaded."""
        found, refused = [], []
        for number, upload in enumerate(self._uploads):
            if upload in self._new:
                try:
                    found.append(discovery.discover(self._s3, f"{self._prefix}-raw", upload, self._raw, number))
                except Refused as reason:
                    refused.append(self._ledger_row(upload, status="refused", reason=str(reason)))
        self._account(refused)
        loads.check(self._raw.pipeline, refused)
        _say(f"{len(found)} files to load" + (", of all that there are" if self._whole else ""))
        self._extra = sorted({n for f in found for n in f.names} - {c.name for c in self._raw.columns})
        if self._extra:
            _say(f"columns that the contract does not know, which become text: {', '.join(self._extra)}")
        return found

    @property
    def extra(self) -> list[str]:
        """Columns that some file has and the contract does not know."""
        return self._extra

    def stage(self, files: Sequence[RawFile], transform: Transform) -> None:
        """Write the newest row of each key within its partition, of the rows that keep the contract."""
        for uri in self._objects("staged"):  # of a run of the same name, which died
            bucket, key = objects.split(uri)
            self._s3.delete_object(Bucket=bucket, Key=key)
        sources = {number: _source(upload) for number, upload in enumerate(self._uploads)}
        folder = self._folder("staged")
        how = Staging(self._raw, self._extra, transform, sources, list(self._columns()), folder)
        self._staged = how.run(self._spark.sparkContext, files)
        _say(f"wrote {folder}")

    def merge(self) -> None:
        """Make the touched partitions of each table of staged rows and older ones, the newest of each key."""
        here = {written.group for written in self._staged.written}
        older = self._older()
        there = set(self._folders()) if older is not None else set()
        staged, losers, touched = None, None, set[tuple[str, ...]]()
        if here and (older is not None or self._staged.again):
            staged = self._rows(self._folder("staged"))
            losers, touched = self._losers(staged, older)
        redo = (here & there) | touched
        counted = losers.where("_staged").groupBy(SOURCE).count().collect() if losers else []
        self._reconcile(Counter({row[0]: row[1] for row in counted}))
        _say(f"{len(here)} partitions have new rows, {len(redo)} are merged")
        if redo and staged and losers:
            chosen = F.concat_ws("/", *PARTITION).isin(["/".join(values) for values in sorted(redo)])
            every = staged if older is None else staged.unionByName(older, allowMissingColumns=True)
            key = [*self._raw.key, *PARTITION, SOURCE]
            kept = every.where(chosen).join(F.broadcast(losers.select(*key)), key, "anti")
            self._write(kept.repartition(*PARTITION).sortWithinPartitions(*PARTITION, *self._raw.key), "merged")
        uris = [written.uri for written in self._staged.written if written.group not in redo]
        uris += self._objects("merged") if redo else []
        for name in self._tables:
            touched_here = sorted(values[1:] for values in here | redo if values[0] == name)
            mine = [uri for uri in uris if f"/{TABLE}={name}/" in uri]
            self._built[name] = BuiltTable(mine, None if self._whole else touched_here, self._extra)

    def derive(self, target: Contract, source: Contract, rows: Callable[[Any], Any]) -> None:
        """Write a table that is worked out of the touched partitions of `source`, and has its partitions.

        rows: makes, in Arrow, a table with the target's columns of one of the source's; of rows with the same key all
        other columns are summed.
        """
        uris, folder = self._built[source.table].objects, self._folder("derived")
        made = derived.write(self._spark.sparkContext, uris, target, rows, folder)
        self._built[target.table] = BuiltTable(made, self._built[source.table].rebuilt)

    def finish(self) -> None:
        """Leave the ledger of this run and the manifest of its build, by which it is checked and published."""
        self._account(self._ledger)
        Build(self._raw.pipeline, self._run, self._built, self._ledger).save(self._s3, f"{self._prefix}-processed")

    def nothing(self, *derived: Contract) -> None:
        """As ``finish``, of a run that has nothing to load: a build without rows, which changes nothing."""
        names = [*self._tables, *(target.table for target in derived)]
        self._built = {name: BuiltTable([], []) for name in names}
        self.finish()

    def _older(self) -> DataFrame | None:
        """The published rows, with PARTITION; None if there are none that stay."""
        if self._whole or not (folders := self._folders()):
            return None
        return self._spark.read.option("basePath", self._root).schema(self._schema()).parquet(*folders.values())

    def _folders(self) -> dict[tuple[str, ...], str]:
        return {
            (name, *values): folder
            for name in self._tables
            for values, folder in publish.partitions_of(self._glue, self._raw.pipeline, name).items()
        }

    def _losers(self, staged: DataFrame, older: DataFrame | None) -> tuple[DataFrame, set[tuple[str, ...]]]:
        """The rows whose key has a newer row in another partition or build, and the partitions that lose them."""
        key = list(self._raw.key)
        wanted = [*key, *PARTITION, SOURCE, "purchase_date"]
        keys = staged.select(*wanted, F.lit(True).alias("_staged"))
        again = self._spark.createDataFrame([(each,) for each in self._staged.again], f"{key[0]} bigint")
        if older is not None:
            before = older.select(*wanted, F.lit(False).alias("_staged"))
            again = again.union(before.join(keys.select(*key), key, "semi").select(*key)).distinct()
            keys = keys.unionByName(before)
        numbers = [(_source(upload), number) for number, upload in enumerate(self._uploads)]
        ranks = F.broadcast(self._spark.createDataFrame(numbers, f"{SOURCE} string, {_RANK} int"))
        newest = Window.partitionBy(*key).orderBy(
            F.desc_nulls_last(_RANK), F.desc("purchase_date"), *(F.desc(name) for name in PARTITION)
        )
        ranked = keys.join(F.broadcast(again), key, "semi").join(ranks, SOURCE, "left")
        losers = ranked.withColumn(_KEEP, F.row_number().over(newest)).where(F.col(_KEEP) > 1).persist()
        return losers, {tuple(row) for row in losers.select(*PARTITION).distinct().collect()}

    def _reconcile(self, lost: Mapping[str, int]) -> None:
        """Account for each line of each file. Raises LoadError where they do not add up, or too many are rejected."""
        rejected, repeated = self._rejects(), Counter[int]()
        rows: dict[int, Counter[str]] = {}
        for written in self._staged.written:
            repeated.update(written.repeated)
            for number, count in written.rows.items():
                rows.setdefault(number, Counter())[written.group[0]] += count
        for number, upload in enumerate(self._uploads):
            if upload not in self._new:
                continue
            mine, wrong, duplicates = rows.get(number, Counter()), rejected.get(number, []), repeated[number]
            total = sum(mine.values()) + duplicates
            if wrong:
                self._put_rejects(upload, wrong)
            self._ledger.append(
                self._ledger_row(
                    upload,
                    rows_in=total + len(wrong),
                    rows_out=total,
                    rows_rejected=len(wrong),
                    duplicates=duplicates + lost[_source(upload)],
                    **{f"rows_{name}": mine[name] for name in self._tables},
                    rejects=f"s3://{self._prefix}-rejects/{upload.rejects_key}" if wrong else None,
                    target=f"{self._root}build={self._run}/",
                )
            )
        accounted = sum(row["rows_in"] for row in self._ledger) + len(self._new)  # each has a header
        if accounted != (seen := sum(part.lines for part in self._staged.read)):
            raise LoadError(
                f"{self._raw.table}: {seen} lines were read, {accounted} are accounted for; nothing is published"
            )
        loads.check(self._raw.pipeline, self._ledger)

    def _rejects(self) -> dict[int, list[Reject]]:
        """The lines that are no rows, by file; but for a file's header, which is its first."""
        found: dict[int, list[Reject]] = {}
        before: Counter[int] = Counter()
        for part in sorted(self._staged.read, key=lambda part: (part.file, part.start)):
            for fault in part.faults:
                line = before[part.file] + fault.line + 1
                if (line, fault.reason) != (1, raw_text.HEADER):
                    found.setdefault(part.file, []).append(Reject(line, fault.column, fault.reason, fault.raw))
            before[part.file] += part.lines
        return found

    def _put_rejects(self, upload: Upload, rejects: Sequence[Reject]) -> None:
        self._s3.put_object(
            Bucket=f"{self._prefix}-rejects",
            Key=upload.rejects_key,
            Body=to_csv(upload.key, rejects),
            ContentType="text/csv; charset=utf-8",
        )

    def _write(self, rows: DataFrame, part: str) -> None:
        """Write rows into a part of the build, in their order.

        Columns stand in one order in all files, the table's, since Redshift's COPY goes by it.
        """
        folder = self._folder(part)
        names = [name for name in rows.columns if not name.startswith("_") and name not in ("build", "part")]
        place = {name: number for number, name in enumerate(self._columns())}
        written = rows.select(*sorted(names, key=lambda name: place.get(name, len(place))))
        written.write.mode("overwrite").partitionBy(*PARTITION).parquet(folder, compression="zstd")
        _say(f"wrote {folder}")

    def _rows(self, folder: str) -> DataFrame:
        return self._spark.read.option("basePath", self._root).schema(self._schema()).parquet(folder)

    def _folder(self, part: str) -> str:
        return f"{self._root}build={self._run}/part={part}/"

    def _objects(self, part: str) -> list[str]:
        bucket, prefix = objects.split(self._folder(part))
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [f"s3://{bucket}/{key}" for key in keys if key.endswith(".parquet")]

    def _schema(self) -> str:
        """The columns that the tables have now, those that uploads brought too, and the partitions', as Spark's DDL."""
        partitions = dict.fromkeys(("build", "part", *PARTITION), "string")
        return ", ".join(f"`{name}` {kind}" for name, kind in (self._columns() | partitions).items())

    def _columns(self) -> dict[str, str]:
        """The columns that the tables have now and those that uploads brought too, with their types, in order."""
        name = next(iter(self._tables))
        known = self._glue.get_table(DatabaseName=self._raw.pipeline, Name=name)["Table"]["StorageDescriptor"][
            "Columns"
        ]
        return {column["Name"]: column["Type"] for column in known} | dict.fromkeys(self._extra, "string")

    def _account(self, rows: Sequence[Mapping[str, Any]]) -> None:
        key = loads.run_key(self._raw.pipeline, self._run)
        self._s3.put_object(Bucket=f"{self._prefix}-processed", Key=key, Body=json.dumps(list(rows)).encode())

    def _ledger_row(self, upload: Upload, **found: Any) -> dict[str, Any]:
        return {
            "pipeline": self._raw.pipeline,
            "table": self._raw.table,
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


def _values(uri: str) -> tuple[str, ...]:
    """The partition of an object, from its path."""
    parts = dict(part.partition("=")[::2] for part in uri.split("/") if "=" in part)
    return tuple(parts[name] for name in PARTITION)


def _source(upload: Upload) -> str:
    return upload.key.split("/", 2)[2]


def _say(what: str) -> None:
    """A line for the job's log, in which no row's content ever stands."""
    print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {what}", flush=True)
