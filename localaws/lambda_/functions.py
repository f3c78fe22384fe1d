"""The API's operations on functions and their versions."""

from __future__ import annotations

import contextlib
import copy
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.lambda_ import settings
from localaws.lambda_.content import UNZIPPED_LIMIT, Content, ContentStore
from localaws.lambda_.layers import layer_version
from localaws.lambda_.paging import page
from localaws.lambda_.pool import Pool
from localaws.lambda_.registry import LATEST, Registry, conflict, function_arn, invalid, not_found
from localaws.lambda_.upload import upload

_INTERNAL = ("Digest", "LayerDigests", "Unzipped", "LayersUnzipped", "PublishedFrom")


class FunctionApi:
    """CreateFunction and what follows from it."""

    def __init__(self, world: World, registry: Registry, content: ContentStore, pool: Pool) -> None:
        self._world = world
        self._registry = registry
        self._content = content
        self._pool = pool
        self.operations: dict[str, Handler] = {
            "CreateFunction": self.create,
            "GetFunction": self.get,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list_functions,
            "UpdateFunctionCode": self.update_code,
            "UpdateFunctionConfiguration": self.update_configuration,
            "DeleteFunction": self.delete,
            "PublishVersion": self.publish,
            "ListVersionsByFunction": self.list_versions,
        }

    def create(self, call: Call) -> Mapping[str, Any]:
        """CreateFunction."""
        name, _ = settings.function_name(call.params["FunctionName"])
        configuration = settings.new_settings(call.params)
        if self._registry.has_function(name):
            raise conflict(f"Function already exist: {name}")
        content = upload(self._world, self._content, call.params.get("Code", {}), "CreateFunction")
        configuration |= {"FunctionName": name, "Version": LATEST, "FunctionArn": function_arn(name, LATEST)}
        logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
        configuration["LoggingConfig"] = logging | configuration.get("LoggingConfig", {})
        _set_code(configuration, content)
        self._set_layers(configuration, call.params.get("Layers", []))
        document: dict[str, Any] = {
            "name": name,
            "latest": _revised(configuration),
            "versions": {},
            "last": 0,
            "aliases": {},
            "policies": {},
            "event_configs": {},
            "concurrency": None,
            "tags": dict(call.params.get("Tags", {})),
        }
        created = _publish(document, "") if call.params.get("Publish") else document["latest"]
        self._registry.add_function(name, document)
        return _answer(created, name)

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetFunction. The code's location is the package in a file."""
        name, configuration = self._find(call)
        document = self._registry.function(name)
        location = self._content.package(configuration["Digest"]).as_uri()
        answer: dict[str, Any] = {
            "Configuration": _answer(configuration, name, call.params.get("Qualifier")),
            "Code": {"RepositoryType": "S3", "Location": location},
            "Tags": document["tags"],
        }
        if document["concurrency"] is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": document["concurrency"]}
        return answer

    def get_configuration(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionConfiguration."""
        name, configuration = self._find(call)
        return _answer(configuration, name, call.params.get("Qualifier"))

    def list_functions(self, call: Call) -> Mapping[str, Any]:
        """ListFunctions: the latest, or all versions."""
        found: list[dict[str, Any]] = []
        for document in self._registry.functions():
            everything = call.params.get("FunctionVersion") == "ALL"
            found.append(_answer(document["latest"], document["name"], LATEST if everything else None))
            if everything:
                found += [_answer(version, document["name"]) for version in document["versions"].values()]
        return page("Functions", found, call.params)

    def list_versions(self, call: Call) -> Mapping[str, Any]:
        """ListVersionsByFunction, $LATEST first."""
        name, _ = settings.function_name(call.params["FunctionName"])
        document = self._registry.function(name)
        found = [_answer(document["latest"], name, LATEST)]
        found += [_answer(version, name) for version in document["versions"].values()]
        return page("Versions", found, call.params)

    def update_code(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionCode."""
        name, _ = settings.function_name(call.params["FunctionName"])
        before = self._registry.function(name)["latest"]
        content = upload(self._world, self._content, call.params, "UpdateFunctionCode")
        if call.params.get("DryRun"):
            changed = copy.deepcopy(before)
            _set_code(changed, content)
            return _answer(changed, name)
        with self._replacing_latest(name, call) as (document, latest):
            _set_code(latest, content)
            if call.params.get("Architectures"):
                latest["Architectures"] = call.params["Architectures"]
        if not call.params.get("Publish"):
            return _answer(document["latest"], name)
        with self._registry.changing(name) as document:
            return _answer(_publish(document, ""), name)

    def update_configuration(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionConfiguration: what is not given stays."""
        name, _ = settings.function_name(call.params["FunctionName"])
        given = settings.changed_settings(call.params)
        with self._replacing_latest(name, call) as (document, latest):
            logging = latest["LoggingConfig"] | given.pop("LoggingConfig", {})
            latest |= {**given, "LoggingConfig": logging}
            if "Layers" in call.params:
                self._set_layers(latest, call.params["Layers"])
        return _answer(document["latest"], name)

    def delete(self, call: Call) -> None:
        """DeleteFunction: the whole, or one version that no alias uses."""
        name, in_name = settings.function_name(call.params["FunctionName"])
        version = call.params.get("Qualifier") or in_name
        if version is None:
            document = self._registry.delete_function(name)
            gone = [document["latest"], *document["versions"].values()]
        else:
            with self._registry.changing(name) as document:
                gone = [_delete_version(document, version)]
        for configuration in gone:
            self._pool.retire(configuration["RevisionId"])

    def publish(self, call: Call) -> Mapping[str, Any]:
        """PublishVersion: the latest's copy under the next number, or the last number's if nothing changed since."""
        name, _ = settings.function_name(call.params["FunctionName"])
        with self._registry.changing(name) as document:
            _check_revision(document, call)
            expected = call.params.get("CodeSha256")
            if expected and expected != document["latest"]["CodeSha256"]:
                raise invalid(
                    f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST "
                    f"({document['latest']['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
                )
            return _answer(_publish(document, call.params.get("Description", "")), name)

    def _find(self, call: Call) -> tuple[str, dict[str, Any]]:
        name, in_name = settings.function_name(call.params["FunctionName"])
        return name, self._registry.configuration(name, call.params.get("Qualifier") or in_name)

    @contextlib.contextmanager
    def _replacing_latest(self, name: str, call: Call) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The document and $LATEST's configuration to change; what runs the old one ends when it is idle."""
        with self._registry.changing(name) as document:
            _check_revision(document, call)
            old = document["latest"]["RevisionId"]
            yield document, document["latest"]
            document["latest"] = _revised(document["latest"])
        self._pool.retire(old)

    def _set_layers(self, configuration: dict[str, Any], arns: list[str]) -> None:
        if len(arns) > 5:
            raise invalid("Layers consists of too many layers. Maximum is 5.")
        found = [layer_version(self._registry, arn) for arn in arns]
        if len({version["LayerArn"] for version in found}) < len(found):
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function."
            )
        configuration["Layers"] = [{"Arn": v["LayerVersionArn"], "CodeSize": v["CodeSize"]} for v in found]
        configuration["LayerDigests"] = [version["Digest"] for version in found]
        configuration["LayersUnzipped"] = sum(version["Unzipped"] for version in found)
        _check_total(configuration)


def _answer(configuration: Mapping[str, Any], name: str, qualifier: str | None = None) -> dict[str, Any]:
    """A configuration in the API's shape. $LATEST has the plain ARN unless it was asked for by name."""
    answer = {key: value for key, value in configuration.items() if key not in _INTERNAL}
    if answer["Version"] == LATEST or qualifier:
        answer["FunctionArn"] = function_arn(name, qualifier)
    return {**answer, "State": "Active", "LastUpdateStatus": "Successful"}


def _publish(document: dict[str, Any], description: str) -> dict[str, Any]:
    previous: dict[str, Any] | None = document["versions"].get(str(document["last"]))
    if previous is not None and previous["PublishedFrom"] == document["latest"]["RevisionId"]:
        return previous
    document["last"] += 1
    number = str(document["last"])
    version: dict[str, Any] = copy.deepcopy(document["latest"])
    version |= {"Version": number, "FunctionArn": function_arn(document["name"], number)}
    version |= {"PublishedFrom": version["RevisionId"], "RevisionId": str(uuid.uuid4())}
    if description:
        version["Description"] = description
    document["versions"][number] = version
    return version


def _delete_version(document: dict[str, Any], version: str) -> dict[str, Any]:
    if version == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    found: dict[str, Any] | None = document["versions"].pop(version, None)
    if found is None:
        raise not_found("Function", function_arn(document["name"], version))
    if any(alias["FunctionVersion"] == version for alias in document["aliases"].values()):
        raise conflict(f"Version {version} of {document['name']} is used by an alias: point that elsewhere first")
    return found


def _check_revision(document: Mapping[str, Any], call: Call) -> None:
    given = call.params.get("RevisionId")
    if given and given != document["latest"]["RevisionId"]:
        raise AwsError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            412,
        )


def _set_code(configuration: dict[str, Any], content: Content) -> None:
    configuration |= {"CodeSize": content.size, "CodeSha256": content.sha256, "Digest": content.digest}
    configuration["Unzipped"] = content.unzipped
    _check_total(configuration)


def _revised(configuration: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    return {**configuration, "RevisionId": str(uuid.uuid4()), "LastModified": now}


def _check_total(configuration: Mapping[str, Any]) -> None:
    total = configuration.get("Unzipped", 0) + configuration.get("LayersUnzipped", 0)
    if total > UNZIPPED_LIMIT:
        raise invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_LIMIT} bytes. "
            f"The actual size is {total} bytes."
        )
