"""What is deployed: functions and layers as JSON documents on disk, so that a restart keeps them."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError
from localaws.documents import Documents

LATEST = "$LATEST"


class Registry:
    """Functions and layers by name.

    A function's document: ``latest`` and ``versions`` (FunctionConfiguration by version, in the API's shape, and
    ``Digest`` of the code), ``aliases``, ``policies`` and ``event_configs`` by qualifier, ``concurrency``, ``tags``.
    A layer's document: ``last`` (the highest version ever) and ``versions`` (in the API's shape, and ``Digest``).
    A document that was got is not changed; see ``changing``.
    """

    def __init__(self, root: Path) -> None:
        self._lock = threading.RLock()
        self._functions = Documents(root / "functions")
        self._layers = Documents(root / "layers")

    def function(self, name: str) -> dict[str, Any]:
        """The function's document. Raises ResourceNotFoundException."""
        found = self._functions.get(name)
        if found is None:
            raise not_found("Function", function_arn(name))
        return found

    def has_function(self, name: str) -> bool:
        """Whether there is a function of this name."""
        return self._functions.get(name) is not None

    def functions(self) -> list[dict[str, Any]]:
        """All functions' documents, by name."""
        return self._functions.all()

    @contextlib.contextmanager
    def changing(self, name: str) -> Iterator[dict[str, Any]]:
        """A copy of the function's document to change, kept at the end unless an error was raised."""
        with self._lock:
            document = copy.deepcopy(self.function(name))
            yield document
            self._functions.save(name, document)

    def add_function(self, name: str, document: dict[str, Any]) -> None:
        """Keep a new function. Raises ResourceConflictException where there is one of this name."""
        with self._lock:
            if self.has_function(name):
                raise conflict(f"Function already exist: {name}")
            self._functions.save(name, document)

    def delete_function(self, name: str) -> dict[str, Any]:
        """Forget the function; its last document. Raises ResourceNotFoundException."""
        with self._lock:
            document = self.function(name)
            self._functions.delete(name)
            return document

    def configuration(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """The configuration that a version or alias names (None: $LATEST). Raises ResourceNotFoundException."""
        document = self.function(name)
        version = qualifier or LATEST
        if version in document["aliases"]:
            version = document["aliases"][version]["FunctionVersion"]
        found = document["latest"] if version == LATEST else document["versions"].get(version)
        if found is None:
            raise not_found("Function", function_arn(name, qualifier))
        configuration: dict[str, Any] = found
        return configuration

    def layer(self, name: str) -> dict[str, Any]:
        """The layer's document, an empty one for a new name."""
        return self._layers.get(name) or {"name": name, "last": 0, "versions": {}}

    @contextlib.contextmanager
    def changing_layer(self, name: str) -> Iterator[dict[str, Any]]:
        """A copy of the layer's document to change, kept at the end unless an error was raised."""
        with self._lock:
            document = copy.deepcopy(self.layer(name))
            yield document
            self._layers.save(name, document)

    def layers(self) -> list[dict[str, Any]]:
        """All layers' documents, by name."""
        return self._layers.all()

    def digests(self) -> Iterator[str]:
        """The digests of all packages in use: a deleted layer version counts while a function uses it."""
        for document in self.functions():
            for configuration in (document["latest"], *document["versions"].values()):
                yield configuration["Digest"]
                yield from configuration["LayerDigests"]
        for layer in self.layers():
            yield from (version["Digest"] for version in layer["versions"].values())


def function_arn(name: str, qualifier: str | None = None) -> str:
    """The ARN of a function, or of one of its versions or aliases."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def layer_arn(name: str, version: int | None = None) -> str:
    """The ARN of a layer, or of one of its versions."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:layer:{name}"
    return f"{arn}:{version}" if version else arn


def not_found(kind: str, what: str) -> AwsError:
    """AWS's answer for what does not exist."""
    return AwsError("ResourceNotFoundException", f"{kind} not found: {what}", 404)


def conflict(message: str) -> AwsError:
    """AWS's answer for what exists already or is in use."""
    return AwsError("ResourceConflictException", message, 409)


def invalid(message: str) -> AwsError:
    """AWS's answer for a parameter that it refuses."""
    return AwsError("InvalidParameterValueException", message)
