"""The API's operations on what becomes of a function's asynchronous events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler
from localaws.lambda_ import settings
from localaws.lambda_.asynchronous import DEFAULT_AGE_SECONDS, DEFAULT_RETRIES, Policy
from localaws.lambda_.paging import page
from localaws.lambda_.registry import LATEST, Registry, function_arn, invalid

_DESTINATIONS = ("sqs", "sns", "lambda", "events")


class EventConfigApi:
    """Keeps the settings in the function's document, by qualifier."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.operations: dict[str, Handler] = {
            "PutFunctionEventInvokeConfig": self.put_event_config,
            "UpdateFunctionEventInvokeConfig": self.update_event_config,
            "GetFunctionEventInvokeConfig": self.get_event_config,
            "DeleteFunctionEventInvokeConfig": self.delete_event_config,
            "ListFunctionEventInvokeConfigs": self.list_event_configs,
        }

    def put_event_config(self, call: Call) -> Mapping[str, Any]:
        """PutFunctionEventInvokeConfig: replaces what there was."""
        return self._set_event_config(call, {})

    def update_event_config(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionEventInvokeConfig: what is not given stays."""
        return self._set_event_config(call, self._event_config(call))

    def get_event_config(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionEventInvokeConfig."""
        return self._event_config(call)

    def delete_event_config(self, call: Call) -> None:
        """DeleteFunctionEventInvokeConfig."""
        self._event_config(call)
        with self._registry.changing(self._document(call)[0]) as document:
            document["event_configs"].pop(self._qualifier(call) or LATEST, None)

    def list_event_configs(self, call: Call) -> Mapping[str, Any]:
        """ListFunctionEventInvokeConfigs."""
        _, document = self._document(call)
        configs = [dict(config) for _, config in sorted(document["event_configs"].items())]
        return page("FunctionEventInvokeConfigs", configs, call.params)

    def policy(self, name: str, qualifier: str | None) -> Policy:
        """What becomes of the asynchronous events of a function. Raises ResourceNotFoundException."""
        document = self._registry.function(name)
        config = document["event_configs"].get(qualifier or LATEST, {})
        destinations = config.get("DestinationConfig", {})
        return Policy(
            retries=config.get("MaximumRetryAttempts", DEFAULT_RETRIES),
            age_seconds=config.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS),
            on_failure=destinations.get("OnFailure", {}).get("Destination"),
            on_success=destinations.get("OnSuccess", {}).get("Destination"),
            dead_letter=self._registry.configuration(name, qualifier).get("DeadLetterConfig", {}).get("TargetArn"),
        )

    def _event_config(self, call: Call) -> dict[str, Any]:
        name, document = self._document(call)
        qualifier = self._qualifier(call) or LATEST
        found: dict[str, Any] | None = document["event_configs"].get(qualifier)
        if found is None:
            arn = function_arn(name, qualifier)
            raise AwsError("ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig", 404)
        return dict(found)

    def _set_event_config(self, call: Call, before: Mapping[str, Any]) -> dict[str, Any]:
        qualifier = self._qualifier(call) or LATEST
        names = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        config = {**before, **{key: call.params[key] for key in names if call.params.get(key) is not None}}
        if not 0 <= config.get("MaximumRetryAttempts", 0) <= 2:
            raise invalid("MaximumRetryAttempts must be 0, 1 or 2")
        if not 60 <= config.get("MaximumEventAgeInSeconds", 60) <= DEFAULT_AGE_SECONDS:
            raise invalid(f"MaximumEventAgeInSeconds must be from 60 to {DEFAULT_AGE_SECONDS}")
        for destination in config.get("DestinationConfig", {}).values():
            if destination.get("Destination"):
                settings.check_destination(destination["Destination"], _DESTINATIONS)
        name, _ = self._document(call)
        with self._registry.changing(name) as document:
            self._registry.configuration(name, qualifier)
            config |= {"LastModified": time.time(), "FunctionArn": function_arn(name, qualifier)}
            document["event_configs"][qualifier] = config
        return config

    def _document(self, call: Call) -> tuple[str, dict[str, Any]]:
        name, _ = settings.function_name(call.params["FunctionName"])
        return name, self._registry.function(name)

    @staticmethod
    def _qualifier(call: Call) -> str:
        return call.params.get("Qualifier") or settings.function_name(call.params["FunctionName"])[1] or ""
