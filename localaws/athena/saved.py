"""What outlives a restart: workgroups, named queries and prepared statements, in one JSON file."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.core import AwsError, Call

Json = dict[str, Any]


class Saved:
    """Sections of records by name, written whole and atomically at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.RLock()
        self.sections: dict[str, dict[str, Json]] = {"workgroups": {}, "named": {}, "prepared": {}}
        if path.exists():
            self.sections |= json.loads(path.read_text())

    def write(self) -> None:
        """Write the file; the caller holds the lock."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self.sections, indent=1))
        draft.replace(self._path)


def timestamp() -> float:
    """The present as the seconds that the API's timestamps take."""
    return datetime.now(UTC).timestamp()


def page(names: list[str], params: Mapping[str, Any], default: int = 50) -> tuple[list[str], str | None]:
    """One page of a sorted list; the token is the last name of the page before."""
    token, size = params.get("NextToken"), params.get("MaxResults") or default
    start = 0
    if token:
        if token not in names:
            raise AwsError("InvalidRequestException", "The NextToken is not one that this list gave")
        start = names.index(token) + 1
    found = names[start : start + size]
    return found, found[-1] if start + size < len(names) else None


def listed(name: str, items: list[Any], token: str | None) -> Json:
    """A list's answer."""
    return {name: items} | ({"NextToken": token} if token else {})


class NamedQueries:
    """Named queries."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved
        self.operations = {
            "CreateNamedQuery": self.create,
            "GetNamedQuery": self.get,
            "BatchGetNamedQuery": self.batch_get,
            "ListNamedQueries": self.list,
            "UpdateNamedQuery": self.update,
            "DeleteNamedQuery": self.delete,
        }

    @property
    def _all(self) -> dict[str, Json]:
        return self._saved.sections["named"]

    def create(self, call: Call) -> Json:
        """CreateNamedQuery."""
        record = {name: call.params[name] for name in ("Name", "Database", "QueryString")}
        record["WorkGroup"] = call.params.get("WorkGroup", "primary")
        if call.params.get("Description"):
            record["Description"] = call.params["Description"]
        with self._saved.lock:
            token = call.params.get("ClientRequestToken")
            for known in self._all.values():
                if token and known.get("Token") == token:
                    if {name: known.get(name) for name in record} != record:
                        raise AwsError("InvalidRequestException", "Idempotent parameters do not match")
                    return {"NamedQueryId": known["NamedQueryId"]}
            identifier = str(uuid.uuid4())
            self._all[identifier] = {**record, "NamedQueryId": identifier, "Token": token}
            self._saved.write()
        return {"NamedQueryId": identifier}

    def _one(self, identifier: str) -> Json:
        record = self._all.get(identifier)
        if record is None:
            raise AwsError("InvalidRequestException", f"NamedQuery {identifier} is not found")
        return {name: value for name, value in record.items() if name != "Token"}

    def get(self, call: Call) -> Json:
        """GetNamedQuery."""
        return {"NamedQuery": self._one(call.params["NamedQueryId"])}

    def batch_get(self, call: Call) -> Json:
        """BatchGetNamedQuery."""
        wanted = call.params["NamedQueryIds"]
        missing = [
            {"NamedQueryId": one, "ErrorCode": "INTERNAL_FAILURE", "ErrorMessage": "named query not found"}
            for one in wanted
            if one not in self._all
        ]
        found = [self._one(one) for one in wanted if one in self._all]
        return {"NamedQueries": found, "UnprocessedNamedQueryIds": missing}

    def list(self, call: Call) -> Json:
        """ListNamedQueries."""
        workgroup = call.params.get("WorkGroup", "primary")
        names = sorted(one for one, record in self._all.items() if record["WorkGroup"] == workgroup)
        return listed("NamedQueryIds", *page(names, call.params))

    def update(self, call: Call) -> Json:
        """UpdateNamedQuery."""
        with self._saved.lock:
            self._one(call.params["NamedQueryId"])
            record = self._all[call.params["NamedQueryId"]]
            record |= {
                name: call.params[name] for name in ("Name", "QueryString", "Description") if name in call.params
            }
            self._saved.write()
        return {}

    def delete(self, call: Call) -> Json:
        """DeleteNamedQuery."""
        with self._saved.lock:
            self._one(call.params["NamedQueryId"])
            del self._all[call.params["NamedQueryId"]]
            self._saved.write()
        return {}


class PreparedStatements:
    """Prepared statements, by workgroup and name."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved
        self.operations = {
            "CreatePreparedStatement": self._create,
            "GetPreparedStatement": self._get,
            "BatchGetPreparedStatement": self._batch_get,
            "ListPreparedStatements": self._list,
            "UpdatePreparedStatement": self._update,
            "DeletePreparedStatement": self._delete,
        }

    @property
    def _all(self) -> dict[str, Json]:
        return self._saved.sections["prepared"]

    @staticmethod
    def _key(workgroup: str, name: str) -> str:
        return f"{workgroup}/{name.lower()}"

    def get(self, workgroup: str, name: str) -> Json:
        """One statement; raises AwsError ResourceNotFoundException."""
        record = self._all.get(self._key(workgroup, name))
        if record is None:
            raise AwsError(
                "ResourceNotFoundException", f"PreparedStatement {name} was not found in workGroup {workgroup}"
            )
        return record

    def put(self, workgroup: str, name: str, sql: str, description: str | None = None) -> None:
        """Create or replace one."""
        record = {
            "StatementName": name,
            "QueryStatement": sql,
            "WorkGroupName": workgroup,
            "LastModifiedTime": timestamp(),
        }
        with self._saved.lock:
            self._all[self._key(workgroup, name)] = record | ({"Description": description} if description else {})
            self._saved.write()

    def delete(self, workgroup: str, name: str) -> None:
        """Remove one; raises AwsError ResourceNotFoundException."""
        with self._saved.lock:
            self.get(workgroup, name)
            del self._all[self._key(workgroup, name)]
            self._saved.write()

    def _create(self, call: Call) -> Json:
        workgroup, name = call.params["WorkGroup"], call.params["StatementName"]
        if self._key(workgroup, name) in self._all:
            raise AwsError("InvalidRequestException", f"Prepared statement {name} already exists in {workgroup}")
        self.put(workgroup, name, call.params["QueryStatement"], call.params.get("Description"))
        return {}

    def _get(self, call: Call) -> Json:
        return {"PreparedStatement": self.get(call.params["WorkGroup"], call.params["StatementName"])}

    def _batch_get(self, call: Call) -> Json:
        workgroup, found, missing = call.params["WorkGroup"], [], []
        for name in call.params["PreparedStatementNames"]:
            try:
                found.append(self.get(workgroup, name))
            except AwsError as error:
                missing.append({"StatementName": name, "ErrorCode": error.code, "ErrorMessage": error.message})
        return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}

    def _list(self, call: Call) -> Json:
        own = {
            one["StatementName"]: one for one in self._all.values() if one["WorkGroupName"] == call.params["WorkGroup"]
        }
        names, token = page(sorted(own), call.params)
        items = [{name: own[one][name] for name in ("StatementName", "LastModifiedTime")} for one in names]
        return listed("PreparedStatements", items, token)

    def _update(self, call: Call) -> Json:
        workgroup, name = call.params["WorkGroup"], call.params["StatementName"]
        old = self.get(workgroup, name)
        description = call.params.get("Description", old.get("Description"))
        self.put(workgroup, old["StatementName"], call.params["QueryStatement"], description)
        return {}

    def _delete(self, call: Call) -> Json:
        self.delete(call.params["WorkGroup"], call.params["StatementName"])
        return {}
