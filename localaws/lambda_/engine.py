"""The Lambda service of the embedded AWS."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.lambda_ import settings
from localaws.lambda_.access import AccessApi
from localaws.lambda_.asynchronous import EventQueue
from localaws.lambda_.content import ContentStore
from localaws.lambda_.event_configs import EventConfigApi
from localaws.lambda_.functions import FunctionApi
from localaws.lambda_.invoker import Invoker, InvokeResult
from localaws.lambda_.launch import Launcher
from localaws.lambda_.layers import LayerApi
from localaws.lambda_.logs import LogWriter
from localaws.lambda_.mappings.api import MappingApi
from localaws.lambda_.permissions import Sender, check_sender
from localaws.lambda_.pool import ACCOUNT_CONCURRENCY, Pool
from localaws.lambda_.registry import Registry, function_arn, invalid

_PAYLOAD_LIMIT = 6_291_456  # bytes of a synchronous request
_EVENT_LIMIT = 1_048_576  # bytes of an asynchronous one

__all__ = ["InvokeResult", "LambdaEngine"]


class LambdaEngine:
    """Functions and layers, kept in ``world.data/lambda``, executed for real."""

    service = "lambda"

    def __init__(self, world: World) -> None:
        if sys.platform != "linux":
            raise RuntimeError("the local Lambda needs Linux: its limits and AWS's runtime client exist there only")
        self._closed = False
        self._world = world
        root = world.data / "lambda"
        self._registry = Registry(root)
        content = ContentStore(root / "content")
        content.keep_only(self._registry.digests())
        self._launcher = Launcher(root, world.endpoint, content)
        self._logs = LogWriter()
        self._pool = Pool(self._launcher, self._reserved)
        self._invoker = Invoker(self._pool, self._logs)
        access = AccessApi(self._registry)
        configs = EventConfigApi(self._registry)
        self._events = EventQueue(world, self._run, configs.policy, function_arn, root / "waiting.json")
        self._mappings = MappingApi(world, self._registry, self._run, root / "mappings")
        self.operations: Mapping[str, Handler] = {
            **FunctionApi(world, self._registry, content, self._pool).operations,
            **LayerApi(world, self._registry, content).operations,
            **access.operations,
            **configs.operations,
            **self._mappings.operations,
            "TagResource": self._of_mapping(self._tag_mapping, access.tag),
            "UntagResource": self._of_mapping(self._untag_mapping, access.untag),
            "ListTags": self._of_mapping(self._list_mapping_tags, access.list_tags),
            "Invoke": self._invoke,
            "GetAccountSettings": self._account_settings,
        }

    def invoke(self, name: str, payload: bytes, *, event: bool = False, sender: Sender | None = None) -> InvokeResult:
        """Invoke a function (name or ARN, with or without qualifier) with JSON; ``event``: queue it and return at once.

        sender: the service that invokes in its own name, which the function's policy must allow; None: a caller with a
        role. Raises AwsError: ResourceNotFoundException, AccessDeniedException, TooManyRequestsException,
        RequestTooLargeException, InvalidRequestContentException. A function that fails raises nothing: see
        ``function_error``.
        """
        plain, qualifier = settings.function_name(name)
        if sender is not None:
            self.check_sender(name, sender)
        return self._dispatch(plain, qualifier, payload, event=event)

    def check_sender(self, name: str, sender: Sender) -> None:
        """Raise AccessDeniedException, or ResourceNotFoundException, where a service may not invoke a function."""
        plain, qualifier = settings.function_name(name)
        check_sender(self._registry.function(plain), qualifier, sender)

    def flush_logs(self) -> None:
        """Return when every line so far stands in CloudWatch Logs."""
        self._logs.flush()

    def close(self) -> None:
        """Stop: subprocesses are killed, queued events kept, logs written. Again: nothing."""
        if self._closed:
            return
        self._closed = True
        self._mappings.stop()
        self._events.stop()
        self._pool.close()
        self._mappings.join()
        self._events.close()
        self._launcher.close()
        self._logs.close()

    def _invoke(self, call: Call) -> Mapping[str, Any]:
        name, in_name = settings.function_name(call.params["FunctionName"])
        qualifier = call.params.get("Qualifier") or in_name
        kind = call.params.get("InvocationType") or "RequestResponse"
        payload = call.params.get("Payload") or b""
        payload = payload if isinstance(payload, bytes) else payload.read()
        if kind == "DryRun":
            self._registry.configuration(name, qualifier)
            return {"StatusCode": 204}
        if kind not in ("RequestResponse", "Event"):
            raise invalid(f"InvocationType {kind!r} is none of RequestResponse, Event, DryRun")
        context = call.params.get("ClientContext")
        result = self._dispatch(name, qualifier, payload, event=kind == "Event", client_context=_decoded(context))
        if kind == "Event":
            return {"StatusCode": result.status}
        answer: dict[str, Any] = {
            "StatusCode": result.status,
            "ExecutedVersion": result.version,
            "Payload": result.payload,
        }
        if result.function_error:
            answer["FunctionError"] = result.function_error
        if call.params.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(result.log_tail).decode()
        return answer

    def _dispatch(
        self, name: str, qualifier: str | None, payload: bytes, *, event: bool, client_context: str | None = None
    ) -> InvokeResult:
        limit = _EVENT_LIMIT if event else _PAYLOAD_LIMIT
        if len(payload) > limit:
            raise AwsError(
                "RequestTooLargeException",
                f"{len(payload)} byte payload is too large for the {'Event' if event else 'RequestResponse'} "
                f"invocation type (limit {limit} bytes)",
                413,
            )
        payload = payload or b"{}"
        try:
            json.loads(payload.decode())
        except (ValueError, RecursionError) as error:
            message = f"Could not parse request body into json: {error}"
            raise AwsError("InvalidRequestContentException", message) from error
        request_id = str(uuid.uuid4())
        if not event:
            return self._run(name, qualifier, payload, request_id, client_context)
        self._registry.configuration(name, qualifier)
        self._events.put(name, qualifier, payload, request_id, client_context)
        return InvokeResult(202, b"")

    def _run(
        self, name: str, qualifier: str | None, payload: bytes, request_id: str, client_context: str | None
    ) -> InvokeResult:
        configuration = self._registry.configuration(name, qualifier)
        arn = function_arn(name, qualifier)
        try:
            result = self._invoker.run(configuration, arn, payload, request_id, client_context)
        except AwsError as error:
            if error.code == "TooManyRequestsException":
                self._measure(name, "Throttles", 1)
            raise
        self._measure(name, "Invocations", 1)
        self._measure(name, "Errors", int(result.function_error is not None))
        self._measure(name, "Duration", result.milliseconds, "Milliseconds")
        return result

    def _measure(self, function: str, metric: str, value: float, unit: str = "Count") -> None:
        # An engine by itself, or of a server that stops, has no CloudWatch.
        with contextlib.suppress(KeyError, RuntimeError):
            metrics: Any = self._world.engines["cloudwatch"]
            metrics.record("AWS/Lambda", metric, value, unit, {"FunctionName": function})

    def _reserved(self, function: str) -> int | None:
        reserved: int | None = self._registry.function(function)["concurrency"]
        return reserved

    def _of_mapping(self, ours: Handler, other: Handler) -> Handler:
        """The handler of a tag operation, which names a mapping or a function."""
        return lambda call: (ours if self._mappings.is_mapping(call.params["Resource"]) else other)(call)

    def _tag_mapping(self, call: Call) -> None:
        arn = call.params["Resource"]
        self._mappings.set_tags(arn, {**self._mappings.tags(arn), **call.params["Tags"]})

    def _untag_mapping(self, call: Call) -> None:
        arn, keys = call.params["Resource"], call.params["TagKeys"]
        self._mappings.set_tags(arn, {key: value for key, value in self._mappings.tags(arn).items() if key not in keys})

    def _list_mapping_tags(self, call: Call) -> Mapping[str, Any]:
        return {"Tags": self._mappings.tags(call.params["Resource"])}

    def _account_settings(self, call: Call) -> Mapping[str, Any]:
        functions = [document["latest"] for document in self._registry.functions()]
        limit = {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY,
        }
        size = sum(function["CodeSize"] for function in functions)
        return {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)}}


def _decoded(context: str | None) -> str | None:
    """The client context as JSON in one line of ASCII, as a header carries it."""
    if not context:
        return None
    try:
        return json.dumps(json.loads(base64.b64decode(context)))
    except (ValueError, RecursionError) as error:
        message = "Client context must be a valid Base64-encoded JSON object."
        raise AwsError("InvalidRequestContentException", message) from error
