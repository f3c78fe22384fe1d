"""Dashboards: definitions in versions, of which one is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.core import AwsError, Call, NotSupported
from localaws.quicksight.definition import data_set_ids, read_definition
from localaws.quicksight.permissions import granted
from localaws.quicksight.records import Record, now
from localaws.quicksight.shared import (
    Answer,
    Operation,
    Shelf,
    answered,
    arn,
    exists,
    found,
    invalid,
    matching,
    not_found,
    only,
    paged,
)
from localaws.quicksight.tables import schemas_of

KIND = "Dashboard"
HINT = "Create it with CreateDashboard."
_GIVEN = ("AwsAccountId", "DashboardId", "Name", "Definition", "VersionDescription")
# Taken without effect: they switch controls that the page does not have.
_QUIET = ("DashboardPublishOptions", "ValidationStrategy")
_FAILED = "CREATION_FAILED"


class Dashboards:
    """CreateDashboard and the operations on what it made."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._records = shelf.dashboards

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "CreateDashboard": self.create,
            "DescribeDashboard": self.describe,
            "DescribeDashboardDefinition": self.describe_definition,
            "UpdateDashboard": self.update,
            "UpdateDashboardPublishedVersion": self.publish,
            "DeleteDashboard": self.delete,
            "ListDashboards": self.list,
            "ListDashboardVersions": self.list_versions,
        }

    def create(self, call: Call) -> Answer:
        """Keep version 1 and publish it; a definition with errors makes a version in CREATION_FAILED."""
        given = call.params
        only(given, (*_GIVEN, *_QUIET, "Permissions", "Tags"), "CreateDashboard")
        name = matching(r"[\w\-]{1,512}", given["DashboardId"], "DashboardId")
        if self._records.get(name):
            raise exists(KIND, name)
        version = self._version(given, 1)
        at = version["CreatedTime"]
        record = {
            "DashboardId": name,
            "Name": given["Name"],
            "Versions": [version],
            "Published": 1,
            **granted(given),
            "CreatedTime": at,
            "LastUpdatedTime": at,
            "LastPublishedTime": at,
        }
        self._records.put(name, record)
        return _changed(202, record, version)

    def update(self, call: Call) -> Answer:
        """Add a version, which is not published until UpdateDashboardPublishedVersion names it."""
        given = call.params
        only(given, (*_GIVEN, *_QUIET), "UpdateDashboard")
        record = self._found(call)
        number = record["Versions"][-1]["VersionNumber"] + 1
        version = self._version(given, number)
        versions = [*record["Versions"], version]
        record = {**record, "Name": given["Name"], "Versions": versions, "LastUpdatedTime": version["CreatedTime"]}
        self._records.put(record["DashboardId"], record)
        return _changed(202, record, version)

    def publish(self, call: Call) -> Answer:
        """Make readers see a version."""
        record = self._found(call)
        version = _version_of(record, call.params["VersionNumber"])
        if version["Status"] == _FAILED:
            raise AwsError(
                "ConflictException", f"version {version['VersionNumber']} is in {_FAILED}: mend it first", 409
            )
        record = {**record, "Published": version["VersionNumber"], "LastPublishedTime": now()}
        self._records.put(record["DashboardId"], record)
        name = record["DashboardId"]
        return answered(200, DashboardId=name, DashboardArn=arn("dashboard", name))

    def describe(self, call: Call) -> Answer:
        """The dashboard with one version: the published one unless another is asked for."""
        record = self._found(call)
        version = self._asked(record, call.params)
        shown = {key: value for key, value in version.items() if key not in ("Definition", "DashboardPublishOptions")}
        fields = ("DashboardId", "Name", "CreatedTime", "LastUpdatedTime", "LastPublishedTime")
        dashboard = {
            "Arn": arn("dashboard", record["DashboardId"]),
            **{field: record[field] for field in fields},
            "Version": {**shown, "Arn": _version_arn(record, version)},
        }
        return answered(200, Dashboard=dashboard)

    def describe_definition(self, call: Call) -> Answer:
        """The definition of a version, as it was given."""
        record = self._found(call)
        version = self._asked(record, call.params)
        return answered(
            200,
            DashboardId=record["DashboardId"],
            Name=record["Name"],
            ResourceStatus=version["Status"],
            Errors=version["Errors"],
            Definition=version["Definition"],
            DashboardPublishOptions=version["DashboardPublishOptions"],
        )

    def delete(self, call: Call) -> Answer:
        """Forget one version or, where none is named, the dashboard."""
        record = self._found(call)
        name, number = record["DashboardId"], call.params.get("VersionNumber")
        if number is None:
            self._records.delete(name)
        else:
            _version_of(record, number)
            if number == record["Published"]:
                raise AwsError(
                    "ConflictException", f"version {number} is the published one; publish another first", 409
                )
            kept = [version for version in record["Versions"] if version["VersionNumber"] != number]
            self._records.put(name, {**record, "Versions": kept})
        return answered(200, DashboardId=name, Arn=arn("dashboard", name))

    def list(self, call: Call) -> Answer:
        """All dashboards, in short."""
        fields = ("DashboardId", "Name", "CreatedTime", "LastUpdatedTime", "LastPublishedTime")
        every = [
            {
                "Arn": arn("dashboard", name),
                "PublishedVersionNumber": record["Published"],
                **{field: record[field] for field in fields},
            }
            for name, record in self._records.items()
        ]
        page, token = paged(every, call.params)
        return answered(200, DashboardSummaryList=page, NextToken=token)

    def list_versions(self, call: Call) -> Answer:
        """All versions of a dashboard, newest first."""
        record = self._found(call)
        every = [
            {
                "Arn": _version_arn(record, version),
                **{field: version[field] for field in ("CreatedTime", "VersionNumber", "Status")},
                **({"Description": version["Description"]} if version.get("Description") else {}),
            }
            for version in reversed(record["Versions"])
        ]
        page, token = paged(every, call.params)
        return answered(200, DashboardVersionSummaryList=page, NextToken=token)

    def published(self, name: str) -> tuple[Record, Record] | None:
        """A dashboard and its published version, or None."""
        record = self._records.get(name)
        return (record, _version_of(record, record["Published"])) if record else None

    def _version(self, given: Mapping[str, Any], number: int) -> Record:
        definition = given.get("Definition")
        if not definition:
            raise NotSupported("a dashboard is made from a Definition here; SourceEntity (templates) is not supported")
        names = data_set_ids(definition)
        _, problems = read_definition(definition, schemas_of(self._shelf.data_sets, names.values()))
        if problems.refusals:
            raise NotSupported("; ".join(problems.refusals))
        sheets: Sequence[Mapping[str, Any]] = definition.get("Sheets") or []
        return {
            "VersionNumber": number,
            "Status": _FAILED if problems.errors else "CREATION_SUCCESSFUL",
            "Errors": problems.errors,
            "CreatedTime": now(),
            "DataSetArns": [arn("dataset", name) for name in names.values()],
            "Description": given.get("VersionDescription"),
            "Sheets": [{key: sheet[key] for key in ("SheetId", "Name") if key in sheet} for sheet in sheets],
            "Definition": definition,
            "DashboardPublishOptions": given.get("DashboardPublishOptions") or {},
        }

    def _asked(self, record: Record, params: Mapping[str, Any]) -> Record:
        alias, number = params.get("AliasName"), params.get("VersionNumber")
        if alias not in (None, "$LATEST", "$PUBLISHED"):
            raise invalid(f"AliasName {alias!r} is not known; use $LATEST or $PUBLISHED")
        if alias == "$LATEST":
            return dict(record["Versions"][-1])
        return _version_of(record, record["Published"] if number is None else number)

    def _found(self, call: Call) -> Record:
        return found(self._records, call.params["DashboardId"], KIND, HINT)


def _version_of(record: Record, number: int) -> Record:
    for version in record["Versions"]:
        if version["VersionNumber"] == number:
            return dict(version)
    raise not_found("DashboardVersion", f"{record['DashboardId']}/{number}", "ListDashboardVersions names them.")


def _version_arn(record: Record, version: Record) -> str:
    return arn("dashboard", f"{record['DashboardId']}/version/{version['VersionNumber']}")


def _changed(status: int, record: Record, version: Record) -> Answer:
    name = record["DashboardId"]
    return answered(
        status,
        Arn=arn("dashboard", name),
        VersionArn=_version_arn(record, version),
        DashboardId=name,
        CreationStatus="CREATION_IN_PROGRESS",
    )
