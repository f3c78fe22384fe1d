"""One invocation from event to answer: limits, timeouts, error shapes and log lines as AWS has them."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.lambda_.logs import LogWriter
from localaws.lambda_.pool import Pool, Warm
from localaws.lambda_.runtime_api import RESPONSE_LIMIT
from localaws.lambda_.sandbox import Answer, DeadlineReached, Exited, InitFailed

_INIT_SECONDS = 10.0
_TAIL_BYTES = 4096
_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGTERM: "terminated",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
}


@dataclass(frozen=True)
class InvokeResult:
    """The answer to an invocation.

    status: 200, 202 for an event that was queued, 204 for a dry run. payload: JSON (or the bytes that the handler
    returned). function_error: ``Unhandled`` or None. log_tail: the last 4 KB of its log. milliseconds: how long it ran.
    """

    status: int
    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    version: str = "$LATEST"
    milliseconds: float = 0.0


class Invoker:
    """Runs events in the pool's sandboxes."""

    def __init__(self, pool: Pool, logs: LogWriter) -> None:
        self._pool = pool
        self._logs = logs

    def run(
        self,
        configuration: Mapping[str, Any],
        arn: str,
        event: bytes,
        request_id: str,
        client_context: str | None = None,
    ) -> InvokeResult:
        """Run one event (JSON) to its end. Raises TooManyRequestsException."""
        function = configuration["FunctionName"]
        self._pool.enter(function)
        try:
            warm = self._pool.acquire(configuration)
            try:
                return self._run(warm, configuration, arn, event, request_id, client_context)
            finally:
                (self._pool.release if warm.reusable else self._pool.discard)(warm)
        finally:
            self._pool.leave(function)

    def _run(
        self,
        warm: Warm,
        configuration: Mapping[str, Any],
        arn: str,
        event: bytes,
        request_id: str,
        client_context: str | None,
    ) -> InvokeResult:
        timeout = configuration["Timeout"]
        started = time.monotonic()
        warm.reusable = False
        init_milliseconds: float | None = None
        try:
            if warm.fresh:
                warm.sandbox.initialise(started + _INIT_SECONDS + timeout)
                init_milliseconds = (time.monotonic() - started) * 1000
                started = time.monotonic()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Invoked-Function-Arn": arn,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout) * 1000)),
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):x}-{request_id.replace('-', '')[:24]};Sampled=0",
            }
            if client_context:
                headers["Lambda-Runtime-Client-Context"] = client_context
            answer = warm.sandbox.run(headers, event, started + timeout)
            warm.reusable = not answer.too_large  # the runtime client ends itself when its answer is refused
            lines: list[str] = []
        except InitFailed as failure:
            answer, lines = Answer(_with_request_id(failure.body, request_id), error=True), []
        except DeadlineReached:
            message = f"{_now()} {request_id} Task timed out after {timeout:.2f} seconds"
            answer, lines = _failure("Sandbox.Timedout", message), [message]
        except Exited as exited:
            message = f"RequestId: {request_id} Error: {_exit_reason(exited.status)}"
            answer, lines = _failure("Runtime.ExitError", message), [message]
        if answer.too_large:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            answer = _failure("Function.ResponseSizeTooLarge", message)
        milliseconds = (time.monotonic() - started) * 1000
        tail = self._log(warm, configuration, request_id, milliseconds, init_milliseconds, lines)
        error = "Unhandled" if answer.error else None
        return InvokeResult(200, answer.body, error, tail, configuration["Version"], milliseconds)

    def _log(
        self,
        warm: Warm,
        configuration: Mapping[str, Any],
        request_id: str,
        milliseconds: float,
        init_milliseconds: float | None,
        lines: list[str],
    ) -> bytes:
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {configuration['MemorySize']} MB\t"
            f"Max Memory Used: {warm.sandbox.peak_memory_mb()} MB\t"
        )
        if init_milliseconds is not None:
            report += f"Init Duration: {init_milliseconds:.2f} ms\t"
        # The runtime client separates the lines of one event by carriage returns.
        output = [line.replace("\r", "\n") for line in warm.sandbox.take_output().decode(errors="replace").split("\n")]
        events = [
            f"START RequestId: {request_id} Version: {configuration['Version']}",
            *(line for line in output if line),
            *lines,
            f"END RequestId: {request_id}",
            report,
        ]
        self._logs.write(configuration["LoggingConfig"]["LogGroup"], warm.log_stream, events)
        return ("\n".join(events) + "\n").encode()[-_TAIL_BYTES:]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failure(kind: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": kind, "errorMessage": message}).encode(), error=True)


def _with_request_id(body: bytes, request_id: str) -> bytes:
    error = json.loads(body)
    return json.dumps({**error, "requestId": request_id}).encode()


def _exit_reason(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {_SIGNALS.get(-status, f'signal {-status}')}"
