"""Connections to databases: kept on disk for the jobs that read them. Nothing is connected to until a job does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.core import AwsError, Call, Handler, NotSupported
from localaws.documents import Documents
from localaws.glue.catalog import Catalog
from localaws.glue.paging import page
from localaws.glue.tags import add_tags, arn, remove_tags, tags_of

Json = dict[str, Any]

_KINDS = ("JDBC", "NETWORK")
_REFUSED = ("SparkProperties", "AthenaProperties", "PythonProperties", "AuthenticationConfiguration")


class Connections:
    """The connections by name, and the operations on them."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._kept = Documents(folder)
        self._catalog = catalog
        self._lock = threading.RLock()
        for kept in self._kept.all():
            add_tags(catalog, _arn(kept["connection"]["Name"]), kept["tags"])
        self.operations: Mapping[str, Handler] = {
            "CreateConnection": self._create,
            "GetConnection": self._get,
            "GetConnections": self._get_all,
            "UpdateConnection": self._update,
            "DeleteConnection": self._delete,
            "BatchDeleteConnection": self._batch_delete,
        }

    def has(self, name: str) -> bool:
        """Whether there is a connection of that name."""
        with self._lock:
            return self._kept.get(name) is not None

    def close(self) -> None:
        """Keep the tags, which moto's API may have changed."""
        with self._lock:
            for kept in self._kept.all():
                self._save(kept["connection"])

    def _create(self, call: Call) -> Json:
        wanted = _checked(call.params["ConnectionInput"])
        with self._lock:
            if self.has(wanted["Name"]):
                raise AwsError("AlreadyExistsException", f"Connection {wanted['Name']} already exists.")
            add_tags(self._catalog, _arn(wanted["Name"]), call.params.get("Tags"))
            now = time.time()
            self._save({**wanted, "CreationTime": now, "LastUpdatedTime": now})
        return {"CreateConnectionStatus": "READY"}

    def _get(self, call: Call) -> Json:
        with self._lock:
            return {"Connection": _described(self._find(call.params["Name"]), call.params)}

    def _get_all(self, call: Call) -> Json:
        wanted = call.params.get("Filter") or {}
        criteria = set(wanted.get("MatchCriteria") or ())
        with self._lock:
            found = [kept["connection"] for kept in self._kept.all()]
        found = [
            one
            for one in found
            if wanted.get("ConnectionType", one["ConnectionType"]) == one["ConnectionType"]
            and criteria <= set(one.get("MatchCriteria") or ())
        ]
        connections, more = page(found, call.params)
        return {"ConnectionList": [_described(one, call.params) for one in connections], **more}

    def _update(self, call: Call) -> Json:
        name = call.params["Name"]
        with self._lock:
            old = self._find(name)
            wanted = _checked(call.params["ConnectionInput"])
            if wanted["Name"] != name:
                raise AwsError("InvalidInputException", f"The connection {name} cannot be renamed to {wanted['Name']}.")
            self._save({**wanted, "CreationTime": old["CreationTime"], "LastUpdatedTime": time.time()})
        return {}

    def _delete(self, call: Call) -> Json:
        with self._lock:
            self._remove(call.params["ConnectionName"])
        return {}

    def _batch_delete(self, call: Call) -> Json:
        succeeded, errors = [], {}
        with self._lock:
            for name in call.params["ConnectionNameList"]:
                try:
                    self._remove(name)
                    succeeded.append(name)
                except AwsError as error:
                    errors[name] = {"ErrorCode": error.code, "ErrorMessage": error.message}
        return {"Succeeded": succeeded, "Errors": errors}

    def _remove(self, name: str) -> None:
        self._find(name)
        self._kept.delete(name)
        remove_tags(self._catalog, _arn(name))

    def _find(self, name: str) -> Json:
        kept = self._kept.get(name)
        if kept is None:
            raise AwsError("EntityNotFoundException", f"Connection {name} not found.")
        return dict(kept["connection"])

    def _save(self, connection: Json) -> None:
        tags = tags_of(self._catalog, _arn(connection["Name"]))
        self._kept.save(connection["Name"], {"connection": connection, "tags": tags})


def _checked(given: Mapping[str, Any]) -> Json:
    """A ConnectionInput that a job can use. Raises AwsError."""
    kind, name = given.get("ConnectionType"), given.get("Name") or ""
    if not name:
        raise AwsError("InvalidInputException", "The connection's Name must not be empty.")
    if kind not in _KINDS:
        raise NotSupported(f"Connections of the type {kind} are refused: {' and '.join(_KINDS)} are kept.")
    for field in _REFUSED:
        if given.get(field):
            raise NotSupported(f"A connection's {field} is refused: give ConnectionProperties.")
    properties = given.get("ConnectionProperties") or {}
    if kind == "JDBC":
        if not str(properties.get("JDBC_CONNECTION_URL", "")).startswith("jdbc:"):
            raise AwsError(
                "InvalidInputException", f"The connection {name} needs a JDBC_CONNECTION_URL: jdbc:mysql://…"
            )
        if not (properties.get("SECRET_ID") or properties.get("USERNAME")):
            raise AwsError(
                "InvalidInputException", f"The connection {name} needs a SECRET_ID, or USERNAME and PASSWORD."
            )
    kept = ("Name", "Description", "ConnectionType", "MatchCriteria", "PhysicalConnectionRequirements")
    return {**{key: given[key] for key in kept if given.get(key) is not None}, "ConnectionProperties": dict(properties)}


def _described(connection: Json, params: Mapping[str, Any]) -> Json:
    """The Glue API's Connection."""
    properties = dict(connection["ConnectionProperties"])
    if params.get("HidePassword"):
        properties.pop("PASSWORD", None)
    return {
        **connection,
        "ConnectionProperties": properties,
        "CreationTime": datetime.fromtimestamp(connection["CreationTime"], UTC),
        "LastUpdatedTime": datetime.fromtimestamp(connection["LastUpdatedTime"], UTC),
        "Status": "READY",
        "ConnectionSchemaVersion": 1,
    }


def _arn(name: str) -> str:
    return arn("connection", name)
