"""Data sources: Athena workgroups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.core import Call, NotSupported
from localaws.quicksight.permissions import granted, without
from localaws.quicksight.records import Record, now
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, arn, exists, found, invalid, only, paged

KIND = "DataSource"
HINT = "Create it with CreateDataSource."
_CREATE = ("AwsAccountId", "DataSourceId", "Name", "Type", "DataSourceParameters", "Permissions", "SslProperties")


class DataSources:
    """CreateDataSource and the operations on what it made."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._records = shelf.data_sources

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "CreateDataSource": self.create,
            "DescribeDataSource": self.describe,
            "UpdateDataSource": self.update,
            "DeleteDataSource": self.delete,
            "ListDataSources": self.list,
        }

    def create(self, call: Call) -> Answer:
        """Keep an Athena data source; other types are refused."""
        given = call.params
        only(given, (*_CREATE, "Tags"), "CreateDataSource")
        name = given["DataSourceId"]
        if self._records.get(name):
            raise exists(KIND, name)
        if given["Type"] != "ATHENA":
            raise NotSupported(f"CreateDataSource: type {given['Type']} cannot be read here; only ATHENA is")
        at = now()
        record = {
            "DataSourceId": name,
            "Name": given["Name"],
            "Type": "ATHENA",
            "DataSourceParameters": _athena(given.get("DataSourceParameters")),
            "SslProperties": given.get("SslProperties") or {"DisableSsl": False},
            "Status": "CREATION_SUCCESSFUL",
            "CreatedTime": at,
            "LastUpdatedTime": at,
            **granted(given),
        }
        self._records.put(name, record)
        return answered(202, Arn=arn("datasource", name), DataSourceId=name, CreationStatus="CREATION_IN_PROGRESS")

    def describe(self, call: Call) -> Answer:
        """The data source."""
        record = self._found(call)
        return answered(200, DataSource=_shown(record))

    def update(self, call: Call) -> Answer:
        """Rename it or change its workgroup."""
        given = call.params
        record = self._found(call)
        known = ("AwsAccountId", "DataSourceId", "Name", "DataSourceParameters", "SslProperties")
        only(given, known, "UpdateDataSource")
        changed = {
            **record,
            "Name": given["Name"],
            "DataSourceParameters": _athena(given.get("DataSourceParameters") or record["DataSourceParameters"]),
            "Status": "UPDATE_SUCCESSFUL",
            "LastUpdatedTime": now(),
        }
        name = record["DataSourceId"]
        self._records.put(name, changed)
        return answered(202, Arn=arn("datasource", name), DataSourceId=name, UpdateStatus="UPDATE_IN_PROGRESS")

    def delete(self, call: Call) -> Answer:
        """Forget it; data sets on it stay and fail to ingest, as on AWS."""
        name = self._found(call)["DataSourceId"]
        self._records.delete(name)
        return answered(200, Arn=arn("datasource", name), DataSourceId=name)

    def list(self, call: Call) -> Answer:
        """All data sources."""
        every = [_shown(record) for _, record in self._records.items()]
        page, token = paged(every, call.params)
        return answered(200, DataSources=page, NextToken=token)

    def _found(self, call: Call) -> Record:
        return found(self._records, call.params["DataSourceId"], KIND, HINT)


def _shown(record: Record) -> dict[str, Any]:
    return {"Arn": arn("datasource", record["DataSourceId"]), **without(record)}


def _athena(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    given = parameters or {}
    if given and list(given) != ["AthenaParameters"]:
        raise invalid(f"DataSourceParameters of an ATHENA data source must be AthenaParameters, not {sorted(given)}")
    athena = given.get("AthenaParameters") or {}
    only(athena, ("WorkGroup", "RoleArn"), "AthenaParameters")
    return {"AthenaParameters": {"WorkGroup": "primary", **athena}}
