"""The operations on secrets: made, described, listed, deleted, tagged; and their policies."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.secretsmanager import listing, versions
from localaws.secretsmanager.answers import DAY, check_given, identity, moment
from localaws.secretsmanager.errors import (
    check_length,
    exists,
    invalid,
    invalid_parameter,
    invalid_request,
    limit_exceeded,
)
from localaws.secretsmanager.policies import check_policy
from localaws.secretsmanager.registry import Registry, new_secret

Json = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_MAX_TAGS = 50


class SecretApi:
    """Handlers by operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.operations: Mapping[str, Handler] = {
            "CreateSecret": self._create,
            "UpdateSecret": self._update,
            "DescribeSecret": self._describe,
            "ListSecrets": self._list,
            "DeleteSecret": self._delete,
            "RestoreSecret": self._restore,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "PutResourcePolicy": self._put_policy,
            "GetResourcePolicy": self._get_policy,
            "DeleteResourcePolicy": self._delete_policy,
        }

    def _create(self, call: Call) -> Json:
        given = call.params
        check_given(given)
        name, token, value = given["Name"], versions.token_of(given), versions.value_of(given)
        check_length("name", len(name), 512)
        if not _NAME.fullmatch(name):
            raise invalid(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
                "-/_+=.@!"
            )
        with self._registry.lock:
            known = self._registry.find(call.region, name)
            if known is not None:
                return self._created_before(known, token, value)
            secret = new_secret(call.region, name)
            secret |= {"description": given.get("Description") or None, "kms_key": given.get("KmsKeyId") or None}
            secret["tags"] = _tags(given.get("Tags") or ())
            if value is not None:
                versions.add(secret, token, value)
            self._registry.save(secret)
        return {**identity(secret), **({"VersionId": token} if value is not None else {})}

    def _created_before(self, secret: Json, token: str, value: Json | None) -> Json:
        """The answer to a call that is repeated; any other is one too many."""
        if secret["deleted"] is not None:
            raise invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        version = secret["versions"].get(token)
        if version is None or version["value"] != value:
            raise exists(f"The operation failed because the secret {secret['name']} already exists.")
        return {**identity(secret), "VersionId": token}

    def _update(self, call: Call) -> Json:
        given = call.params
        check_given(given)
        token, value = versions.token_of(given), versions.value_of(given)
        with self._registry.changing(call.region, given["SecretId"]) as secret:
            for name, key in (("Description", "description"), ("KmsKeyId", "kms_key")):
                if name in given:
                    secret[key] = given[name] or None
                    secret["changed"] = time.time()
            if value is not None:
                versions.add(secret, token, value)
        return {**identity(secret), **({"VersionId": token} if value is not None else {})}

    def _describe(self, call: Call) -> Json:
        secret = self._registry.get(call.region, call.params["SecretId"])
        staged = versions.stages_by_version(secret)
        return {**_shown(secret), **({"VersionIdsToStages": staged} if staged else {})}

    def _list(self, call: Call) -> Json:
        given = call.params
        found = self._registry.all(call.region)
        if not given.get("IncludePlannedDeletion"):
            found = [secret for secret in found if secret["deleted"] is None]
        found = listing.ordered(listing.filtered(found, given.get("Filters") or ()), given)
        shown, more = listing.page(found, given, 100)
        entries = []
        for secret in shown:
            staged = versions.stages_by_version(secret)
            entries.append({**_shown(secret), **({"SecretVersionsToStages": staged} if staged else {})})
        return {"SecretList": entries, **more}

    def _delete(self, call: Call) -> Json:
        given = call.params
        days, force = given.get("RecoveryWindowInDays"), given.get("ForceDeleteWithoutRecovery")
        if force and days is not None:
            raise invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
            )
        if days is not None and not 7 <= days <= 30:
            raise invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
        now = time.time()
        with self._registry.lock:
            if force:
                return self._delete_now(call, now)
            secret = self._registry.get(call.region, given["SecretId"])
            if secret["deleted"] is not None:
                raise invalid_request(
                    "You can't perform this operation on the secret because it was already scheduled for deletion."
                )
            gone = now + (days or 30) * DAY
            self._registry.save({**secret, "deleted": now, "gone": gone})
        return {**identity(secret), "DeletionDate": moment(gone)}

    def _delete_now(self, call: Call, now: float) -> Json:
        """Without a way back; of a secret that is not there, no error."""
        try:
            secret = self._registry.get(call.region, call.params["SecretId"])
        except AwsError:
            return {"Name": call.params["SecretId"], "DeletionDate": moment(now)}
        self._registry.delete(secret)
        return {**identity(secret), "DeletionDate": moment(now)}

    def _restore(self, call: Call) -> Json:
        with self._registry.lock:
            secret = self._registry.get(call.region, call.params["SecretId"])
            self._registry.save({**secret, "deleted": None, "gone": None})
        return identity(secret)

    # Tags and policies

    def _tag(self, call: Call) -> None:
        with self._registry.changing(call.region, call.params["SecretId"]) as secret:
            secret["tags"] = _tags(call.params["Tags"], secret["tags"])

    def _untag(self, call: Call) -> None:
        with self._registry.changing(call.region, call.params["SecretId"]) as secret:
            for key in call.params["TagKeys"]:
                secret["tags"].pop(key, None)

    def _put_policy(self, call: Call) -> Json:
        policy = call.params["ResourcePolicy"]
        check_length("resourcePolicy", len(policy), 20_480)
        check_policy(policy, block_public=bool(call.params.get("BlockPublicPolicy")))
        return self._set_policy(call, policy)

    def _get_policy(self, call: Call) -> Json:
        secret = self._registry.usable(call.region, call.params["SecretId"])
        return {**identity(secret), **({"ResourcePolicy": secret["policy"]} if secret["policy"] else {})}

    def _delete_policy(self, call: Call) -> Json:
        return self._set_policy(call, None)

    def _set_policy(self, call: Call, policy: str | None) -> Json:
        with self._registry.changing(call.region, call.params["SecretId"]) as secret:
            secret["policy"] = policy
        return identity(secret)


def _tags(given: Any, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """A secret's tags with the given ones."""
    tags = dict(known or {})
    for tag in given:
        key = tag["Key"]
        if key.lower().startswith("aws:"):
            raise invalid_parameter(f"The tag {key} is refused: keys that begin with aws: are AWS's own.")
        check_length("tags.member.key", len(key), 128)
        check_length("tags.member.value", len(tag.get("Value") or ""), 256, 0)
        tags[key] = tag.get("Value") or ""
    if len(tags) > _MAX_TAGS:
        raise limit_exceeded(f"A secret may have {_MAX_TAGS} tags, this would have {len(tags)}.")
    return tags


def _shown(secret: Json) -> Json:
    """What DescribeSecret and ListSecrets both tell."""
    optional = {
        "Description": secret["description"],
        "KmsKeyId": secret["kms_key"],
        "OwningService": listing.owning_service(secret),
        "LastAccessedDate": secret["accessed"] and moment(secret["accessed"]),
        "DeletedDate": secret["deleted"] and moment(secret["deleted"]),
        "Tags": [{"Key": key, "Value": value} for key, value in secret["tags"].items()],
    }
    return {
        **identity(secret),
        "CreatedDate": moment(secret["created"]),
        "LastChangedDate": moment(secret["changed"]),
        **{name: value for name, value in optional.items() if value},
    }
