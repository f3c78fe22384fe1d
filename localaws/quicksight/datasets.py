"""Data sets: one table or one SQL statement on Athena, its columns and its import mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import Call
from localaws.quicksight.columns import output_columns
from localaws.quicksight.ingestions import Ingestions
from localaws.quicksight.permissions import granted, without
from localaws.quicksight.records import Record, now
from localaws.quicksight.refresh import RefreshSchedules
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, arn, exists, found, only, paged
from localaws.quicksight.sources import HINT as SOURCE_HINT
from localaws.quicksight.tables import inputs, physical_table

KIND = "DataSet"
HINT = "Create it with CreateDataSet."
_GIVEN = ("AwsAccountId", "DataSetId", "Name", "PhysicalTableMap", "LogicalTableMap", "ImportMode")
# Accepted because nothing here reads them: every local user sees everything and chooses all columns.
_KEPT = ("DataSetUsageConfiguration",)


class DataSets:
    """CreateDataSet and the operations on what it made."""

    def __init__(self, shelf: Shelf, ingestions: Ingestions, schedules: RefreshSchedules) -> None:
        self._shelf = shelf
        self._records = shelf.data_sets
        self._ingestions = ingestions
        self._schedules = schedules

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "CreateDataSet": self.create,
            "DescribeDataSet": self.describe,
            "UpdateDataSet": self.update,
            "DeleteDataSet": self.delete,
            "ListDataSets": self.list,
        }

    def create(self, call: Call) -> Answer:
        """Keep the data set; in SPICE mode its first ingestion starts at once, as on AWS."""
        given = call.params
        only(given, (*_GIVEN, *_KEPT, "Permissions", "Tags"), "CreateDataSet")
        name = given["DataSetId"]
        if self._records.get(name):
            raise exists(KIND, name)
        at = now()
        times = {"CreatedTime": at, "LastUpdatedTime": at}
        record = {**self._checked(given), "DataSetId": name, **times, **granted(given), "Spice": None}
        self._records.put(name, record)
        return self._started(201, record, "INITIAL_INGESTION")

    def update(self, call: Call) -> Answer:
        """Replace the definition; rows that were ingested stay until the ingestion that this starts is through."""
        given = call.params
        only(given, (*_GIVEN, *_KEPT), "UpdateDataSet")
        old = self._found(call)
        record = {**old, **self._checked(given), "LastUpdatedTime": now()}
        self._records.put(old["DataSetId"], record)
        return self._started(201, record, "EDIT")

    def describe(self, call: Call) -> Answer:
        """The data set with its output columns."""
        record = self._found(call)
        columns = [
            {"Name": column.name, "Type": column.type}
            for column in output_columns(*inputs(record["PhysicalTableMap"], record["LogicalTableMap"]))
        ]
        spice = record["Spice"]
        return answered(
            200,
            DataSet={
                "Arn": arn("dataset", record["DataSetId"]),
                **without(record, "Spice"),
                "OutputColumns": columns,
                "ConsumedSpiceCapacityInBytes": spice["Bytes"] if spice else 0,
            },
        )

    def delete(self, call: Call) -> Answer:
        """Forget the data set, its ingestions, its rows and when it was to be refreshed."""
        name = self._found(call)["DataSetId"]
        self._records.delete(name)
        self._schedules.forget(name)
        self._shelf.refresh_properties.delete(name)
        self._ingestions.forget(name)
        return answered(200, Arn=arn("dataset", name), DataSetId=name)

    def list(self, call: Call) -> Answer:
        """All data sets, in short."""
        fields = ("DataSetId", "Name", "CreatedTime", "LastUpdatedTime", "ImportMode")
        every = [
            {"Arn": arn("dataset", name), **{field: record[field] for field in fields}}
            for name, record in self._records.items()
        ]
        page, token = paged(every, call.params)
        return answered(200, DataSetSummaries=page, NextToken=token)

    def _checked(self, given: Mapping[str, Any]) -> Record:
        logical = given.get("LogicalTableMap") or {}
        columns, transforms = inputs(given["PhysicalTableMap"], logical)
        output_columns(columns, transforms)
        source = physical_table(given["PhysicalTableMap"])[1]["DataSourceArn"].rpartition("/")[2]
        found(self._shelf.data_sources, source, "DataSource", SOURCE_HINT)
        fields = ("Name", "PhysicalTableMap", "ImportMode", *_KEPT)
        return {**{field: given[field] for field in fields if field in given}, "LogicalTableMap": logical}

    def _started(self, status: int, record: Record, request: str) -> Answer:
        name = record["DataSetId"]
        if record["ImportMode"] != "SPICE":
            return answered(status, Arn=arn("dataset", name), DataSetId=name)
        ingestion = self._ingestions.start(name, request)
        return answered(
            status,
            Arn=arn("dataset", name),
            DataSetId=name,
            IngestionArn=ingestion["Arn"],
            IngestionId=ingestion["IngestionId"],
        )

    def _found(self, call: Call) -> Record:
        return found(self._records, call.params["DataSetId"], KIND, HINT)
