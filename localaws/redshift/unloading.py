"""UNLOAD ('query') TO 's3://…': Parquet or CSV, whole or by partitions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from localaws.athena.types import quote
from localaws.core import AwsError
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.parsing import Reader, parse, single
from localaws.redshift.s3_places import parse_place
from localaws.redshift.scope import Columns
from localaws.redshift.work import Work

BATCH_ROWS = 100_000
DEFAULT_FILE = 6_200 << 20
MAX_PARTITIONS = 10_000


class _Options:
    def __init__(self, reader: Reader) -> None:
        self.form = ""
        self.partition: list[str] = []
        self.include = self.overwrite = self.clean = self.manifest = self.header = self.gzip = False
        self.delimiter = ","
        self.rows = 1_000_000
        role = False
        while not reader.done:
            if reader.take("IAM_ROLE"):
                role = True
                if not reader.take("DEFAULT"):
                    reader.string()
            elif reader.take("FORMAT"):
                reader.take("AS")
                self.form = reader.next().text.upper()
            elif reader.word in ("PARQUET", "CSV", "JSON"):
                self.form = reader.next().text.upper()
            elif reader.take("PARTITION", "BY"):
                self.partition = reader.names()
                self.include = reader.take("INCLUDE")
            elif reader.take("DELIMITER"):
                reader.take("AS")
                self.delimiter = reader.string()
            elif reader.take("MANIFEST"):
                self.manifest = True
                if reader.take("VERBOSE"):
                    raise Unsupported("MANIFEST VERBOSE")
            elif reader.take("REGION"):
                reader.take("AS")
                reader.string()
            elif reader.take("PARALLEL"):
                reader.next()
            elif reader.take("MAXFILESIZE"):
                raise Unsupported("MAXFILESIZE")
            else:
                flags = {"ALLOWOVERWRITE": "overwrite", "CLEANPATH": "clean", "HEADER": "header", "GZIP": "gzip"}
                if reader.word not in flags:
                    raise reader.unexpected()
                setattr(self, flags[reader.next().text.upper()], True)
        if not role:
            raise SqlError("UNLOAD needs IAM_ROLE: the credentials by which Redshift writes to S3")
        if self.form not in ("PARQUET", "CSV"):
            raise Unsupported(f"UNLOAD as {self.form or 'delimited text'}; use FORMAT PARQUET or FORMAT CSV")
        if self.form == "PARQUET" and (self.gzip or self.header):
            raise SqlError("HEADER and GZIP are not valid for UNLOAD to PARQUET")
        if self.clean and self.overwrite:
            raise SqlError("CLEANPATH and ALLOWOVERWRITE cannot both be given")

    @property
    def extension(self) -> str:
        if self.form == "PARQUET":
            return ".parquet"
        return ".csv.gz" if self.gzip else ".csv"


def unload(work: Work, reader: Reader) -> int:
    """UNLOAD; the number of rows written."""
    reader.need("(")
    sql = reader.string()
    reader.need(")")
    reader.need("TO")
    bucket, prefix = parse_place(reader.string())
    options = _Options(reader)
    query = work.queries.query(parse(single(sql)))
    missing = [name for name in options.partition if name not in dict(query.columns)]
    if missing:
        raise SqlError(f'Partition column "{missing[0]}" does not exist in the query')
    if len(options.partition) == len(query.columns) and not options.include:
        raise SqlError("All columns are partition columns; use INCLUDE")
    _make_room(work, bucket, prefix, options)
    if options.partition and prefix and not prefix.endswith("/"):
        prefix += "/"
    staged = f"temp.main.{quote(work.fresh_name())}"
    listed = ", ".join(f'"c{place}"' for place in range(len(query.columns)))
    work.execute(f"CREATE TEMP TABLE {staged} ({listed}) AS {query.sql}")
    try:
        count = int(work.execute(f"SELECT count(*) FROM {staged}").fetchone()[0])
        written = [
            _write(work, staged, where, query.columns, bucket, prefix + folder, options)
            for folder, where in _partitions(work, staged, query.columns, options)
        ]
    finally:
        work.execute(f"DROP TABLE {staged}")
    if options.manifest:
        body = json.dumps({"entries": [{"url": url} for url in written]}).encode()
        work.world.store.put(bucket, f"{prefix}manifest", body)
    return count


def _make_room(work: Work, bucket: str, prefix: str, options: _Options) -> None:
    try:
        existing = list(work.world.store.list(bucket, prefix))
    except AwsError as error:
        raise SqlError(f"S3ServiceException:{error.message},Status {error.status},Error {error.code}") from error
    if existing and options.clean:
        for info in existing:
            work.world.store.delete(bucket, info.key)
    elif existing and not options.overwrite:
        raise SqlError(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually "
            "removing the target files in S3, or using the ALLOWOVERWRITE option."
        )


def _partitions(work: Work, staged: str, columns: Columns, options: _Options) -> Iterator[tuple[str, str]]:
    """Folder and condition of each partition; one without either where there are none."""
    if not options.partition:
        yield "", ""
        return
    names = [name for name, _ in columns]
    keys = [f'"c{names.index(name)}"' for name in options.partition]
    texts = ", ".join(f"CAST({key} AS VARCHAR)" for key in keys)
    rows = work.execute(f"SELECT {texts} FROM {staged} GROUP BY ALL ORDER BY ALL").fetchall()
    if len(rows) > MAX_PARTITIONS:
        raise SqlError(f"UNLOAD would make {len(rows)} partitions; {MAX_PARTITIONS} are allowed here")
    for row in rows:
        pairs = zip(options.partition, row, strict=True)
        folder = "/".join(f"{name}={_folder(value)}" for name, value in pairs)
        conditions = [
            f"CAST({key} AS VARCHAR) {'IS NULL' if value is None else '= ' + _text(value)}"
            for key, value in zip(keys, row, strict=True)
        ]
        yield f"{folder}/", f" WHERE {' AND '.join(conditions)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _folder(value: str | None) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if value is None else url_quote(value, safe=" -_.+,@()!&$;")


def _write(work: Work, staged: str, where: str, columns: Columns, bucket: str, prefix: str, options: _Options) -> str:
    items = ", ".join(
        f'"c{place}" AS {quote(name)}'
        for place, (name, _) in enumerate(columns)
        if options.include or name not in options.partition
    )
    batches = work.execute(f"SELECT {items} FROM {staged}{where}").to_arrow_reader(BATCH_ROWS)
    path = work.world.store.temporary()
    try:
        _write_file(path, batches, options)
        key = f"{prefix}0000_part_00{options.extension}"
        work.world.store.put(bucket, key, path)
    finally:
        path.unlink(missing_ok=True)
    return f"s3://{bucket}/{key}"


def _write_file(path: Path, batches: Any, options: _Options) -> None:
    if options.form == "PARQUET":
        with pq.ParquetWriter(path, batches.schema, compression="snappy") as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    settings = pc.WriteOptions(include_header=options.header, delimiter=options.delimiter, quoting_style="needed")
    with path.open("wb") as raw:
        target: Any = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if options.gzip else raw
        sink: Any = pa.PythonFile(target, "w")
        with pc.CSVWriter(sink, batches.schema, write_options=settings) as writer:
            for batch in batches:
                writer.write_batch(batch)
        if options.gzip:
            target.close()
