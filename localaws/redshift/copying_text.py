"""COPY of CSV and delimited text: each file as text first, then every field checked and converted."""

from __future__ import annotations

import bz2
import gzip
from typing import TYPE_CHECKING, BinaryIO, Literal

import pyarrow as pa
import pyarrow.csv as pc

from localaws.athena.types import literal, quote
from localaws.redshift.catalog import Column, Relation
from localaws.redshift.errors import SqlError
from localaws.redshift.types import INTEGERS
from localaws.redshift.work import Work
from localaws.s3.objects import ObjectInfo

if TYPE_CHECKING:
    from localaws.redshift.copying import Options

BLOCK = 4 << 20


def load(work: Work, relation: Relation, columns: list[Column], found: list[ObjectInfo], options: Options) -> int:
    """Load the files' good rows; raises SqlError when there are more bad ones than MAXERROR allows."""
    bad: list[str] = []
    rows = 0
    for info in found:
        ragged: list[str] = []
        staged = _stage(work, columns, info, options, ragged)
        bad += ragged
        try:
            rows += _insert(work, relation, columns, staged, info, options, bad)
        finally:
            work.execute(f"DROP TABLE {staged}")
        if len(bad) > max(options.max_errors - 1, 0):
            raise SqlError(
                f"Load into table '{relation.name}' failed.  Check 'sys_load_error_detail' system table for details. "
                f"({len(bad)} errors, MAXERROR {options.max_errors}; the first: {bad[0]})"
            )
    return rows


def _open(info: ObjectInfo, options: Options) -> BinaryIO:
    body = info.path.open("rb")
    if options.compression == "GZIP":
        return gzip.GzipFile(fileobj=body)  # type: ignore[return-value]
    if options.compression == "BZIP2":
        return bz2.BZ2File(body)  # type: ignore[return-value]
    if options.compression == "ZSTD":
        return pa.CompressedInputStream(body, "zstd")  # type: ignore[return-value]
    return body


def _stage(work: Work, columns: list[Column], info: ObjectInfo, options: Options, ragged: list[str]) -> str:
    """The file's fields as text in a temporary table of our own, with the row's number as ``n``."""
    names = [f"c{place}" for place in range(len(columns))]
    uri = f"s3://{info.bucket}/{info.key}"

    def refuse(row: pc.InvalidRow) -> Literal["skip", "error"]:
        what = "Extra column(s) found" if row.actual_columns > row.expected_columns else "Delimiter not found"
        ragged.append(f"{uri}: {what}: {(row.text or '')[:80]!r}")
        return "skip"

    csv = options.form == "CSV"
    reading = pc.ReadOptions(column_names=names, skip_rows=options.skip, block_size=BLOCK, use_threads=False)
    parsing = pc.ParseOptions(
        delimiter=options.delimiter,
        quote_char=options.quote if csv else False,
        double_quote=csv,
        newlines_in_values=csv,
        invalid_row_handler=refuse,
        ignore_empty_lines=True,
    )
    converting = pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=True
    )
    source, target = work.fresh_name(), f"temp.main.{quote(work.fresh_name())}"
    body = _open(info, options)
    try:
        fields = pc.open_csv(body, reading, parsing, converting)
        work.connection.register(source, fields)
        work.execute(
            f"CREATE TEMP TABLE {target} AS SELECT row_number() OVER () AS n, * FROM temp.main.{quote(source)}"
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise SqlError(f"Load failed: {uri} cannot be read: {str(error).splitlines()[0]}") from error
        made = ", ".join(f"{name} VARCHAR" for name in names)
        work.execute(f"CREATE TEMP TABLE {target} (n BIGINT, {made})")
    except (OSError, EOFError) as error:
        raise SqlError(f"Load failed: {uri} cannot be decompressed: {error}") from error
    finally:
        body.close()
        work.connection.unregister(source)
    return target


def _insert(
    work: Work,
    relation: Relation,
    columns: list[Column],
    staged: str,
    info: ObjectInfo,
    options: Options,
    bad: list[str],
) -> int:
    values = [_value(f"c{place}", column, options) for place, column in enumerate(columns)]
    problems = []
    for place, (column, (raw, converted)) in enumerate(zip(columns, values, strict=True)):
        problems.append((f"({raw}) IS NOT NULL AND ({converted}) IS NULL", place, f"Invalid value for {column.type}"))
        if column.kind.is_text and not options.truncate:
            over = f"strlen({converted}) > {column.kind.args[0]}"
            problems.append((over, place, "String length exceeds DDL length"))
        if not column.nullable:
            problems.append((f"({raw}) IS NULL", place, "Missing data for not-null field"))
    cases = " ".join(f"WHEN {condition} THEN {number}" for number, (condition, _, _) in enumerate(problems))
    checked = f"SELECT *, CASE {cases} END AS problem FROM {staged}"
    query = f"SELECT n, problem, * EXCLUDE (n, problem) FROM ({checked}) WHERE problem IS NOT NULL ORDER BY n"
    rows = work.execute(query)
    for number, problem, *fields in rows.fetchmany(100_001):
        _, place, what = problems[problem]
        field = fields[place]
        where = f"s3://{info.bucket}/{info.key}, row {number + options.skip}, column {columns[place].name}"
        bad.append(f"{where}: {what}: {field!r}")
    into = ", ".join(quote(column.name) for column in columns)
    items = ", ".join(converted for _, converted in values)
    return work.count(f"INSERT INTO {relation.sql} ({into}) SELECT {items} FROM ({checked}) WHERE problem IS NULL")


def _value(field: str, column: Column, options: Options) -> tuple[str, str]:
    """The field as text, null where it counts as null; and converted, null where it cannot be."""
    kind = column.kind
    raw = f"nullif({field}, {literal(options.null)})"
    if kind.is_text:
        if options.trim:
            raw = f"rtrim({raw}, ' ')"
        if options.empty_as_null:
            raw = f"nullif({raw}, '')"
        if options.blanks_as_null:
            raw = f"CASE WHEN trim({raw}) = '' AND {raw} <> '' THEN NULL ELSE {raw} END"
        return raw, f"localaws.cut({raw}, {kind.args[0]})" if options.truncate else raw
    raw = f"nullif(trim({raw}), '')"
    if kind.name in INTEGERS:
        return raw, f"CASE WHEN regexp_full_match({raw}, '[+-]?[0-9]+') THEN TRY_CAST({raw} AS {kind.duckdb}) END"
    if kind.name == "bool":
        true, false = "('t', 'true', 'y', 'yes', '1')", "('f', 'false', 'n', 'no', '0')"
        return raw, f"CASE WHEN lower({raw}) IN {true} THEN true WHEN lower({raw}) IN {false} THEN false END"
    if kind.is_number:
        pattern = r"'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?'"
        return raw, f"CASE WHEN regexp_full_match({raw}, {pattern}) THEN TRY_CAST({raw} AS {kind.duckdb}) END"
    if kind.name == "date":
        pattern = "'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'"
        return raw, f"CASE WHEN regexp_full_match({raw}, {pattern}) THEN TRY_CAST({raw} AS DATE) END"
    return raw, f"TRY_CAST({raw} AS TIMESTAMP)"
