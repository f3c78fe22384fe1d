"""Workgroups: where results go, what a query may scan, and whose settings win."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from localaws.athena.executions import ENGINE_VERSION
from localaws.athena.locations import parse as parse_location
from localaws.athena.saved import Json, Saved, listed, page, timestamp
from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, NotSupported

PRIMARY = "primary"
LEAST_CUTOFF = 10_000_000
SETTINGS = (
    "EnforceWorkGroupConfiguration",
    "PublishCloudWatchMetricsEnabled",
    "BytesScannedCutoffPerQuery",
    "RequesterPaysEnabled",
)


class WorkGroups:
    """The workgroups; ``primary`` is always there."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved
        self.operations = {
            "CreateWorkGroup": self.create,
            "GetWorkGroup": self.get_work_group,
            "ListWorkGroups": self.list,
            "UpdateWorkGroup": self.update,
            "DeleteWorkGroup": self.delete,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.tags,
        }
        if PRIMARY not in self._all:
            self._all[PRIMARY] = _record(PRIMARY, {}, "")

    @property
    def _all(self) -> dict[str, Json]:
        return self._saved.sections["workgroups"]

    def get(self, name: str) -> Json:
        """One workgroup; raises AwsError InvalidRequestException."""
        record = self._all.get(name)
        if record is None:
            raise AwsError("InvalidRequestException", f"WorkGroup {name} is not found.")
        return record

    def create(self, call: Call) -> Json:
        """CreateWorkGroup."""
        name = call.params["Name"]
        with self._saved.lock:
            if name in self._all:
                raise AwsError("InvalidRequestException", "WorkGroup is already created")
            record = _record(name, call.params.get("Configuration") or {}, call.params.get("Description") or "")
            record["Tags"] = {tag["Key"]: tag.get("Value", "") for tag in call.params.get("Tags") or ()}
            self._all[name] = record
            self._saved.write()
        return {}

    def get_work_group(self, call: Call) -> Json:
        """GetWorkGroup."""
        record = copy.deepcopy(self.get(call.params["WorkGroup"]))
        return {"WorkGroup": {name: value for name, value in record.items() if name != "Tags"}}

    def list(self, call: Call) -> Json:
        """ListWorkGroups."""
        names, token = page(sorted(self._all), call.params)
        items = [
            {
                **{name: self._all[one][name] for name in ("Name", "State", "Description", "CreationTime")},
                "EngineVersion": self._all[one]["Configuration"]["EngineVersion"],
            }
            for one in names
        ]
        return listed("WorkGroups", items, token)

    def update(self, call: Call) -> Json:
        """UpdateWorkGroup."""
        with self._saved.lock:
            record = copy.deepcopy(self.get(call.params["WorkGroup"]))
            if "Description" in call.params:
                record["Description"] = call.params["Description"]
            if "State" in call.params:
                record["State"] = call.params["State"]
            _change(record["Configuration"], call.params.get("ConfigurationUpdates") or {})
            self._all[call.params["WorkGroup"]] = record
            self._saved.write()
        return {}

    def delete(self, call: Call) -> Json:
        """DeleteWorkGroup; one that holds named queries or prepared statements only with RecursiveDeleteOption."""
        name = call.params["WorkGroup"]
        if name == PRIMARY:
            raise AwsError("InvalidRequestException", "The primary workgroup cannot be deleted")
        with self._saved.lock:
            self.get(name)
            named = {key for key, one in self._saved.sections["named"].items() if one["WorkGroup"] == name}
            prepared = {key for key, one in self._saved.sections["prepared"].items() if one["WorkGroupName"] == name}
            if (named or prepared) and not call.params.get("RecursiveDeleteOption"):
                raise AwsError("InvalidRequestException", f"WorkGroup {name} is not empty")
            for key in named:
                del self._saved.sections["named"][key]
            for key in prepared:
                del self._saved.sections["prepared"][key]
            del self._all[name]
            self._saved.write()
        return {}

    # Tags

    def _tagged(self, call: Call) -> Json:
        prefix = f"arn:aws:athena:{REGION}:{ACCOUNT_ID}:workgroup/"
        arn = call.params["ResourceARN"]
        if not arn.startswith(prefix) or arn.removeprefix(prefix) not in self._all:
            raise AwsError("ResourceNotFoundException", f"{arn} is not found: tags are kept for workgroups")
        record: Json = self._all[arn.removeprefix(prefix)]
        return record.setdefault("Tags", {})  # type: ignore[no-any-return]

    def tag(self, call: Call) -> Json:
        """TagResource."""
        with self._saved.lock:
            self._tagged(call).update({tag["Key"]: tag.get("Value", "") for tag in call.params["Tags"]})
            self._saved.write()
        return {}

    def untag(self, call: Call) -> Json:
        """UntagResource."""
        with self._saved.lock:
            tags = self._tagged(call)
            for key in call.params["TagKeys"]:
                tags.pop(key, None)
            self._saved.write()
        return {}

    def tags(self, call: Call) -> Json:
        """ListTagsForResource."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tagged(call).items()]}


def _record(name: str, configuration: Mapping[str, Any], description: str) -> Json:
    own: Json = {
        "EnforceWorkGroupConfiguration": name != PRIMARY,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "ResultConfiguration": {},
        "EngineVersion": ENGINE_VERSION,
    }
    _change(own, {**configuration, "ResultConfigurationUpdates": configuration.get("ResultConfiguration") or {}})
    return {
        "Name": name,
        "State": "ENABLED",
        "Description": description,
        "CreationTime": timestamp(),
        "Configuration": own,
    }


def _change(own: Json, updates: Mapping[str, Any]) -> None:
    """Apply a configuration or its updates, after checking them."""
    managed = updates.get("ManagedQueryResultsConfiguration") or updates.get("ManagedQueryResultsConfigurationUpdates")
    if (managed or {}).get("Enabled"):
        raise NotSupported("managed query results: give the workgroup an OutputLocation")
    version = (updates.get("EngineVersion") or {}).get("SelectedEngineVersion", "AUTO")
    if version not in ("AUTO", "Athena engine version 3"):
        raise NotSupported(f"{version}: only Athena engine version 3 is here")
    if "EngineVersion" in updates:
        own["EngineVersion"] = {**ENGINE_VERSION, "SelectedEngineVersion": version}
    cutoff = updates.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < LEAST_CUTOFF:
        raise AwsError("InvalidRequestException", f"BytesScannedCutoffPerQuery must be at least {LEAST_CUTOFF}")
    own |= {name: updates[name] for name in SETTINGS if name in updates}
    if updates.get("RemoveBytesScannedCutoffPerQuery"):
        own.pop("BytesScannedCutoffPerQuery", None)
    _change_results(own["ResultConfiguration"], updates.get("ResultConfigurationUpdates") or {})


def _change_results(own: Json, updates: Mapping[str, Any]) -> None:
    for name in ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner", "AclConfiguration"):
        if updates.get(f"Remove{name}"):
            own.pop(name, None)
        if name in updates:
            own[name] = updates[name]
    if own.get("OutputLocation"):
        parse_location(own["OutputLocation"])
    check_encryption(own)


def check_encryption(result: Mapping[str, Any]) -> None:
    """Refuse a ResultConfiguration whose results the client would decrypt."""
    if (result.get("EncryptionConfiguration") or {}).get("EncryptionOption") == "CSE_KMS":
        raise NotSupported("results encrypted by the client (CSE_KMS); use SSE_S3 or SSE_KMS")
