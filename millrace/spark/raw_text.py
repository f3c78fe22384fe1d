"""Raw CSV text, line by line: each line becomes a row by the contract, or is known with what is wrong with it.

A raw file has a row on each line, as what splits big files among workers needs it; a quote that is not closed on its
line is an error of that line. Values are read as text and converted only where they are written as their type is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace import contracts
from millrace.contracts import Contract
from millrace.convert.header import Header
from millrace.spark import redact
from millrace.spark.raw_csv import rules

# Columns beside the contract's. FILE: the number of the file. BLOCK and ROW: where in the file, in the order of its
# lines; ROW counts through what one task reads. FAULT: what is wrong with the line: column, reason, and its shape.
FILE, BLOCK, ROW, FAULT = "_file", "_block", "_row", "_fault"
HEADER = "the header"
_LINE, _FIELDS, _BAD, _UPLOADED = "_line", "_fields", "_bad", "_uploaded"
_PATTERNS = {"bigint": "[+-]?[0-9]{1,18}", "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}


@dataclass(frozen=True)
class RawFile:
    """A file to read. number: newer files have greater ones; names: its columns in its order; line: its first."""

    number: int
    uri: str
    upload_date: str
    size: int
    line: str
    header: Header
    names: tuple[str, ...]


def pattern(column: contracts.Column) -> str | None:
    """How a value of the column is written, as a regular expression; None for a text."""
    if column.decimal:
        precision, scale = column.decimal
        return rf"[+-]?[0-9]{{1,{precision - scale}}}" + (rf"(?:\.[0-9]{{1,{scale}}})?" if scale else "")
    if column.type != "string" and column.type not in _PATTERNS:
        raise ValueError(f"{column.name}: raw text of type {column.type} is not supported; see {__name__}")
    return _PATTERNS.get(column.type)


def read(spark: SparkSession, contract: Contract, files: Sequence[RawFile], extra: Sequence[str]) -> DataFrame:
    """The lines of the files: the contract's columns, `extra` ones as text, FILE, BLOCK, ROW and FAULT.

    A first line, which is the header, is there too, with HEADER as the fault's reason. An empty value is null.
    """
    alike = groupby(sorted(files, key=lambda file: file.line), key=lambda file: file.line)
    lines = reduce(DataFrame.unionByName, (_fields(spark, contract, list(group), extra) for _, group in alike))
    texts = {column.name: F.col(_FIELDS)[column.name] for column in contract.columns}
    fault = F.when(F.col(_BAD) != "", _fault("", F.col(_BAD)))
    for column in contract.columns:
        written = pattern(column)
        if written is not None:
            wrong = ~texts[column.name].rlike(f"^{written}$") | (
                texts[column.name].isNotNull() & F.col(column.name).isNull()
            )
            fault = fault.when(wrong, _fault(column.name, F.lit(f"is not a {column.type}")))
        for broken, reason in rules(column):
            fault = fault.when(broken, _fault(column.name, F.lit(reason)))
        if column.latest_is_upload:
            late = F.col(column.name) > F.date_add(F.col(_UPLOADED), 1)
            fault = fault.when(late, _fault(column.name, F.lit("is later than the upload")))
    typed = lines.withColumns({name: value.cast(contract.column(name).type) for name, value in texts.items()})
    found = typed.withColumn(FAULT, fault)
    # How the line looks is worked out once, not in each of the cases.
    seen = F.when(F.col(FAULT).isNotNull(), F.col(FAULT).withField("raw", redact.shape(F.col(_LINE))))
    return found.withColumn(FAULT, seen).drop(_LINE, _FIELDS, _BAD, _UPLOADED)


def _fields(spark: SparkSession, contract: Contract, files: Sequence[RawFile], extra: Sequence[str]) -> DataFrame:
    """The lines of files with the same header, in fields; and what is wrong with a line as such, or nothing."""
    head = files[0]
    schema = ", ".join(f"`{name}` string" for name in head.names)
    text = spark.read.text([file.uri for file in files], lineSep="\n")
    line = F.when(F.col("value").endswith("\r"), F.expr("left(value, length(value) - 1)")).otherwise(F.col("value"))
    how = {"sep": head.header.delimiter, "escape": '"', "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _BAD}
    lines = text.select(
        line.alias(_LINE),
        F.input_file_name().alias("_name"),
        F.expr("input_file_block_start()").alias(BLOCK),
        F.monotonically_increasing_id().alias(ROW),
    )
    known = spark.createDataFrame(
        [(name, file.number, file.upload_date) for name, file in _by_name(text, files).items()],
        f"_name string, {FILE} int, {_UPLOADED} string",
    )
    lines = lines.join(F.broadcast(known), "_name").withColumn(
        _FIELDS, F.from_csv(_LINE, f"{schema}, {_BAD} string", how)
    )
    quotes = F.length(_LINE) - F.length(F.replace(F.col(_LINE), F.lit('"'), F.lit("")))
    bad = (
        F.when(F.col(_LINE) == head.line, HEADER)
        .when(F.col(_LINE) == "", "the line is empty")
        .when(quotes % 2 == 1, "a quote is not closed on its line")
        .when(F.col(_FIELDS)[_BAD].isNotNull(), f"not {head.header.width} fields")
        .otherwise("")
    )
    columns = [F.col(_FIELDS)[name].alias(name) if name in head.names else F.lit(None).alias(name)
               for name in [column.name for column in contract.columns]]  # fmt: skip
    return lines.select(
        F.struct(*columns).alias(_FIELDS),
        *((F.col(_FIELDS)[name] if name in head.names else F.lit(None).cast("string")).alias(name) for name in extra),
        F.to_date(_UPLOADED).alias(_UPLOADED), FILE, BLOCK, ROW, bad.alias(_BAD), _LINE,
    )  # fmt: skip


def _by_name(text: DataFrame, files: Sequence[RawFile]) -> dict[str, RawFile]:
    """The files by the names that Spark gives them, which has its own way to write a URI."""
    from urllib.parse import unquote

    known = {_path(file.uri): file for file in files}
    return {name: known[_path(unquote(name))] for name in text.inputFiles()}


def _path(uri: str) -> str:
    return uri.partition("://")[2] or uri.removeprefix("file:")


def _fault(column: str, reason: Column) -> Column:
    return F.struct(F.lit(column).alias("column"), reason.alias("reason"))
