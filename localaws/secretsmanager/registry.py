"""The secrets that there are: a document each, found by name or ARN, gone when their recovery window is over."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import secrets
import string
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localaws.core import ACCOUNT_ID
from localaws.documents import Documents
from localaws.secretsmanager.errors import invalid_request, not_found

Json = dict[str, Any]

_SUFFIX = 6


class Registry:
    """Secrets by region and name.

    A secret's document: ``name``, ``region``, ``arn``, ``description``, ``kms_key``, ``tags``, ``policy``; the times
    (seconds) ``created``, ``changed``, ``accessed``, ``deleted`` (when that was asked for) and ``gone`` (when it comes
    about); ``versions`` by id (see versions.py). A document that was got is not changed.
    """

    def __init__(self, root: Path) -> None:
        self.lock = threading.RLock()
        self._documents = Documents(root, private=True)

    def find(self, region: str, name: str) -> Json | None:
        """The secret of a name, or None."""
        with self.lock:
            return self._alive(self._documents.get(_key(region, name)))

    def get(self, region: str, secret_id: str) -> Json:
        """The secret of a name, an ARN, or an ARN without its last six characters. Raises ResourceNotFoundException."""
        prefix = _arn_prefix(region)
        found = None
        if not secret_id.startswith("arn:"):
            found = self.find(region, secret_id)
        elif secret_id.startswith(prefix):
            rest = secret_id.removeprefix(prefix)
            whole = self.find(region, rest[: -_SUFFIX - 1])
            found = whole if whole and whole["arn"] == secret_id else self.find(region, rest)
        if found is None:
            raise not_found()
        return found

    def usable(self, region: str, secret_id: str) -> Json:
        """As get, but raises InvalidRequestException for a secret that is to be deleted."""
        found = self.get(region, secret_id)
        if found["deleted"] is not None:
            raise invalid_request("You can't perform this operation on the secret because it was marked for deletion.")
        return found

    @contextlib.contextmanager
    def changing(self, region: str, secret_id: str) -> Iterator[Json]:
        """A copy of a usable secret to change, kept at the end unless an error was raised."""
        with self.lock:
            document = copy.deepcopy(self.usable(region, secret_id))
            yield document
            self.save(document)

    def all(self, region: str) -> list[Json]:
        """All secrets of a region, those to be deleted too, by the time they were made."""
        with self.lock:
            found = [one for one in self._documents.all() if one["region"] == region and self._alive(one)]
        return sorted(found, key=lambda one: (one["created"], one["name"]))

    def save(self, document: Json) -> None:
        """Keep a secret."""
        with self.lock:
            self._documents.save(_key(document["region"], document["name"]), document)

    def delete(self, document: Json) -> None:
        """Forget a secret and all its versions."""
        with self.lock:
            self._documents.delete(_key(document["region"], document["name"]))

    def _alive(self, document: Json | None) -> Json | None:
        """The secret, unless its recovery window is over: then it is deleted."""
        if document is not None and document["gone"] is not None and document["gone"] <= time.time():
            self.delete(document)
            return None
        return document


def new_secret(region: str, name: str) -> Json:
    """A secret without a value, under an ARN that no other secret has had."""
    characters = string.ascii_letters + string.digits
    suffix = "".join(secrets.choice(characters) for _ in range(_SUFFIX))
    now = time.time()
    return {
        "name": name,
        "region": region,
        "arn": f"{_arn_prefix(region)}{name}-{suffix}",
        "description": None,
        "kms_key": None,
        "tags": {},
        "policy": None,
        "created": now,
        "changed": now,
        "accessed": None,
        "deleted": None,
        "gone": None,
        "versions": {},
    }


def _arn_prefix(region: str) -> str:
    return f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:"


def _key(region: str, name: str) -> str:
    """A file's name: a secret's own may be longer than that of a file."""
    return hashlib.sha256(f"{region}:{name}".encode()).hexdigest()
