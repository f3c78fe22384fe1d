"""RDS: database instances of MySQL and MariaDB, each a real MariaDB server on a port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from localaws.core import AwsError, Call, Handler, NotSupported, World
from localaws.documents import Documents
from localaws.rds import instance
from localaws.rds.mariadb import MariaDb, server_program, server_version

Json = dict[str, Any]

_FILTERS = {
    "db-instance-id": lambda document: {document["name"], instance.arn(document)},
    "dbi-resource-id": lambda document: {document["resource"]},
    "engine": lambda document: {document["engine"]},
}

log = logging.getLogger(__name__)


class RdsEngine:
    """Instances, kept in ``world.data/rds``; those that ran when the server ended come up again with it."""

    service = "rds"

    def __init__(self, world: World) -> None:
        self._secrets = world.engines["secretsmanager"]
        self._root = world.data / "rds"
        self._documents = Documents(self._root / "instances")
        self._servers: dict[str, MariaDb] = {}
        self._lock = threading.RLock()
        self._work = ThreadPoolExecutor(1, thread_name_prefix="rds")  # one thing after the other
        self._closed = False
        self.operations: Mapping[str, Handler] = {
            "CreateDBInstance": self._create,
            "DescribeDBInstances": self._describe,
            "ModifyDBInstance": self._modify,
            "StartDBInstance": self._start,
            "StopDBInstance": self._stop,
            "RebootDBInstance": self._reboot,
            "DeleteDBInstance": self._delete,
            "AddTagsToResource": self._add_tags,
            "RemoveTagsFromResource": self._remove_tags,
            "ListTagsForResource": self._list_tags,
        }
        for document in self._documents.all():
            self._resume(document)

    def close(self) -> None:
        """Shut every server down cleanly. Again: nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._work.shutdown(wait=True, cancel_futures=True)
        for server in self._servers.values():
            server.stop()

    def _resume(self, document: Json) -> None:
        """Bring an instance into the state that it was in, or was coming to."""
        status, name = document["status"], document["name"]
        if status == "creating":
            self._set(name, status="failed")
        elif status == "deleting":
            self._later(name, lambda: self._remove(name))
        elif status in ("stopping", "stopped"):
            self._set(name, status="stopped")
        elif status != "failed":
            # What was cut off may have reached the server or the secret alone: a password made anew reaches both.
            password = instance.new_password() if document["managed"] and status != "available" else None
            self._set(name, status="starting")
            self._later(name, lambda: self._run(name, password))

    def _create(self, call: Call) -> Json:
        with self._lock:
            document = instance.create(call.params, server_version(server_program()))
            name = document["name"]
            if self._documents.get(name):
                raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
            self._documents.save(name, document)
        password = call.params.get("MasterUserPassword") or instance.new_password()

        def make() -> None:
            self._server(name).install()
            self._run(name, password)

        self._later(name, make)
        return {"DBInstance": self._shown(name)}

    def _describe(self, call: Call) -> Json:
        if call.params.get("DBInstanceIdentifier"):
            found = [self._get(instance.identifier(call.params).rpartition(":")[2])]
        else:
            found = self._documents.all()
        for condition in call.params.get("Filters") or ():
            values_of = _FILTERS.get(condition["Name"])
            if values_of is None:
                raise instance.invalid(
                    f"Unrecognized filter name: {condition['Name']}; known are {', '.join(_FILTERS)}"
                )
            found = [document for document in found if values_of(document) & set(condition["Values"])]
        return {"DBInstances": [self._shown(document["name"]) for document in found]}

    def _modify(self, call: Call) -> Json:
        name = instance.identifier(call.params)
        password = call.params.get("MasterUserPassword")
        with self._lock:
            document = instance.modified(self._get(name), call.params)
            if "ManageMasterUserPassword" in call.params:
                document["managed"] = bool(call.params["ManageMasterUserPassword"])
            if call.params.get("RotateMasterUserPassword") and not document["managed"]:
                raise instance.invalid("RotateMasterUserPassword needs a password that RDS manages.")
            if password and document["managed"]:
                raise instance.invalid("The password is managed: MasterUserPassword cannot be given.")
            rotate = call.params.get("RotateMasterUserPassword") or call.params.get("ManageMasterUserPassword")
            if rotate or password:
                self._expect(document, "available")
                document["status"] = "modifying"
                new = password or instance.new_password()
                self._later(name, lambda: self._restart(name, new))
            self._documents.save(name, document)
        return {"DBInstance": self._shown(name)}

    def _start(self, call: Call) -> Json:
        return self._change(call, "stopped", "starting", self._run)

    def _reboot(self, call: Call) -> Json:
        if call.params.get("ForceFailover"):
            raise NotSupported("ForceFailover is refused: there is one server, without a standby.")
        return self._change(call, "available", "rebooting", self._restart)

    def _stop(self, call: Call) -> Json:
        if call.params.get("DBSnapshotIdentifier"):
            raise NotSupported("DBSnapshotIdentifier is refused: there are no snapshots.")

        def stop(name: str) -> None:
            self._server(name).stop()
            self._set(name, status="stopped")

        return self._change(call, "available", "stopping", stop)

    def _delete(self, call: Call) -> Json:
        if not call.params.get("SkipFinalSnapshot"):
            raise NotSupported("A final snapshot is refused: there are no snapshots. Give SkipFinalSnapshot=True.")
        document = self._get(instance.identifier(call.params))
        if document["kept"]["DeletionProtection"]:
            message = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise AwsError("InvalidParameterCombination", message)
        return self._change(call, None, "deleting", self._remove)

    def _add_tags(self, call: Call) -> Json:
        document = self._by_arn(call)
        new = {tag["Key"]: tag.get("Value", "") for tag in call.params["Tags"]}
        self._set(document["name"], tags={**document["tags"], **new})
        return {}

    def _remove_tags(self, call: Call) -> Json:
        document = self._by_arn(call)
        gone = set(call.params["TagKeys"])
        self._set(document["name"], tags={key: value for key, value in document["tags"].items() if key not in gone})
        return {}

    def _list_tags(self, call: Call) -> Json:
        return {"TagList": [{"Key": key, "Value": value} for key, value in self._by_arn(call)["tags"].items()]}

    def _change(self, call: Call, needed: str | None, meanwhile: str, work: Callable[[str], None]) -> Json:
        """Say what the instance is doing, and do it in the background."""
        name = instance.identifier(call.params)
        with self._lock:
            document = self._get(name)
            if needed:
                self._expect(document, needed)
            elif document["status"] == meanwhile:
                raise AwsError("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
            self._set(name, status=meanwhile)
            self._later(name, lambda: work(name))
        return {"DBInstance": self._shown(name)}

    def _run(self, name: str, password: str | None = None) -> None:
        """Start the server. With a password, that is the master user's from now on.

        A managed one is made anew where somebody deleted its secret.
        """
        document = self._get(name)
        if document["managed"] and not password and self._secret_arn(document) is None:
            password = instance.new_password()
        first = instance.first_statements(document, password) if password else ()
        port = self._server(name).start(document["port"], first)
        if document["managed"] and password:
            self._keep_secret(document, password)
        self._set(name, port=port, status="available")

    def _restart(self, name: str, password: str | None = None) -> None:
        self._server(name).stop()
        self._run(name, password)

    def _remove(self, name: str) -> None:
        self._secret("DeleteSecret", SecretId=_secret_name(self._get(name)), ForceDeleteWithoutRecovery=True)
        self._server(name).delete()
        with self._lock:
            self._servers.pop(name, None)
            self._documents.delete(name)

    def _keep_secret(self, document: Json, password: str) -> None:
        content = json.dumps({"username": document["user"], "password": password})
        value = {"SecretString": content, "ClientRequestToken": str(uuid.uuid4())}
        if self._secret_arn(document) is None:
            description = f"Master user of {document['name']}"
            self._secret("CreateSecret", Name=_secret_name(document), Description=description, **value)
        else:
            self._secret("PutSecretValue", SecretId=_secret_name(document), **value)

    def _secret_arn(self, document: Json) -> str | None:
        """The ARN of the secret with the managed password, or None where there is none."""
        if document["managed"]:
            with contextlib.suppress(AwsError):
                return str(self._secret("DescribeSecret", SecretId=_secret_name(document))["ARN"])
        return None

    def _secret(self, operation: str, **params: Any) -> Mapping[str, Any]:
        return self._secrets.operations[operation](Call(self._secrets.service, operation, params)) or {}

    def _later(self, name: str, work: Callable[[], None]) -> None:
        """Do it in the background; where it fails the instance has failed, and the log says why."""

        def done(future: Future[None]) -> None:
            if not future.cancelled() and (error := future.exception()):
                log.error("the instance %s failed: %s", name, error)
                if self._documents.get(name):
                    self._set(name, status="failed")

        self._work.submit(work).add_done_callback(done)

    def _server(self, name: str) -> MariaDb:
        with self._lock:
            return self._servers.setdefault(name, MariaDb(self._root / "data" / name))

    def _shown(self, name: str) -> Json:
        document = self._get(name)
        return instance.describe(document, self._secret_arn(document))

    def _set(self, name: str, **changes: Any) -> None:
        with self._lock:
            self._documents.save(name, {**self._get(name), **changes})

    def _get(self, name: str) -> Json:
        document = self._documents.get(name)
        if document is None:
            raise AwsError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return document

    def _by_arn(self, call: Call) -> Json:
        return self._get(str(call.params["ResourceName"]).rpartition(":")[2].lower())

    def _expect(self, document: Json, status: str) -> None:
        if document["status"] != status:
            message = f"Instance {document['name']} is not in {status} state; it is {document['status']}."
            raise AwsError("InvalidDBInstanceState", message)


def _secret_name(document: Json) -> str:
    return f"rds!{document['resource']}"
