"""What EventBridge keeps: a document for each bus, with its rules and their targets; a restart finds them."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError
from localaws.documents import Documents

DEFAULT = "default"


class Registry:
    """Buses by name.

    A bus's document: ``name``, ``description``, ``created``, ``changed``, ``policy``, ``tags``, and ``rules`` by name:
    what PutRule was given, ``created``, ``tags``, and ``targets`` by id. A document that was got is not changed.
    """

    def __init__(self, root: Path) -> None:
        self._lock = threading.RLock()
        self._buses = Documents(root)
        self.revision = 0
        if self._buses.get(DEFAULT) is None:
            self._buses.save(DEFAULT, new_bus(DEFAULT))

    def bus(self, name: str | None) -> dict[str, Any]:
        """The bus of a name or ARN, by default the default one. Raises ResourceNotFoundException."""
        plain = bus_name(name)
        found = self._buses.get(plain)
        if found is None:
            raise not_found(f"Event bus {plain} does not exist.")
        return found

    def has_bus(self, name: str) -> bool:
        """Whether there is a bus of this name."""
        return self._buses.get(name) is not None

    def buses(self) -> list[dict[str, Any]]:
        """All buses, by name."""
        return self._buses.all()

    def rule(self, bus: str | None, name: str) -> dict[str, Any]:
        """A rule's document. Raises ResourceNotFoundException."""
        return rule_of(self.bus(bus), name)

    def add(self, document: dict[str, Any]) -> None:
        """Keep a new bus. Raises ResourceAlreadyExistsException."""
        with self._lock:
            if self.has_bus(document["name"]):
                message = f"Event bus {document['name']} already exists."
                raise AwsError("ResourceAlreadyExistsException", message)
            self._buses.save(document["name"], document)
            self.revision += 1

    def delete(self, name: str) -> None:
        """Forget a bus."""
        with self._lock:
            self._buses.delete(name)
            self.revision += 1

    @contextlib.contextmanager
    def changing(self, name: str | None) -> Iterator[dict[str, Any]]:
        """A copy of a bus's document to change, kept at the end unless an error was raised."""
        with self._lock:
            document = copy.deepcopy(self.bus(name))
            yield document
            self._buses.save(document["name"], document)
            self.revision += 1


def new_bus(name: str) -> dict[str, Any]:
    """A bus without rules."""
    now = time.time()
    return {"name": name, "created": now, "changed": now, "policy": None, "tags": {}, "rules": {}}


def rule_of(bus: dict[str, Any], name: str) -> dict[str, Any]:
    """A rule in a bus's document. Raises ResourceNotFoundException."""
    found: dict[str, Any] | None = bus["rules"].get(name)
    if found is None:
        raise not_found(f"Rule {name} does not exist on EventBus {bus['name']}.")
    return found


def bus_name(name: str | None) -> str:
    """The plain name of a bus that is given by name or ARN."""
    return (name or DEFAULT).partition(":event-bus/")[2] or name or DEFAULT


def bus_arn(name: str) -> str:
    """The ARN of a bus."""
    return f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{name}"


def rule_arn(bus: str, name: str) -> str:
    """The ARN of a rule; a rule of the default bus has no bus in it."""
    inside = name if bus == DEFAULT else f"{bus}/{name}"
    return f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{inside}"


def not_found(message: str) -> AwsError:
    """AWS's answer for what does not exist."""
    return AwsError("ResourceNotFoundException", message)


def refused(message: str) -> AwsError:
    """AWS's answer for parameters that it refuses."""
    return AwsError("ValidationException", message)
