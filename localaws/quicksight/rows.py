"""Rows of a data set: asked of Athena, kept as Parquet for SPICE, and read by visuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.core import AwsError
from localaws.quicksight.columns import IngestionFailed, read_rows, transformed
from localaws.quicksight.records import Record, hashed, now
from localaws.quicksight.shared import Shelf
from localaws.quicksight.tables import inputs, physical_table


@dataclass(frozen=True)
class Rows:
    """The rows of a data set that a page shows.

    table: the columns asked for. total: how many rows the data set has. refreshed: when they were read (UTC).
    """

    table: pa.Table
    total: int
    refreshed: datetime


class NoRows(Exception):
    """The data set has no rows to show; the message says what to do."""


def query(shelf: Shelf, record: Record, since: tuple[str, datetime] | None = None) -> tuple[pa.Table, int]:
    """Run the data set's SQL on Athena: its rows after the transforms, and how many were dropped.

    since: only rows in which this column is this time, in UTC, or later.
    """
    kind, details = physical_table(record["PhysicalTableMap"])
    if shelf.data_sources.get(details["DataSourceArn"].rpartition("/")[2]) is None:
        raise IngestionFailed("DATA_SOURCE_NOT_FOUND", f"the data source {details['DataSourceArn']} was deleted")
    columns, transforms = inputs(record["PhysicalTableMap"], record["LogicalTableMap"])
    if kind == "CustomSql":
        sql, database = details["SqlQuery"], "default"
    else:
        database = details.get("Schema") or "default"
        names = ", ".join(_quoted(column.name) for column in columns)
        sql = f"SELECT {names} FROM {_quoted(database)}.{_quoted(details['Name'])}"
    if since:
        inner = sql.rstrip().rstrip(";")
        # The line break ends a comment that the SQL may end with.
        sql = (
            f"SELECT * FROM (\n{inner}\n) AS refreshed WHERE CAST({_quoted(since[0])} AS timestamp(3))"
            f" >= TIMESTAMP '{since[1]:%Y-%m-%d %H:%M:%S}'"
        )
    try:
        athena: Any = shelf.world.engines["athena"]
        result = athena.execute(sql, database)
    except AwsError as error:
        raise IngestionFailed(_kind_of(error), error.message) from error
    return transformed(read_rows(result.arrow(), result.columns, columns), transforms)


def write(shelf: Shelf, data_set: str, ingestion: str, table: pa.Table) -> Record:
    """Write the rows beside those that are read now; what is returned makes them the ones that are read."""
    name = f"{hashed(data_set)}-{hashed(ingestion)}.parquet"
    fresh = shelf.spice / f"{name}.new"
    pq.write_table(table, fresh, compression="zstd")
    fresh.replace(shelf.spice / name)
    size = (shelf.spice / name).stat().st_size
    return {"File": name, "IngestionId": ingestion, "Rows": table.num_rows, "Bytes": size, "RefreshedTime": now()}


def read(shelf: Shelf, data_set: str, columns: Sequence[str]) -> Rows:
    """The rows that a visual sees: from SPICE, or from Athena in DIRECT_QUERY mode.

    Raises NoRows where there are none yet or a column is gone.
    """
    with shelf.lock:
        record = shelf.data_sets.get(data_set)
        if record is None:
            raise NoRows(f"The data set {data_set} was deleted. Create it again and the visual returns.")
        spice = record["Spice"]
        direct = record["ImportMode"] == "DIRECT_QUERY"
        if not direct and spice is None:
            raise NoRows(_why_empty(shelf, data_set))
        # Opened under the lock: a later ingestion may delete the file, but not the rows of an open one.
        handle = None if direct else (shelf.spice / spice["File"]).open("rb")
    if handle is None:
        try:
            table, _ = query(shelf, record)
        except IngestionFailed as error:
            raise NoRows(f"Athena could not answer: {error.message}") from error
        return Rows(_chosen(table, table.column_names, columns), table.num_rows, now())
    with handle:
        file = pq.ParquetFile(handle)
        missing = sorted(set(columns) - set(file.schema_arrow.names))
        if missing:
            raise NoRows(f"The rows in SPICE have no column {', '.join(missing)}. Ingest the data set again.")
        return Rows(file.read(columns=list(columns)), spice["Rows"], spice["RefreshedTime"])


def _chosen(table: pa.Table, known: Sequence[str], columns: Sequence[str]) -> pa.Table:
    missing = sorted(set(columns) - set(known))
    if missing:
        raise NoRows(f"The data set has no column {', '.join(missing)}.")
    return table.select(list(columns))


def _why_empty(shelf: Shelf, data_set: str) -> str:
    last = max(
        (record for _, record in shelf.ingestions.items() if record["DataSetId"] == data_set),
        key=lambda record: record["CreatedTime"],
        default=None,
    )
    if last is not None and last["IngestionStatus"] in ("QUEUED", "RUNNING"):
        return f"The first ingestion of {data_set} is under way. Reload the page in a moment."
    advice = f"Run the pipeline, or: aws quicksight create-ingestion --data-set-id {data_set} --ingestion-id first-rows"
    if last is not None and last["IngestionStatus"] == "FAILED":
        return f"The last ingestion of {data_set} failed: {last['ErrorInfo']['Message']}. {advice}"
    return f"No rows yet: {data_set} was never ingested. {advice}"


def _kind_of(error: AwsError) -> str:
    text = error.message.lower()
    missing = "does not exist" in text or "not found" in text or "table_not_found" in text
    return "SQL_TABLE_NOT_FOUND" if missing else "SQL_EXCEPTION"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
