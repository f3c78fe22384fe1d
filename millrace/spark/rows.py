"""Rows by contract: read clean CSV, take what a derived table takes, keep the newest of each key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from millrace.contracts import Contract

# Columns beside the contract's: where a row was read, and whether it could be.
DATE, FILE, POSITION, UNREADABLE = "upload_date", "_file", "_position", "_unreadable"
NEWEST, KEPT = "_newest", "_kept"


def read_csv(spark: SparkSession, contract: Contract, files: Sequence[str]) -> DataFrame:
    """The rows of converted files, typed; with upload_date, _file, _position and, where one is not so, _unreadable."""
    schema = ", ".join(f"`{column.name}` {column.type}" for column in contract.columns)
    rows = spark.read.csv(
        list(files),
        schema=f"{schema}, {UNREADABLE} string",
        header=True,
        multiLine=True,  # a quoted text may have several lines
        quote='"',
        escape='"',
        timestampFormat="yyyy-MM-dd HH:mm:ss.SSS",
        mode="PERMISSIVE",  # an error would show the row in the log
        columnNameOfCorruptRecord=UNREADABLE,
    )
    return located(rows)


def located(rows: DataFrame) -> DataFrame:
    """With upload_date, _file and _position."""
    return dated(rows).withColumn(FILE, F.input_file_name()).withColumn(POSITION, F.monotonically_increasing_id())


def dated(rows: DataFrame) -> DataFrame:
    """With upload_date as the files' folders say it, which need not lie under one table's folder."""
    return rows.withColumn(DATE, F.regexp_extract(F.input_file_name(), f"{DATE}=([^/]+)/", 1))


def judged(rows: DataFrame, target: Contract) -> DataFrame:
    """With _newest (is it the newest row of its key?) and _kept (and does it keep all the rules?)."""
    key = [target.column(name).source or name for name in target.key]
    newest_first = Window.partitionBy(*key).orderBy(*(F.col(name).desc() for name in (DATE, FILE, POSITION)))
    newest = rows.withColumn(NEWEST, F.row_number().over(newest_first) == 1)
    return newest.withColumn(KEPT, reduce(Column.__and__, (holds(rule) for rule in target.where), F.col(NEWEST)))


def holds(rule: str) -> Column:
    """Whether a rule is true; one that is neither true nor false is not."""
    return F.coalesce(F.expr(rule), F.lit(False))


def selected(rows: DataFrame, target: Contract, pii_key: bytes) -> DataFrame:
    """The target's columns, renamed and hashed, upload_date, _newest and _kept."""
    columns = []
    for column in target.columns:
        value = F.col(column.source or column.name)
        value = _hashed(value, column.hash, pii_key) if column.hash else value
        columns.append(value.cast(column.type).alias(column.name))
    return rows.select(*columns, DATE, NEWEST, KEPT)


def having(rows: DataFrame, keys: DataFrame, how: str) -> DataFrame:
    """The rows whose key is among the keys (``semi``) or is not (``anti``); null is a key like another."""
    same = [rows[name].eqNullSafe(keys[name]) for name in keys.columns]
    return rows.join(keys, reduce(Column.__and__, same), how)


def _hashed(value: Column, how: str, key: bytes) -> Column:
    """HMAC-SHA256 in hexadecimal. The key stays in the function: a literal would show in the query's plan."""
    folded = how == "folded"

    def digest(text: str | None) -> str | None:
        return None if text is None else keyed_hash(text, key, folded=folded)

    return F.udf(digest, "string")(value)


def keyed_hash(text: str, key: bytes, *, folded: bool) -> str:
    """The keyed hash of a text as it is or, folded, without blanks around it and in lower case."""
    text = text.strip().lower() if folded else text
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def counts(rows: DataFrame, target: Contract) -> dict[str, Any]:
    """Of judged rows: read, unreadable, kept, superseded; rules: how many of the newest of their key break each."""
    of_rules = [F.count_if(F.col(NEWEST) & ~holds(rule)).alias(f"rule{i}") for i, rule in enumerate(target.where)]
    counted = rows.agg(
        F.count("*").alias("read"),
        F.count_if(F.col(UNREADABLE).isNotNull()).alias("unreadable"),
        F.count_if(KEPT).alias("kept"),
        F.count_if(~F.col(NEWEST)).alias("superseded"),
        *of_rules,
    ).first()
    assert counted is not None
    found: dict[str, int] = counted.asDict()
    rules = {rule: found.pop(f"rule{i}") for i, rule in enumerate(target.where)}
    return {**found, "rules": rules}
