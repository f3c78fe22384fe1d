"""Incremental refresh: a data set's refresh properties, and its look-back window's rows put in place of old ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from localaws.core import AwsError, Call, NotSupported
from localaws.quicksight import rows
from localaws.quicksight.columns import Column, output_columns
from localaws.quicksight.records import Record, now
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, found, invalid, only
from localaws.quicksight.tables import inputs

# The stubs of pyarrow know too few overloads of its kernels.
pc: Any = pyarrow.compute

_UNITS = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1), "WEEK": timedelta(weeks=1)}


class RefreshProperties:
    """PutDataSetRefreshProperties, and the operations on what it set."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._records = shelf.refresh_properties

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "PutDataSetRefreshProperties": self.put,
            "DescribeDataSetRefreshProperties": self.describe,
            "DeleteDataSetRefreshProperties": self.delete,
        }

    def put(self, call: Call) -> Answer:
        """Set the look-back window of incremental refreshes."""
        data_set, given = self._data_set(call), call.params["DataSetRefreshProperties"]
        only(given, ("RefreshConfiguration", "FailureConfiguration"), "DataSetRefreshProperties")
        alert = (given.get("FailureConfiguration") or {}).get("EmailAlert") or {}
        if alert.get("AlertStatus") == "ENABLED":
            raise NotSupported("FailureConfiguration: QuickSight's own e-mail is not sent here; watch ListIngestions")
        if data_set["ImportMode"] != "SPICE":
            raise invalid(f"DataSet {data_set['DataSetId']} is in DIRECT_QUERY mode: it has no SPICE rows to refresh")
        if configuration := given.get("RefreshConfiguration"):
            _check_window(data_set, configuration["IncrementalRefresh"]["LookbackWindow"])
        self._records.put(data_set["DataSetId"], dict(given))
        return answered(200)

    def describe(self, call: Call) -> Answer:
        """The refresh properties; ResourceNotFoundException where none are set."""
        return answered(200, DataSetRefreshProperties=self._found(call))

    def delete(self, call: Call) -> Answer:
        """Forget the refresh properties: refreshes are full ones from now on."""
        self._found(call)
        name = call.params["DataSetId"]
        incremental = [
            record["ScheduleId"]
            for _, record in self._shelf.refresh_schedules.items()
            if record["DataSetId"] == name and record["RefreshType"] == "INCREMENTAL_REFRESH"
        ]
        if incremental:
            message = f"the refresh schedules {', '.join(incremental)} of {name} are incremental; delete them first"
            raise AwsError("ConflictException", message, 409)
        self._records.delete(name)
        return answered(200)

    def _data_set(self, call: Call) -> Record:
        return found(self._shelf.data_sets, call.params["DataSetId"], "DataSet", "Create it with CreateDataSet.")

    def _found(self, call: Call) -> Record:
        self._data_set(call)
        hint = "PutDataSetRefreshProperties sets them."
        return found(self._records, call.params["DataSetId"], "DataSetRefreshProperties of", hint)


def check_incremental(properties: Mapping[str, Any] | None, data_set: str) -> None:
    """Refuse an incremental refresh of a data set that has no look-back window."""
    if not (properties or {}).get("RefreshConfiguration"):
        raise invalid(
            f"DataSet {data_set} has no look-back window, which an incremental refresh needs;"
            " set it with PutDataSetRefreshProperties"
        )


def refreshed(shelf: Shelf, record: Record, request: str) -> tuple[pa.Table, int, int]:
    """The data set's rows after a refresh, how many were read, and how many were dropped.

    An incremental refresh asks only for the rows of the look-back window and keeps those before it and without a
    time. Where there are no rows yet, or not with these columns, all are read.
    """
    properties, spice = shelf.refresh_properties.get(record["DataSetId"]), record["Spice"]
    if request != "INCREMENTAL_REFRESH" or spice is None or not (properties or {}).get("RefreshConfiguration"):
        table, dropped = rows.query(shelf, record)
        return table, table.num_rows, dropped
    window = properties["RefreshConfiguration"]["IncrementalRefresh"]["LookbackWindow"]  # type: ignore[index]
    column, since = window["ColumnName"], begin(window, now())
    fresh, dropped = rows.query(shelf, record, since=(column, since))
    kept = pq.read_table(shelf.spice / spice["File"])
    if kept.schema != fresh.schema:
        table, dropped = rows.query(shelf, record)
        return table, table.num_rows, dropped
    older = kept.filter(pc.fill_null(pc.less(kept[column], pa.scalar(since, kept[column].type)), True))
    return pa.concat_tables([older, fresh]), fresh.num_rows, dropped


def begin(window: Mapping[str, Any], at: datetime) -> datetime:
    """The first moment of the look-back window, in UTC without zone, to the second."""
    length: timedelta = window["Size"] * _UNITS[window["SizeUnit"]]
    return (at - length).replace(microsecond=0, tzinfo=None)


def _check_window(data_set: Record, window: Mapping[str, Any]) -> None:
    name = window["ColumnName"]
    columns, transforms = inputs(data_set["PhysicalTableMap"], data_set["LogicalTableMap"])
    if not _dated(columns, name) or not _dated(output_columns(columns, transforms), name):
        raise invalid(f"LookbackWindow: {name!r} is not a DATETIME column both of the query and of the data set")


def _dated(columns: Sequence[Column], name: str) -> bool:
    return any(column.name == name and column.type == "DATETIME" for column in columns)
