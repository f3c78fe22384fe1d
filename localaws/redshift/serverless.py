"""Redshift Serverless: namespaces, which hold the data, and workgroups, by which it is reached."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, NotSupported, World
from localaws.documents import Documents
from localaws.redshift.database import Database

Json = dict[str, Any]

_NAME = re.compile(r"[a-z0-9-]{3,64}")
_DATABASE = re.compile(r"[a-zA-Z][a-zA-Z_0-9+.@-]{0,126}")
_PAGE = 100
_KEPT_NAMESPACE = ("adminUsername", "dbName", "defaultIamRoleArn", "iamRoles", "kmsKeyId", "logExports")
_KEPT_WORKGROUP = (
    "baseCapacity",
    "configParameters",
    "enhancedVpcRouting",
    "maxCapacity",
    "port",
    "publiclyAccessible",
    "securityGroupIds",
    "subnetIds",
    "trackName",
)


def _arn(kind: str, identifier: str) -> str:
    return f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT_ID}:{kind}/{identifier}"


def _missing(kind: str, name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The {kind} {name} doesn't exist.")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


class RedshiftServerlessEngine:
    """Namespaces, workgroups, usage limits and tags; a namespace's data is a database file of its own."""

    service = "redshift-serverless"

    def __init__(self, world: World) -> None:
        self._folder = world.data / "redshift"
        self._namespaces = Documents(self._folder / "namespaces")
        self._workgroups = Documents(self._folder / "workgroups")
        self._limits = Documents(self._folder / "limits")
        self._lock = threading.RLock()
        self._databases: dict[str, Database] = {}
        self.operations: Mapping[str, Handler] = {
            "CreateNamespace": self._create_namespace,
            "GetNamespace": lambda call: {"namespace": _shown(self._namespace(call))},
            "ListNamespaces": lambda call: _paged("namespaces", map(_shown, self._namespaces.all()), call),
            "UpdateNamespace": self._update_namespace,
            "DeleteNamespace": self._delete_namespace,
            "CreateWorkgroup": self._create_workgroup,
            "GetWorkgroup": lambda call: {"workgroup": _shown(self._workgroup(call))},
            "ListWorkgroups": lambda call: _paged("workgroups", map(_shown, self._workgroups.all()), call),
            "UpdateWorkgroup": self._update_workgroup,
            "DeleteWorkgroup": self._delete_workgroup,
            "CreateUsageLimit": self._create_limit,
            "GetUsageLimit": lambda call: {"usageLimit": self._limit(call)},
            "ListUsageLimits": self._list_limits,
            "UpdateUsageLimit": self._update_limit,
            "DeleteUsageLimit": self._delete_limit,
            "GetCredentials": self._credentials,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def database(self, workgroup: str) -> tuple[Json, Database]:
        """The namespace behind a workgroup, and its database. Raises AwsError if there is no such workgroup."""
        with self._lock:
            found = self._workgroups.get(workgroup)
            if found is None:
                raise _invalid("Redshift endpoint doesn't exist in this region.")
            name = found["namespaceName"]
            namespace = self._namespaces.get(name)
            assert namespace is not None
            if name not in self._databases:
                self._databases[name] = Database(self._folder / "data" / namespace["namespaceId"])
            return namespace, self._databases[name]

    def workgroup_arn(self, workgroup: str) -> str:
        """A workgroup's ARN."""
        found = self._workgroups.get(workgroup)
        return str(found["workgroupArn"]) if found else ""

    def close(self) -> None:
        """Close the databases."""
        with self._lock:
            for database in self._databases.values():
                database.close()
            self._databases.clear()

    # Namespaces

    def _namespace(self, call: Call) -> Json:
        found = self._namespaces.get(call.params["namespaceName"])
        if found is None:
            raise _missing("namespace", call.params["namespaceName"])
        return found

    def _create_namespace(self, call: Call) -> Json:
        given = call.params
        name = given["namespaceName"]
        if not _NAME.fullmatch(name):
            raise _invalid(f"The namespace name {name!r} must have 3 to 64 lower case letters, digits and hyphens.")
        if not _DATABASE.fullmatch(given.get("dbName") or "dev"):
            raise _invalid(f"The database name {given['dbName']!r} is not valid.")
        if given.get("manageAdminPassword"):
            raise NotSupported("manageAdminPassword is refused: nothing is authenticated here.")
        with self._lock:
            if self._namespaces.get(name) is not None:
                raise AwsError("ConflictException", f"The namespace {name} already exists.")
            identifier = str(uuid.uuid4())
            document = {
                "namespaceName": name,
                "namespaceId": identifier,
                "namespaceArn": _arn("namespace", identifier),
                "dbName": "dev",
                "adminUsername": "admin",
                "iamRoles": [],
                "logExports": [],
                "kmsKeyId": "AWS_OWNED_KMS_KEY",
                **{key: given[key] for key in _KEPT_NAMESPACE if given.get(key) is not None},
                "status": "AVAILABLE",
                "creationDate": _now(),
                "tags": _tags({}, given.get("tags") or ()),
            }
            self._namespaces.save(name, document)
        return {"namespace": _shown(document)}

    def _update_namespace(self, call: Call) -> Json:
        with self._lock:
            old = self._namespace(call)
            kept = [key for key in _KEPT_NAMESPACE if key != "dbName"]
            document = {**old, **{key: call.params[key] for key in kept if call.params.get(key) is not None}}
            self._namespaces.save(old["namespaceName"], document)
        return {"namespace": _shown(document)}

    def _delete_namespace(self, call: Call) -> Json:
        with self._lock:
            document = self._namespace(call)
            name = document["namespaceName"]
            if call.params.get("finalSnapshotName"):
                raise NotSupported("finalSnapshotName is refused: the embedded AWS makes no snapshots of namespaces.")
            if any(one["namespaceName"] == name for one in self._workgroups.all()):
                message = f"There is an existing workgroup associated with the namespace {name}. Delete it first."
                raise AwsError("ConflictException", message)
            database = self._databases.pop(name, None)
            if database is not None:
                database.close()
            shutil.rmtree(self._folder / "data" / document["namespaceId"], ignore_errors=True)
            self._namespaces.delete(name)
        return {"namespace": _shown({**document, "status": "DELETING"})}

    # Workgroups

    def _workgroup(self, call: Call) -> Json:
        found = self._workgroups.get(call.params["workgroupName"])
        if found is None:
            raise _missing("workgroup", call.params["workgroupName"])
        return found

    def _create_workgroup(self, call: Call) -> Json:
        given = call.params
        name = given["workgroupName"]
        if not _NAME.fullmatch(name):
            raise _invalid(f"The workgroup name {name!r} must have 3 to 64 lower case letters, digits and hyphens.")
        _check_capacity(given)
        with self._lock:
            if self._workgroups.get(name) is not None:
                raise AwsError("ConflictException", f"The workgroup {name} already exists.")
            namespace = self._namespaces.get(given["namespaceName"])
            if namespace is None:
                raise _missing("namespace", given["namespaceName"])
            if any(one["namespaceName"] == given["namespaceName"] for one in self._workgroups.all()):
                message = f"The namespace {given['namespaceName']} already has a workgroup."
                raise AwsError("ConflictException", message)
            identifier = str(uuid.uuid4())
            document: Json = {
                "workgroupName": name,
                "workgroupId": identifier,
                "workgroupArn": _arn("workgroup", identifier),
                "namespaceName": given["namespaceName"],
                "baseCapacity": 128,
                "configParameters": [],
                "enhancedVpcRouting": False,
                "port": 5439,
                "publiclyAccessible": False,
                "securityGroupIds": [],
                "subnetIds": [],
                **{key: given[key] for key in _KEPT_WORKGROUP if given.get(key) is not None},
                "status": "AVAILABLE",
                "creationDate": _now(),
                "tags": _tags({}, given.get("tags") or ()),
            }
            host = f"{name}.{ACCOUNT_ID}.{REGION}.redshift-serverless.amazonaws.com"
            document["endpoint"] = {"address": host, "port": document["port"], "vpcEndpoints": []}
            self._workgroups.save(name, document)
        return {"workgroup": _shown(document)}

    def _update_workgroup(self, call: Call) -> Json:
        _check_capacity(call.params)
        with self._lock:
            old = self._workgroup(call)
            document = {**old, **{key: call.params[key] for key in _KEPT_WORKGROUP if call.params.get(key) is not None}}
            self._workgroups.save(old["workgroupName"], document)
        return {"workgroup": _shown(document)}

    def _delete_workgroup(self, call: Call) -> Json:
        with self._lock:
            document = self._workgroup(call)
            self._workgroups.delete(document["workgroupName"])
            for limit in self._limits.all():
                if limit["resourceArn"] == document["workgroupArn"]:
                    self._limits.delete(limit["usageLimitId"])
        return {"workgroup": _shown({**document, "status": "DELETING"})}

    # Usage limits

    def _limit(self, call: Call) -> Json:
        found = self._limits.get(call.params["usageLimitId"])
        if found is None:
            raise _missing("usage limit", call.params["usageLimitId"])
        return found

    def _create_limit(self, call: Call) -> Json:
        given = call.params
        with self._lock:
            if all(one["workgroupArn"] != given["resourceArn"] for one in self._workgroups.all()):
                raise _missing("workgroup", given["resourceArn"])
            identifier = str(uuid.uuid4())
            kept = ("amount", "breachAction", "period", "resourceArn", "usageType")
            document = {
                "breachAction": "log",
                "period": "monthly",
                **{key: given[key] for key in kept if given.get(key) is not None},
                "usageLimitId": identifier,
                "usageLimitArn": _arn("usagelimit", identifier),
            }
            if document["amount"] < 1:
                raise _invalid("amount must be at least 1.")
            self._limits.save(identifier, document)
        return {"usageLimit": document}

    def _list_limits(self, call: Call) -> Json:
        wanted = {key: call.params[key] for key in ("resourceArn", "usageType") if call.params.get(key)}
        found = [one for one in self._limits.all() if wanted.items() <= one.items()]
        return _paged("usageLimits", found, call)

    def _update_limit(self, call: Call) -> Json:
        with self._lock:
            kept = {key: call.params[key] for key in ("amount", "breachAction") if call.params.get(key) is not None}
            document = {**self._limit(call), **kept}
            self._limits.save(document["usageLimitId"], document)
        return {"usageLimit": document}

    def _delete_limit(self, call: Call) -> Json:
        with self._lock:
            document = self._limit(call)
            self._limits.delete(document["usageLimitId"])
        return {"usageLimit": document}

    # Credentials and tags

    def _credentials(self, call: Call) -> Json:
        if not call.params.get("workgroupName"):
            raise NotSupported("GetCredentials by a custom domain is refused; give workgroupName.")
        self._workgroup(call)
        seconds = call.params.get("durationSeconds") or 900
        if not 900 <= seconds <= 3600:
            raise _invalid("durationSeconds must be from 900 to 3600.")
        now = datetime.now(UTC)
        return {
            "dbUser": "IAM:local",
            "dbPassword": secrets.token_urlsafe(48),
            "expiration": now + timedelta(seconds=seconds),
            "nextRefreshTime": now + timedelta(seconds=seconds // 2),
        }

    def _tagged(self, arn: str) -> tuple[Documents, str, Json]:
        for documents, kind in ((self._namespaces, "namespace"), (self._workgroups, "workgroup")):
            for one in documents.all():
                if one[f"{kind}Arn"] == arn:
                    return documents, one[f"{kind}Name"], one
        raise _missing("resource", arn)

    def _tag(self, call: Call) -> Json:
        with self._lock:
            documents, name, document = self._tagged(call.params["resourceArn"])
            documents.save(name, {**document, "tags": _tags(document["tags"], call.params["tags"])})
        return {}

    def _untag(self, call: Call) -> Json:
        with self._lock:
            documents, name, document = self._tagged(call.params["resourceArn"])
            kept = {key: value for key, value in document["tags"].items() if key not in call.params["tagKeys"]}
            documents.save(name, {**document, "tags": kept})
        return {}

    def _list_tags(self, call: Call) -> Json:
        _, _, document = self._tagged(call.params["resourceArn"])
        return {"tags": [{"key": key, "value": value} for key, value in sorted(document["tags"].items())]}


def _check_capacity(given: Mapping[str, Any]) -> None:
    base = given.get("baseCapacity")
    if base is not None and (not 4 <= base <= 1024 or base % 4):
        raise _invalid(f"baseCapacity is {base}; it must be a multiple of 4 or 8 RPUs from 4 to 1024.")


def _shown(document: Mapping[str, Any]) -> Json:
    shown = {key: value for key, value in document.items() if key != "tags"}
    return {**shown, "creationDate": datetime.fromtimestamp(document["creationDate"], UTC)}


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _tags(old: Mapping[str, str], given: Any) -> dict[str, str]:
    tags = {**old, **{tag["key"]: tag["value"] for tag in given}}
    if len(tags) > 200:
        raise AwsError("TooManyTagsException", "A resource may have 200 tags.")
    return tags


def _paged(name: str, items: Any, call: Call) -> Json:
    token = call.params.get("nextToken") or "0"
    if not token.isdigit():
        raise AwsError("InvalidPaginationException", "The nextToken is not one that this operation gave.")
    found = list(items)
    start = int(token)
    end = start + (call.params.get("maxResults") or _PAGE)
    return {name: found[start:end], **({"nextToken": str(end)} if end < len(found) else {})}
