"""The operations on secrets' values: their versions and staging labels."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.secretsmanager import listing, versions
from localaws.secretsmanager.answers import DAY, check_given, identity, moment
from localaws.secretsmanager.errors import check_length, invalid_parameter, invalid_request
from localaws.secretsmanager.registry import Registry

Json = dict[str, Any]


class ValueApi:
    """Handlers by operation."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.operations: Mapping[str, Handler] = {
            "GetSecretValue": self._get_value,
            "BatchGetSecretValue": self._get_values,
            "PutSecretValue": self._put_value,
            "ListSecretVersionIds": self._list_versions,
            "UpdateSecretVersionStage": self._update_stage,
        }

    def _put_value(self, call: Call) -> Json:
        given = call.params
        check_given(given)
        token, value = versions.token_of(given), versions.value_of(given)
        if value is None:
            raise invalid_request("You must provide either SecretString or SecretBinary.")
        with self._registry.changing(call.region, given["SecretId"]) as secret:
            versions.add(secret, token, value, given.get("VersionStages") or (versions.CURRENT,))
        stages = sorted(secret["versions"][token]["stages"])
        return {**identity(secret), "VersionId": token, "VersionStages": stages}

    def _get_value(self, call: Call) -> Json:
        given = call.params
        return self._value(call.region, given["SecretId"], given.get("VersionId"), given.get("VersionStage"))

    def _value(self, region: str, secret_id: str, version_id: str | None = None, stage: str | None = None) -> Json:
        with self._registry.lock:
            secret = self._registry.usable(region, secret_id)
            picked = versions.pick(secret, version_id, stage)
            self._note_access(secret, picked)
        version = secret["versions"][picked]
        value = dict(version["value"])
        if "SecretBinary" in value:
            value["SecretBinary"] = base64.b64decode(value["SecretBinary"])
        return {
            **identity(secret),
            **value,
            "VersionId": picked,
            "VersionStages": sorted(version["stages"]),
            "CreatedDate": moment(version["created"]),
        }

    def _note_access(self, secret: Json, version_id: str) -> None:
        """Keep the day of the last access, as AWS does: to be written once a day."""
        today = time.time() // DAY * DAY
        if secret["versions"][version_id]["accessed"] != today:
            with self._registry.changing(secret["region"], secret["arn"]) as changed:
                changed["accessed"] = changed["versions"][version_id]["accessed"] = today

    def _get_values(self, call: Call) -> Json:
        given = call.params
        names, filters = given.get("SecretIdList") or [], given.get("Filters") or []
        if bool(names) == bool(filters):
            raise invalid_parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
        if names and given.get("MaxResults"):
            raise invalid_parameter(
                "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."
            )
        more: dict[str, str] = {}
        if names:
            check_length("secretIdList", len(names), 20)
        else:
            usable = [secret for secret in self._registry.all(call.region) if secret["deleted"] is None]
            found, more = listing.page(listing.filtered(usable, filters), given, 20)
            names = [secret["arn"] for secret in found]
        values, errors = [], []
        for name in names:
            try:
                values.append(self._value(call.region, name))
            except AwsError as error:
                errors.append({"SecretId": name, "ErrorCode": error.code, "Message": error.message})
        return {"SecretValues": values, "Errors": errors, **more}

    def _list_versions(self, call: Call) -> Json:
        secret = self._registry.get(call.region, call.params["SecretId"])
        deprecated = call.params.get("IncludeDeprecated")
        found = [one for one in secret["versions"].items() if one[1]["stages"] or deprecated]
        shown, more = listing.page(found, call.params, 100)
        entries = [
            {
                "VersionId": version_id,
                "VersionStages": sorted(version["stages"]),
                "KmsKeyIds": [version["kms_key"] or "DefaultEncryptionKey"],
                "CreatedDate": moment(version["created"]),
                **({"LastAccessedDate": moment(version["accessed"])} if version["accessed"] else {}),
            }
            for version_id, version in shown
        ]
        return {**identity(secret), "Versions": entries, **more}

    def _update_stage(self, call: Call) -> Json:
        given = call.params
        with self._registry.changing(call.region, given["SecretId"]) as secret:
            versions.move(secret, given["VersionStage"], given.get("RemoveFromVersionId"), given.get("MoveToVersionId"))
        return identity(secret)
