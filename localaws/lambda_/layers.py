"""The API's operations on layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.lambda_.content import ContentStore
from localaws.lambda_.paging import page
from localaws.lambda_.registry import Registry, invalid, layer_arn, not_found
from localaws.lambda_.upload import upload

_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:layer:(?P<name>[a-zA-Z0-9-_]+):(?P<version>\d+)")
_NAME = re.compile(r"(?:arn:aws:lambda:[a-z0-9-]+:\d{12}:layer:)?(?P<name>[a-zA-Z0-9-_]{1,140})")


class LayerApi:
    """PublishLayerVersion and what follows from it."""

    def __init__(self, world: World, registry: Registry, content: ContentStore) -> None:
        self._world = world
        self._registry = registry
        self._content = content
        self.operations: dict[str, Handler] = {
            "PublishLayerVersion": self.publish,
            "GetLayerVersion": self.get,
            "GetLayerVersionByArn": self.get_by_arn,
            "ListLayers": self.list_layers,
            "ListLayerVersions": self.list_versions,
            "DeleteLayerVersion": self.delete,
        }

    def publish(self, call: Call) -> Mapping[str, Any]:
        """PublishLayerVersion: always a new version, though equal packages are kept once."""
        name = _layer_name(call.params["LayerName"])
        content = upload(self._world, self._content, call.params["Content"], "PublishLayerVersion")
        with self._registry.changing_layer(name) as layer:
            number = layer["last"] + 1
            layer["last"] = number
            layer["versions"][str(number)] = {
                "Version": number,
                "LayerArn": layer_arn(name),
                "LayerVersionArn": layer_arn(name, number),
                "Description": call.params.get("Description", ""),
                "CreatedDate": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000"),
                "CompatibleRuntimes": list(call.params.get("CompatibleRuntimes", [])),
                "CompatibleArchitectures": list(call.params.get("CompatibleArchitectures", [])),
                "LicenseInfo": call.params.get("LicenseInfo", ""),
                "CodeSize": content.size,
                "CodeSha256": content.sha256,
                "Digest": content.digest,
                "Unzipped": content.unzipped,
            }
        return self._with_content(layer["versions"][str(number)])

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetLayerVersion."""
        arn = layer_arn(_layer_name(call.params["LayerName"]), int(call.params["VersionNumber"]))
        return self._with_content(layer_version(self._registry, arn))

    def get_by_arn(self, call: Call) -> Mapping[str, Any]:
        """GetLayerVersionByArn."""
        return self._with_content(layer_version(self._registry, call.params["Arn"]))

    def list_layers(self, call: Call) -> Mapping[str, Any]:
        """ListLayers: each with its newest version that matches."""
        found = []
        for layer in self._registry.layers():
            versions = _matching(layer, call.params)
            if versions:
                name = layer["name"]
                newest = _summary(versions[0])
                found.append({"LayerName": name, "LayerArn": layer_arn(name), "LatestMatchingVersion": newest})
        return page("Layers", found, call.params)

    def list_versions(self, call: Call) -> Mapping[str, Any]:
        """ListLayerVersions, the newest first."""
        layer = self._registry.layer(_layer_name(call.params["LayerName"]))
        return page("LayerVersions", [_summary(version) for version in _matching(layer, call.params)], call.params)

    def delete(self, call: Call) -> None:
        """DeleteLayerVersion. Functions that use it go on; its number is not given again."""
        name = _layer_name(call.params["LayerName"])
        if self._registry.layer(name)["versions"]:
            with self._registry.changing_layer(name) as layer:
                layer["versions"].pop(str(call.params["VersionNumber"]), None)

    def _with_content(self, version: Mapping[str, Any]) -> dict[str, Any]:
        location = self._content.package(version["Digest"]).as_uri()
        content = {"Location": location, "CodeSha256": version["CodeSha256"], "CodeSize": version["CodeSize"]}
        hidden = ("CodeSize", "CodeSha256", "Digest", "Unzipped")
        return {"Content": content, **{key: value for key, value in version.items() if key not in hidden}}


def layer_version(registry: Registry, arn: str) -> dict[str, Any]:
    """The layer version of this ARN. Raises InvalidParameterValueException or ResourceNotFoundException."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise invalid(
            f"Layer version {arn} is not a layer version's ARN: arn:aws:lambda:<region>:<account>:layer:<name>:<n>"
        )
    found = registry.layer(match["name"])["versions"].get(match["version"])
    if found is None:
        raise not_found("Layer version", arn)
    version: dict[str, Any] = found
    return version


def _layer_name(given: str) -> str:
    match = _NAME.fullmatch(given)
    if match is None:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{given}' at 'layerName' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: {_NAME.pattern}",
        )
    return match["name"]


def _matching(layer: Mapping[str, Any], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    newest_first = sorted(layer["versions"].values(), key=lambda version: -version["Version"])
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    return [
        version
        for version in newest_first
        if (not runtime or runtime in version["CompatibleRuntimes"])
        and (not architecture or architecture in version["CompatibleArchitectures"])
    ]


def _summary(version: Mapping[str, Any]) -> dict[str, Any]:
    names = ("LayerVersionArn", "Version", "Description", "CreatedDate", "CompatibleRuntimes", "LicenseInfo")
    return {name: version[name] for name in (*names, "CompatibleArchitectures")}
