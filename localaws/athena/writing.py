"""Rows written as a table's objects: DuckDB writes scratch files, which are then put, all of them or none."""

from __future__ import annotations

import gzip
import random
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import duckdb
import pyarrow.parquet as pq

from localaws.athena.errors import QueryError
from localaws.athena.locations import Location
from localaws.athena.partitions import NULL, PARTITION_LIMIT
from localaws.athena.results import Columns
from localaws.athena.text_form import text as text_of
from localaws.athena.types import Type, literal, quote
from localaws.s3.store import Store

FILE_BYTES = "128MB"
PARQUET_COMPRESSIONS = {"GZIP": "gzip", "SNAPPY": "snappy", "ZSTD": "zstd", "LZ4": "lz4_raw", "NONE": "uncompressed"}
TEXT_COMPRESSIONS = ("GZIP", "NONE")
LINES_PER_BATCH = 50_000
Properties = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Output:
    """How rows are written: ``parquet``, ``text`` or ``json``, and the compression's name in capitals."""

    format: str
    compression: str
    delimiter: str = "\x01"
    null: str = "\\N"

    def __post_init__(self) -> None:
        known = tuple(PARQUET_COMPRESSIONS) if self.format == "parquet" else TEXT_COMPRESSIONS
        if self.compression not in known:
            raise QueryError(
                "NOT_SUPPORTED", f"compression {self.compression} of {self.format}; here there are {', '.join(known)}"
            )


@dataclass(frozen=True)
class Written:
    """What was written: rows, the objects as (bucket, key), and the partitions' values in their texts."""

    rows: int
    objects: tuple[tuple[str, str], ...]
    partitions: tuple[tuple[str, ...], ...]

    def manifest(self) -> bytes:
        """The manifest: one URI a line."""
        return "".join(f"s3://{bucket}/{key}\n" for bucket, key in self.objects).encode()


def write(
    cursor: duckdb.DuckDBPyConnection,
    store: Store,
    folder: Path,
    sql: str,
    columns: Columns,
    keys: int,
    output: Output,
    place: Callable[[tuple[str, ...]], Location],
) -> Written:
    """Write a query's rows; the last ``keys`` columns are partition keys, and ``place`` says where a partition goes.

    Raises QueryError HIVE_TOO_MANY_OPEN_PARTITIONS beyond 100 partitions. If it fails, no object is left.
    """
    target = folder / f"written-{uuid.uuid4().hex}"
    target.mkdir()
    rows = _copy(cursor, sql, columns, keys, output, target)
    found = sorted(path for path in target.rglob("*.parquet")) if rows else []
    by_partition = {path: _values(path.relative_to(target).parent) for path in found}
    partitions = tuple(dict.fromkeys(by_partition.values())) if keys else ()
    if len(partitions) > PARTITION_LIMIT:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {PARTITION_LIMIT} open writers for partitions/buckets: the query has {len(partitions)}",
        )
    places = {values: place(values) for values in dict.fromkeys(by_partition.values())}
    written: list[tuple[str, str]] = []
    try:
        for path, values in by_partition.items():
            location = places[values]
            key = location.key(_name(output))
            body = path if output.format == "parquet" else _lines(path, output)
            store.put(location.bucket, key, body)
            written.append((location.bucket, key))
    except BaseException:
        remove(store, written)
        raise
    return Written(rows, tuple(written), partitions)


def remove(store: Store, written: Sequence[tuple[str, str]]) -> None:
    """Take objects back."""
    for bucket, key in written:
        store.delete(bucket, key)


