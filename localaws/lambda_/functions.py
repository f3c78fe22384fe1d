"""The API's operations on functions and their versions."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
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
        content = upload(self._world, self._content, call.params.get("Code", {}), "CreateFunction")
        with self._registry.lock:
            if self._registry.has_function(name):
                raise conflict(f"Function already exist: {name}")
            configuration |= {"FunctionName": name, "Version": LATEST, "FunctionArn": function_arn(name, LATEST)}
            logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
            configuration["LoggingConfig"] = logging | configuration.get("LoggingConfig", {})
            self._set_code(configuration, content)
            self._set_layers(configuration, call.params.get("Layers", []))
            document = {
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
            self._registry.save_function(name, document)
            return self._answer(self._publish(name, "") if call.params.get("Publish") else document["latest"], name)

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetFunction. The code's location is the package in a file."""
        name, configuration = self._find(call)
        document = self._registry.function(name)
        location = self._content.package(configuration["Digest"]).as_uri()
        answer: dict[str, Any] = {
            "Configuration": self._answer(configuration, name, call.params.get("Qualifier")),
            "Code": {"RepositoryType": "S3", "Location": location},
            "Tags": document["tags"],
        }
        if document["concurrency"] is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": document["concurrency"]}
        return answer

    def get_configuration(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionConfiguration."""
        name, configuration = self._find(call)
        return self._answer(configuration, name, call.params.get("Qualifier"))

    def list_functions(self, call: Call) -> Mapping[str, Any]:
        """ListFunctions: the latest, or all versions."""
        found: list[dict[str, Any]] = []
        for document in self._registry.functions():
            found.append(self._answer(document["latest"], document["name"], LATEST))
            if call.params.get("FunctionVersion") == "ALL":
                found += [self._answer(version, document["name"]) for version in document["versions"].values()]
        return page("Functions", found, call.params)

    def list_versions(self, call: Call) -> Mapping[str, Any]:
        """ListVersionsByFunction, $LATEST first."""
        name, _ = settings.function_name(call.params["FunctionName"])
        document = self._registry.function(name)
        found = [self._answer(document["latest"], name, LATEST)]
        found += [self._answer(version, name) for version in document["versions"].values()]
        return page("Versions", found, call.params)

    def update_code(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionCode."""
        name, _ = settings.function_name(call.params["FunctionName"])
        self._registry.function(name)
        content = upload(self._world, self._content, call.params, "UpdateFunctionCode")
        with self._registry.lock:
            document = self._registry.function(name)
            self._check_revision(document, call)
            changed = copy.deepcopy(document["latest"])
            self._set_code(changed, content)
            if call.params.get("Architectures"):
                changed["Architectures"] = call.params["Architectures"]
            if call.params.get("DryRun"):
                return self._answer(changed, name)
            self._replace_latest(document, changed)
            return self._answer(self._publish(name, "") if call.params.get("Publish") else document["latest"], name)

    def update_configuration(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionConfiguration: what is not given stays."""
        name, _ = settings.function_name(call.params["FunctionName"])
        with self._registry.lock:
            document = self._registry.function(name)
            self._check_revision(document, call)
            changed = copy.deepcopy(document["latest"])
            given = settings.changed_settings(call.params)
            if "LoggingConfig" in given:
                given["LoggingConfig"] = changed["LoggingConfig"] | given["LoggingConfig"]
            changed |= given
            if "Layers" in call.params:
                self._set_layers(changed, call.params["Layers"])
            self._replace_latest(document, changed)
            return self._answer(document["latest"], name)

    def delete(self, call: Call) -> None:
        """DeleteFunction: the whole, or one version that no alias uses."""
        name, in_name = settings.function_name(call.params["FunctionName"])
        version = call.params.get("Qualifier") or in_name
        with self._registry.lock:
            document = self._registry.function(name)
            if version is None:
                self._registry.delete_function(name)
                gone = [document["latest"], *document["versions"].values()]
            else:
                gone = [self._delete_version(document, version)]
        for configuration in gone:
            self._pool.retire(configuration["RevisionId"])

    def publish(self, call: Call) -> Mapping[str, Any]:
        """PublishVersion: the latest's copy under the next number, or the last number's if nothing changed since."""
        name, _ = settings.function_name(call.params["FunctionName"])
        with self._registry.lock:
            document = self._registry.function(name)
            self._check_revision(document, call)
            expected = call.params.get("CodeSha256")
            if expected and expected != document["latest"]["CodeSha256"]:
                raise invalid(
                    f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST "
                    f"({document['latest']['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
                )
            return self._answer(self._publish(name, call.params.get("Description", "")), name)

    def _find(self, call: Call) -> tuple[str, dict[str, Any]]:
        name, in_name = settings.function_name(call.params["FunctionName"])
        return name, self._registry.configuration(name, call.params.get("Qualifier") or in_name)

    def _publish(self, name: str, description: str) -> dict[str, Any]:
        document = self._registry.function(name)
        previous: dict[str, Any] | None = document["versions"].get(str(document["last"]))
        if previous is not None and previous["PublishedFrom"] == document["latest"]["RevisionId"]:
            return previous
        document["last"] += 1
        number = str(document["last"])
        version = copy.deepcopy(document["latest"]) | {"Version": number, "FunctionArn": function_arn(name, number)}
        version |= {"PublishedFrom": version["RevisionId"], "RevisionId": str(uuid.uuid4())}
        if description:
            version["Description"] = description
        document["versions"][number] = version
        self._registry.save_function(name, document)
        return version

    def _replace_latest(self, document: dict[str, Any], changed: dict[str, Any]) -> None:
        old = document["latest"]["RevisionId"]
        document["latest"] = _revised(changed)
        self._registry.save_function(document["name"], document)
        self._pool.retire(old)

    def _delete_version(self, document: dict[str, Any], version: str) -> dict[str, Any]:
        if version == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        found: dict[str, Any] | None = document["versions"].get(version)
        if found is None:
            raise not_found("Function", function_arn(document["name"], version))
        if any(alias["FunctionVersion"] == version for alias in document["aliases"].values()):
            raise conflict(f"Version {version} of {document['name']} is used by an alias: point that elsewhere first")
        del document["versions"][version]
        self._registry.save_function(document["name"], document)
        return found

    @staticmethod
    def _check_revision(document: Mapping[str, Any], call: Call) -> None:
        given = call.params.get("RevisionId")
        if given and given != document["latest"]["RevisionId"]:
            raise AwsError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
                412,
            )

    @staticmethod
    def _set_code(configuration: dict[str, Any], content: Content) -> None:
        configuration |= {"CodeSize": content.size, "CodeSha256": content.sha256, "Digest": content.digest}
        configuration["Unzipped"] = content.unzipped
        _check_total(configuration)

    def _set_layers(self, configuration: dict[str, Any], arns: list[str]) -> None:
        if len(arns) > 5:
            raise invalid("Layers consists of too many layers. Maximum is 5.")
        found = [layer_version(self._registry, arn) for arn in arns]
        configuration["Layers"] = [
            {"Arn": arn, "CodeSize": version["CodeSize"]} for arn, version in zip(arns, found, strict=True)
        ]
        configuration["LayerDigests"] = [version["Digest"] for version in found]
        configuration["LayersUnzipped"] = sum(version["Unzipped"] for version in found)
        _check_total(configuration)

    def _answer(self, configuration: Mapping[str, Any], name: str, qualifier: str | None = None) -> dict[str, Any]:
        """A configuration in the API's shape. $LATEST has the plain ARN unless it was asked for by name."""
        answer = {key: value for key, value in configuration.items() if key not in _INTERNAL}
        if answer["Version"] == LATEST or qualifier:
            answer["FunctionArn"] = function_arn(name, qualifier)
        answer |= {"State": "Active", "LastUpdateStatus": "Successful"}
        return answer


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
