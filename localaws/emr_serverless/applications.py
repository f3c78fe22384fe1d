"""Applications: their records, their states, and what CreateApplication accepts."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, NotSupported

Json = dict[str, Any]

IDLE_MINUTES = 15
_REFUSED = {
    "imageConfiguration": "containers are not run here",
    "workerTypeSpecifications": "containers are not run here",
    "interactiveConfiguration": "there are no interactive sessions",
    "diskEncryptionConfiguration": "nothing is encrypted here",
    "identityCenterConfiguration": "nothing is authenticated here",
}
_KEPT = (
    "name",
    "releaseLabel",
    "initialCapacity",
    "maximumCapacity",
    "networkConfiguration",
    "monitoringConfiguration",
    "runtimeConfiguration",
    "schedulerConfiguration",
)


def invalid(message: str) -> AwsError:
    """The service's error for what cannot be."""
    return AwsError("ValidationException", message)


def new_id() -> str:
    """An id as the service makes them: ``00f…``."""
    return "00" + "".join(random.choices(string.ascii_lowercase + string.digits, k=14))


def new_application(given: Mapping[str, Any]) -> Json:
    """The record of an application; raises AwsError."""
    if given["type"].lower() != "spark":
        raise NotSupported(f"An application of type {given['type']} is refused: the embedded AWS runs Spark only.")
    check(given)
    if not given["releaseLabel"].startswith("emr-"):
        raise invalid(f"The release label {given['releaseLabel']!r} is not valid: it is such as emr-7.5.0.")
    identifier, now = new_id(), time.time()
    stop = {"enabled": True, "idleTimeoutMinutes": IDLE_MINUTES, **(given.get("autoStopConfiguration") or {})}
    return {
        "applicationId": identifier,
        "arn": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT_ID}:/applications/{identifier}",
        "type": "Spark",
        "state": "CREATED",
        "architecture": given.get("architecture") or "X86_64",
        "autoStartConfiguration": {"enabled": True, **(given.get("autoStartConfiguration") or {})},
        "autoStopConfiguration": stop,
        "tags": dict(given.get("tags") or {}),
        "createdAt": now,
        "updatedAt": now,
        **{key: given[key] for key in _KEPT if given.get(key) is not None},
    }


def check(given: Mapping[str, Any]) -> None:
    """Raise NotSupported for what would have no effect."""
    for name, why in _REFUSED.items():
        if given.get(name):
            raise NotSupported(f"{name} is refused: {why}.")
    check_monitoring(given.get("monitoringConfiguration") or {})
    spark_properties(given.get("runtimeConfiguration") or ())


def check_monitoring(given: Mapping[str, Any]) -> None:
    """Raise NotSupported for logs that would go nowhere."""
    if given.get("prometheusMonitoringConfiguration"):
        raise NotSupported("prometheusMonitoringConfiguration is refused: there is no Prometheus here.")


def spark_properties(configurations: Any) -> dict[str, str]:
    """The Spark properties of configurations; raises NotSupported for those of other programs."""
    properties: dict[str, str] = {}
    for one in configurations:
        if one["classification"] != "spark-defaults":
            name = one["classification"]
            raise NotSupported(f"The configuration {name} is refused: only spark-defaults has an effect here.")
        properties |= one.get("properties") or {}
    return properties


def shown(record: Mapping[str, Any]) -> Json:
    """A record as the API gives it."""
    times = {name: datetime.fromtimestamp(record[name], UTC) for name in ("createdAt", "updatedAt")}
    return {**record, **times}


def summary(record: Mapping[str, Any]) -> Json:
    """An ApplicationSummary."""
    kept = ("name", "arn", "releaseLabel", "type", "state", "architecture")
    times = {name: datetime.fromtimestamp(record[name], UTC) for name in ("createdAt", "updatedAt")}
    return {"id": record["applicationId"], **{key: record[key] for key in kept if key in record}, **times}
