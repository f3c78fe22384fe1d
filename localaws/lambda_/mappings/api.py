"""The operations on event source mappings; what they say is kept, and pollers run by it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, World
from localaws.documents import Documents
from localaws.lambda_ import settings as functions
from localaws.lambda_.mappings import settings
from localaws.lambda_.mappings.invoking import Run
from localaws.lambda_.mappings.queue_poller import QueuePoller
from localaws.lambda_.mappings.stream_poller import StreamPoller
from localaws.lambda_.paging import page
from localaws.lambda_.registry import Registry, conflict, function_arn, invalid
from localaws.messaging.courier import Courier, service_of
from localaws.messaging.moto_streams import Stream

_STARTS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:event-source-mapping:"

log = logging.getLogger(__name__)


class MappingApi:
    """Mappings by UUID, kept in a folder: a restart goes on with those that are enabled."""

    def __init__(self, world: World, registry: Registry, run: Run, root: Path) -> None:
        self._registry = registry
        self._run = run
        self._courier = Courier(world)
        self._lock = threading.RLock()
        self._documents = Documents(root)
        self._pollers: dict[str, QueuePoller | StreamPoller] = {}
        self._positions: dict[str, dict[str, int]] = {}
        self._results: dict[str, str] = {}
        self.operations: Mapping[str, Handler] = {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list_mappings,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }
        for document in self._documents.all():
            self._start(document)

    def stop(self) -> None:
        """Take no more batches."""
        with self._lock:
            for poller in self._pollers.values():
                poller.stop()

    def join(self) -> None:
        """After ``stop``, and after what runs was stopped: wait for the pollers."""
        for poller in list(self._pollers.values()):
            poller.join()

    def create(self, call: Call) -> Mapping[str, Any]:
        """CreateEventSourceMapping."""
        params = call.params
        arn = params.get("EventSourceArn")
        service = settings.source_service(arn)
        assert isinstance(arn, str)
        name, qualifier = functions.function_name(params["FunctionName"])
        configuration = self._registry.configuration(name, qualifier)
        given = settings.checked(service, params, arn)
        document = {
            **(settings.QUEUE_DEFAULTS if service == "sqs" else settings.STREAM_DEFAULTS),
            **given,
            "UUID": str(uuid.uuid4()),
            "EventSourceArn": arn,
            "FunctionArn": function_arn(name, qualifier),
            "LastModified": time.time(),
            "Enabled": params.get("Enabled", True) is not False,
            "Role": configuration["Role"],
            "Tags": dict(params.get("Tags") or {}),
        }
        settings.check_whole(service, document)
        settings.check_source(service, arn, configuration["Timeout"])
        with self._lock:
            for other in self._documents.all():
                if (other["EventSourceArn"], other["FunctionArn"]) == (arn, document["FunctionArn"]):
                    raise conflict(
                        f'An event source mapping with {service.upper()} arn (" {arn} ") and function (" {name} ") '
                        f"already exists. Please update or delete the existing mapping with UUID {other['UUID']}"
                    )
            if service == "kinesis":
                document |= self._start_position(document["UUID"], arn, params)
            self._documents.save(document["UUID"], document)
            self._start(document)
        return {**self._shown(document), "State": "Creating"}

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetEventSourceMapping."""
        return self._shown(self._document(call.params["UUID"]))

    def list_mappings(self, call: Call) -> Mapping[str, Any]:
        """ListEventSourceMappings, of a source or a function if given."""
        source, function = call.params.get("EventSourceArn"), call.params.get("FunctionName")
        arn = function_arn(*functions.function_name(function)) if function else None
        found = [
            self._shown(document)
            for document in self._documents.all()
            if source in (None, document["EventSourceArn"]) and arn in (None, document["FunctionArn"])
        ]
        return page("EventSourceMappings", found, call.params)

    def update(self, call: Call) -> Mapping[str, Any]:
        """UpdateEventSourceMapping: what is not given stays."""
        with self._lock:
            before = self._document(call.params["UUID"])
            arn = before["EventSourceArn"]
            service = service_of(arn)
            document = {**before, **settings.checked(service, call.params, arn), "LastModified": time.time()}
            if call.params.get("FunctionName"):
                name, qualifier = functions.function_name(call.params["FunctionName"])
                document["Role"] = self._registry.configuration(name, qualifier)["Role"]
                document["FunctionArn"] = function_arn(name, qualifier)
            if call.params.get("Enabled") is not None:
                document["Enabled"] = call.params["Enabled"]
            settings.check_whole(service, document)
            self._halt(document["UUID"])
            self._documents.save(document["UUID"], document)
            self._start(document)
        changed = before["Enabled"] != document["Enabled"]
        state = ("Enabling" if document["Enabled"] else "Disabling") if changed else "Updating"
        return {**self._shown(document), "State": state}

    def delete(self, call: Call) -> Mapping[str, Any]:
        """DeleteEventSourceMapping."""
        with self._lock:
            document = self._document(call.params["UUID"])
            self._halt(document["UUID"])
            self._documents.delete(document["UUID"])
            self._positions.pop(document["UUID"], None)
        return {**self._shown(document), "State": "Deleting"}

    def is_mapping(self, arn: str) -> bool:
        """Whether an ARN is a mapping's."""
        return arn.startswith(_ARN)

    def tags(self, arn: str) -> dict[str, str]:
        """A mapping's tags."""
        return dict(self._document(arn.removeprefix(_ARN))["Tags"])

    def set_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Replace a mapping's tags."""
        with self._lock:
            document = self._document(arn.removeprefix(_ARN))
            self._documents.save(document["UUID"], {**document, "Tags": dict(tags)})

    def _document(self, identifier: str) -> dict[str, Any]:
        found = self._documents.get(identifier)
        if found is None:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, 404, Type="User")
        return found

    def _start_position(self, identifier: str, arn: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Where reading begins, for the shards that there are; a shard that comes later is read from its start."""
        start = params.get("StartingPosition")
        if start not in _STARTS:
            raise invalid(f"StartingPosition must be one of {', '.join(_STARTS)} for a Kinesis stream")
        moment = params.get("StartingPositionTimestamp")
        if (start == "AT_TIMESTAMP") != (moment is not None):
            raise invalid("StartingPositionTimestamp is needed for AT_TIMESTAMP, and only for that")
        stream = Stream(arn)
        kept: dict[str, Any] = {"StartingPosition": start}
        positions: dict[str, int] = {}
        for shard, key in stream.shards().items():
            if start == "LATEST":
                positions[key] = stream.last(shard)
            elif moment is not None:
                kept["StartingPositionTimestamp"] = moment.timestamp()
                positions[key] = stream.at_time(shard, moment.timestamp())
        self._positions[identifier] = positions
        return kept

    def _start(self, document: Mapping[str, Any]) -> None:
        if not document["Enabled"]:
            return
        identifier = document["UUID"]
        function = functions.function_name(document["FunctionArn"])

        def told(result: str) -> None:
            self._results[identifier] = result

        if service_of(document["EventSourceArn"]) == "sqs":
            self._pollers[identifier] = QueuePoller(document, function, self._run, told)
        else:
            positions = self._positions.setdefault(identifier, {})
            arn = document["FunctionArn"]
            self._pollers[identifier] = StreamPoller(document, function, arn, self._run, told, positions, self._courier)

    def _halt(self, identifier: str) -> None:
        poller = self._pollers.pop(identifier, None)
        if poller:
            poller.stop()
            poller.join()

    def _shown(self, document: Mapping[str, Any]) -> dict[str, Any]:
        hidden = ("Enabled", "Role", "Tags")
        shown = {key: value for key, value in document.items() if key not in hidden}
        shown["EventSourceMappingArn"] = f"{_ARN}{document['UUID']}"
        shown["State"] = "Enabled" if document["Enabled"] else "Disabled"
        shown["StateTransitionReason"] = "USER_INITIATED"
        if service_of(document["EventSourceArn"]) == "kinesis":
            shown["LastProcessingResult"] = self._results.get(document["UUID"], "No records processed")
            shown.setdefault("DestinationConfig", {"OnFailure": {}})
        return shown
