"""A secret's versions and their staging labels.

A version: ``value`` (``SecretString``, or ``SecretBinary`` in Base64), ``kms_key``, ``stages``, and the times
``created`` and ``accessed``. A label is at one version at most; a version without labels is deprecated.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

from localaws.secretsmanager.errors import (
    check_length,
    exists,
    invalid_parameter,
    invalid_request,
    limit_exceeded,
    not_found,
)

Json = dict[str, Any]

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
_MAX_BYTES = 65_536
_MAX_STAGES = 20
_MAX_VERSIONS = 100
_DAY = 24 * 60 * 60


def value_of(params: Mapping[str, Any]) -> Json | None:
    """The value that a call gives, or None."""
    text, binary = params.get("SecretString"), params.get("SecretBinary")
    if text is not None and binary is not None:
        raise invalid_parameter(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    if text is not None:
        check_length("secretString", len(text.encode()), _MAX_BYTES)
        return {"SecretString": text}
    if binary is not None:
        check_length("secretBinary", len(binary), _MAX_BYTES)
        return {"SecretBinary": base64.b64encode(binary).decode()}
    return None


def token_of(params: Mapping[str, Any]) -> str:
    """The ClientRequestToken, which becomes the version's id."""
    token = params.get("ClientRequestToken")
    if not token:
        raise invalid_request("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
    if not 32 <= len(token) <= 64:
        raise invalid_parameter("ClientRequestToken must be 32-64 characters long.")
    return str(token)


def add(secret: Json, token: str, value: Json, stages: Sequence[str] = (CURRENT,)) -> None:
    """Give the secret a version with these labels; where the same call was made before, nothing changes."""
    versions = secret["versions"]
    known = versions.get(token)
    if known is not None:
        if known["value"] != value:
            raise exists(
                f"You can't use ClientRequestToken {token} because that value is already in use for a version of "
                f"secret {secret['arn']}."
            )
        return
    for stage in stages:
        check_length("versionStages", len(stage), 256)
    wanted = dict.fromkeys(stages if versions else [*stages, CURRENT])
    if len(versions) >= _MAX_VERSIONS:
        _drop_deprecated(versions)
    now = time.time()
    versions[token] = {"value": value, "kms_key": secret["kms_key"], "stages": [], "created": now, "accessed": None}
    for stage in wanted:
        attach(secret, stage, token)
    secret["changed"] = now


def attach(secret: Json, stage: str, version_id: str) -> None:
    """Move a label to a version, from whichever has it. What was current becomes the previous one."""
    holder = holder_of(secret, stage)
    if holder == version_id:
        return
    stages = secret["versions"][version_id]["stages"]
    if len(stages) >= _MAX_STAGES:
        raise limit_exceeded(f"Version {version_id} has {_MAX_STAGES} staging labels, and may have no more.")
    detach(secret, stage)
    stages.append(stage)
    if stage == CURRENT:
        detach(secret, PREVIOUS)
        if holder is not None:
            secret["versions"][holder]["stages"].append(PREVIOUS)


def detach(secret: Json, stage: str) -> None:
    """Take a label from the version that has it, if one has."""
    holder = holder_of(secret, stage)
    if holder is not None:
        secret["versions"][holder]["stages"].remove(stage)


def holder_of(secret: Json, stage: str) -> str | None:
    """The id of the version that has a label."""
    return next((name for name, version in secret["versions"].items() if stage in version["stages"]), None)


def move(secret: Json, stage: str, source: str | None, target: str | None) -> None:
    """What UpdateSecretVersionStage does."""
    holder = holder_of(secret, stage)
    for version_id in (source, target):
        if version_id is not None and version_id not in secret["versions"]:
            raise not_found(f"secret value for VersionId: {version_id}")
    if target is None:
        if source is None:
            raise invalid_parameter("You must specify RemoveFromVersionId, MoveToVersionId or both.")
        if holder != source:
            raise invalid_parameter(f"Staging label {stage} is not attached to version {source}.")
        if stage == CURRENT:
            raise invalid_parameter(
                f"You can only move staging label {CURRENT} to a different secret version. "
                "It can’t be completely removed."  # noqa: RUF001 - AWS's words
            )
        detach(secret, stage)
    else:
        if holder is not None and source is None and holder != target:
            raise invalid_parameter(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to "
                f"version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if source is not None and source != holder:
            raise invalid_parameter(
                f"When you move staging label {stage}, RemoveFromVersionId must be the version that has it now."
            )
        attach(secret, stage, target)
    secret["changed"] = time.time()


def pick(secret: Json, version_id: str | None, stage: str | None) -> str:
    """The id of the version that GetSecretValue is asked for; without either, the current one."""
    if version_id is None:
        wanted = stage or CURRENT
        found = holder_of(secret, wanted)
        if found is None:
            raise not_found(f"secret value for staging label: {wanted}")
        return found
    version = secret["versions"].get(version_id)
    if version is None:
        raise not_found(f"secret value for VersionId: {version_id}")
    if stage is not None and stage not in version["stages"]:
        raise invalid_request("You provided a VersionStage that is not associated to the provided VersionId.")
    return version_id


def stages_by_version(secret: Json) -> dict[str, list[str]]:
    """The labels of the versions that have some."""
    return {name: sorted(version["stages"]) for name, version in secret["versions"].items() if version["stages"]}


def _drop_deprecated(versions: dict[str, Json]) -> None:
    """Make room for one more: the oldest version without labels goes, if it is older than a day."""
    old = (
        name for name, version in versions.items() if not version["stages"] and version["created"] < time.time() - _DAY
    )
    gone = next(old, None)
    if gone is None:
        raise limit_exceeded(
            f"The secret has {_MAX_VERSIONS} versions: none can be removed that has no staging labels and is a day old."
        )
    del versions[gone]
