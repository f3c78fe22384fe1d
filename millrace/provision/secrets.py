"""Secrets, with the values that are generated."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

from millrace.declared import DeclarationError
from millrace.kinds import Secret
from millrace.provision.account import Account
from millrace.provision.account import make as create

_GENERATORS: Mapping[str, Callable[[], str]] = {"hex32": lambda: secrets.token_hex(32)}


def make(account: Account, declared: Sequence[Secret]) -> None:
    """Make the secrets; one that is there keeps its value."""
    for secret in declared:
        value = {}
        if secret.generate is not None:
            if secret.generate not in _GENERATORS:
                known = ", ".join(_GENERATORS)
                raise DeclarationError(f"secret {secret.name}: cannot generate {secret.generate!r}, but {known}")
            value = {"SecretString": _GENERATORS[secret.generate]()}
        create(
            account.client("secretsmanager").create_secret, Name=secret.name, Description=secret.description, **value
        )
