"""The Secrets Manager service of the embedded AWS."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.core import Handler, World
from localaws.secretsmanager.passwords import random_password
from localaws.secretsmanager.registry import Registry
from localaws.secretsmanager.secrets_api import SecretApi
from localaws.secretsmanager.values_api import ValueApi


class SecretsManagerEngine:
    """Secrets, their versions and labels, kept in ``world.data/secretsmanager`` for this user alone."""

    service = "secretsmanager"
    refused: Mapping[str, str] = {
        **dict.fromkeys(
            ("RotateSecret", "CancelRotateSecret"),
            "secrets are not rotated here; put a new value by PutSecretValue",
        ),
        **dict.fromkeys(
            ("ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica"),
            "nothing is replicated, there is one copy in one region",
        ),
        "ValidateResourcePolicy": "policies are kept and shown here, but nothing is decided by them",
    }

    def __init__(self, world: World) -> None:
        registry = Registry(world.data / "secretsmanager")
        self.operations: Mapping[str, Handler] = {
            **SecretApi(registry).operations,
            **ValueApi(registry).operations,
            "GetRandomPassword": lambda call: {"RandomPassword": random_password(call.params)},
        }

    def close(self) -> None:
        """Nothing runs: each change is on disk before it is answered."""