def _copy(
    cursor: duckdb.DuckDBPyConnection, sql: str, columns: Columns, keys: int, output: Output, target: Path
) -> int:
    """Write scratch Parquet files: the columns themselves, or one column of lines for text."""
    count = len(columns) - keys
    names = [f"c{index}" for index in range(len(columns))]
    data = list(zip(names[:count], columns[:count], strict=True))
    if output.format == "parquet":
        fields = [f"CAST({short} AS {stored_type(kind)}) AS {quote(name)}" for short, (name, kind) in data]
        compression = PARQUET_COMPRESSIONS[output.compression]
    else:
        line = _json_line(data) if output.format == "json" else _text_line(data, output)
        fields, compression = [f"{line} AS line"], "snappy"
    for index, (_, kind) in enumerate(columns[count:]):
        value = f"nullif({text_of(names[count + index], kind)}, '')"
        fields.append(f"coalesce({value}, {literal(NULL)}) AS __p{index}")
    options = f"FORMAT parquet, COMPRESSION {compression}"
    if keys:
        options += f", PARTITION_BY ({', '.join(f'__p{index}' for index in range(keys))})"
    else:
        options += f", FILE_SIZE_BYTES '{FILE_BYTES}'"
    source = f"SELECT {', '.join(fields)} FROM ({sql}) AS athena_rows({', '.join(names)})"
    counted = cursor.execute(f"COPY ({source}) TO {literal(str(target / 'rows'))} ({options})").fetchone()
    return int(counted[0]) if counted else 0


def stored_type(kind: Type) -> str:
    """The DuckDB type that is written for a type: timestamps have milliseconds, as in Hive."""
    if kind.base == "row":
        return "STRUCT(" + ", ".join(f"{quote(name)} {stored_type(inner)}" for name, inner in kind.fields) + ")"
    if kind.base == "map":
        return f"MAP({stored_type(kind.fields[0][1])}, {stored_type(kind.element)})"
    if kind.base == "array":
        return f"{stored_type(kind.element)}[]"
    return "TIMESTAMP_MS" if kind.base == "timestamp" else kind.duckdb


def _values(folder: Path) -> tuple[str, ...]:
    """The partition's values off the folders that DuckDB made."""
    return tuple(unquote(part.partition("=")[2]) for part in folder.parts if part.startswith("__p"))


def _name(output: Output) -> str:
    """A new object's name, as Athena makes them."""
    letters = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
    number = random.randrange(100_000)
    ending = ".gz" if output.format != "parquet" and output.compression == "GZIP" else ""
    return f"{datetime.now(UTC):%Y%m%d_%H%M%S}_{number:05d}_{letters}_{uuid.uuid4()}{ending}"


# Text


def _text_line(data: Sequence[tuple[str, tuple[str, Type]]], output: Output) -> str:
    for _, (name, kind) in data:
        if kind.fields:
            raise QueryError(
                "NOT_SUPPORTED", f"column {name} of type {kind.athena} in a text file; use PARQUET or JSON"
            )
    null = literal(output.null)
    return f" || {literal(output.delimiter)} || ".join(
        f"coalesce({_text_value(short, name, kind, output)}, {null})" for short, (name, kind) in data
    )


def _text_value(value: str, name: str, kind: Type, output: Output) -> str:
    """The field; one that would break the line apart fails, for LazySimpleSerDe has no quotes."""
    if kind.base == "varbinary":
        return f"to_base64({value})"
    if kind.base not in ("varchar", "char"):
        return text_of(value, kind)
    breaks = f"contains({value}, {literal(output.delimiter)}) OR contains({value}, chr(10))"
    message = literal(
        f"HIVE_WRITER_DATA_ERROR: a value of {name} holds the delimiter or a line break: use JSON or PARQUET: "
    )
    return f"CASE WHEN {breaks} THEN error({message} || {value}) ELSE {value} END"


def _json_line(data: Sequence[tuple[str, tuple[str, Type]]]) -> str:
    members = ", ".join(f"{literal(name)}, {_json_value(short, kind)}" for short, (name, kind) in data)
    return f"CAST(json_object({members}) AS VARCHAR)"


