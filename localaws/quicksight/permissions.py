"""Permissions and tags: kept and shown. Nobody is kept out: whoever reaches this service may do everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.core import Call
from localaws.quicksight.records import Record, Records
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, arn, found, not_found, only

# Kind of resource: what its ARN says, and where its records are.
_KINDS: Mapping[str, tuple[str, Callable[[Shelf], Records]]] = {
    "Dashboard": ("dashboard", lambda shelf: shelf.dashboards),
    "DataSet": ("dataset", lambda shelf: shelf.data_sets),
    "DataSource": ("datasource", lambda shelf: shelf.data_sources),
}


class Permissions:
    """Describe…Permissions and Update…Permissions of one kind of resource."""

    def __init__(self, shelf: Shelf, kind: str) -> None:
        self._kind = kind
        self._arn_kind, records = _KINDS[kind]
        self._records = records(shelf)

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            f"Describe{self._kind}Permissions": self.describe,
            f"Update{self._kind}Permissions": self.update,
        }

    def describe(self, call: Call) -> Answer:
        """Who was granted what."""
        return self._shown(self._found(call))

    def update(self, call: Call) -> Answer:
        """Grant and revoke."""
        given = call.params
        known = ("AwsAccountId", f"{self._kind}Id", "GrantPermissions", "RevokePermissions")
        only(given, known, f"Update{self._kind}Permissions")
        record = self._found(call)
        held = {item["Principal"]: list(item["Actions"]) for item in record["Permissions"]}
        for item in given.get("GrantPermissions") or []:
            actions = held.setdefault(item["Principal"], [])
            actions += [action for action in item["Actions"] if action not in actions]
        for item in given.get("RevokePermissions") or []:
            actions = held.get(item["Principal"], [])
            held[item["Principal"]] = [action for action in actions if action not in item["Actions"]]
        left = [{"Principal": principal, "Actions": actions} for principal, actions in held.items() if actions]
        record = {**record, "Permissions": left}
        self._records.put(call.params[f"{self._kind}Id"], record)
        return self._shown(record)

    def _found(self, call: Call) -> Record:
        return found(self._records, call.params[f"{self._kind}Id"], self._kind, f"Create it with Create{self._kind}.")

    def _shown(self, record: Record) -> Answer:
        name = record[f"{self._kind}Id"]
        names = {f"{self._kind}Id": name, f"{self._kind}Arn": arn(self._arn_kind, name)}
        return answered(200, **names, Permissions=record["Permissions"])


class Tags:
    """TagResource, UntagResource and ListTagsForResource."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {"TagResource": self.tag, "UntagResource": self.untag, "ListTagsForResource": self.list}

    def tag(self, call: Call) -> Answer:
        """Add tags, or change their values."""
        records, name, record = self._found(call)
        given = call.params["Tags"]
        kept = [tag for tag in record["Tags"] if tag["Key"] not in {tag["Key"] for tag in given}]
        records.put(name, {**record, "Tags": [*kept, *given]})
        return answered(200)

    def untag(self, call: Call) -> Answer:
        """Take tags away."""
        records, name, record = self._found(call)
        keys: Sequence[str] = call.params["TagKeys"]
        records.put(name, {**record, "Tags": [tag for tag in record["Tags"] if tag["Key"] not in keys]})
        return answered(200)

    def list(self, call: Call) -> Answer:
        """The tags of a resource."""
        return answered(200, Tags=self._found(call)[2]["Tags"])

    def _found(self, call: Call) -> tuple[Records, str, Record]:
        resource: str = call.params["ResourceArn"]
        for kind, (arn_kind, records) in _KINDS.items():
            prefix = arn(arn_kind, "")
            if resource.startswith(prefix):
                name = resource.removeprefix(prefix)
                return records(self._shelf), name, found(records(self._shelf), name, kind, f"Create{kind} makes one.")
        kinds = ", ".join(_KINDS)
        raise not_found("Resource", resource, f"What has tags here is a {kinds}.")


def granted(given: Mapping[str, Any]) -> dict[str, Any]:
    """The permissions and tags that a resource is created with, as its record keeps them."""
    return {"Permissions": list(given.get("Permissions") or []), "Tags": list(given.get("Tags") or [])}


def without(record: Record, *fields: str) -> Record:
    """The record as a Describe operation shows it."""
    return {key: value for key, value in record.items() if key not in ("Permissions", "Tags", *fields)}