def _json_value(value: str, kind: Type) -> str:
    if kind.base == "array":
        return f"to_json(list_transform({value}, lambda athena_e: {_json_value('athena_e', kind.element)}))"
    if kind.base == "map":
        key = text_of("athena_e.key", kind.fields[0][1])
        item = _json_value("athena_e.value", kind.element)
        pairs = f"list_transform(map_entries({value}), lambda athena_e: {{'key': {key}, 'value': {item}}})"
        return f"CASE WHEN {value} IS NOT NULL THEN to_json(map_from_entries({pairs})) END"
    if kind.base == "row":
        members = ", ".join(
            f"{literal(name)}, {_json_value(f'({value}).{quote(name)}', inner)}" for name, inner in kind.fields
        )
        return f"CASE WHEN {value} IS NOT NULL THEN json_object({members}) END"
    if kind.base == "varbinary":
        return f"to_json(to_base64({value}))"
    if kind.base in ("date", "timestamp", "varchar", "char"):
        return f"to_json({text_of(value, kind)})"
    return f"to_json({value})"


def _lines(path: Path, output: Output) -> Path:
    """Turn a Parquet file of lines into a text file beside it."""
    target = path.with_suffix(".text")
    with _open(target, output) as out, pq.ParquetFile(path) as source:
        for batch in source.iter_batches(LINES_PER_BATCH):
            lines: list[str] = batch.column(0).to_pylist()  # type: ignore[assignment]
            out.write(("\n".join(lines) + "\n").encode())
    return target


def _open(path: Path, output: Output) -> IO[bytes]:
    if output.compression == "GZIP":
        return gzip.open(path, "wb", compresslevel=6)  # type: ignore[return-value]
    return path.open("wb")


def output_of(properties: Properties, *, unload: bool = False) -> tuple[Output, list[str]]:
    """The output that CTAS and UNLOAD properties ask for, and the partition keys; other properties are refused."""
    known = {"format", "write_compression", "parquet_compression", "compression", "partitioned_by", "field_delimiter"}
    known |= set() if unload else {"external_location", "table_type"}
    for name in properties:
        if name not in known:
            raise QueryError("NOT_SUPPORTED", f"property {name!r}; here there are {', '.join(sorted(known))}")
    if str(properties.get("table_type", "HIVE")).upper() != "HIVE":
        raise QueryError("NOT_SUPPORTED", "Iceberg tables are not supported here; leave table_type out")
    form = {"PARQUET": "parquet", "TEXTFILE": "text", "JSON": "json"}.get(
        str(properties.get("format", "PARQUET")).upper()
    )
    if form is None:
        raise QueryError("NOT_SUPPORTED", f"format {properties['format']}; here there are PARQUET, TEXTFILE and JSON")
    named = [
        properties[name] for name in ("write_compression", "parquet_compression", "compression") if name in properties
    ]
    compression = str(named[0]).upper() if named else "GZIP"
    keys = properties.get("partitioned_by", ())
    delimiter = str(properties.get("field_delimiter", "\x01"))
    return Output(form, compression, delimiter), [keys] if isinstance(keys, str) else list(keys)


def checked_columns(columns: Columns, keys: list[str], *, named: bool = True) -> Columns:
    """The columns of a table to be made; raises QueryError for one without a name, a type, or in the wrong place."""
    names = [name.lower() for name, _ in columns]
    for name, kind in columns:
        if named and (not name or (name.startswith("_col") and name[4:].isdigit())):
            raise QueryError("MISSING_COLUMN_NAME", "Column name not specified: give every expression a name with AS")
        if kind.base == "unknown":
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"Column type is unknown: {name}: cast the NULL to a type")
        if kind.base == "timestamp" and kind.args and kind.args[0] > 3:
            raise QueryError(
                "NOT_SUPPORTED",
                f"Incorrect timestamp precision for {kind.athena}; the configured precision is MILLISECONDS: {name}",
            )
        _ = kind.hive
    for name in names:
        if names.count(name) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")
    wanted = [key.lower() for key in keys]
    if wanted and (len(wanted) >= len(names) or names[-len(wanted) :] != wanted):
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH",
            f"Partition keys must be the last columns in the table and in the order of the table properties: {keys}",
        )
    return [(name, kind) for name, (_, kind) in zip(names, columns, strict=True)]
