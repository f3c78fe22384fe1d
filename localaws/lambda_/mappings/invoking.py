"""What pollers share: one batch in, the function's verdict out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.core import AwsError
from localaws.lambda_.asynchronous import as_json
from localaws.lambda_.invoker import InvokeResult

# Invokes once: name, qualifier, payload, request id, client context.
Run = Callable[[str, str | None, bytes, str, str | None], InvokeResult]
MAX_BYTES = 6_000_000


@dataclass(frozen=True)
class Verdict:
    """How a batch went: ``failed`` holds the identifiers of the items that did not succeed, None stands for all.

    throttled: the function was not even run.
    """

    request_id: str
    failed: frozenset[str] | None = frozenset()
    result: InvokeResult | None = None
    throttled: bool = False
    problem: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether all items did."""
        return self.failed == frozenset()


def run_batch(
    run: Run, function: tuple[str, str | None], records: Sequence[Mapping[str, Any]], known: Sequence[str], report: bool
) -> Verdict:
    """Invoke a function with records; known: their identifiers; report: the function may name those that failed."""
    request_id = str(uuid.uuid4())
    payload = json.dumps({"Records": list(records)}).encode()
    try:
        result = run(*function, payload, request_id, None)
    except AwsError as error:
        return Verdict(request_id, None, None, error.code == "TooManyRequestsException", f"PROBLEM: {error.message}")
    if result.function_error:
        return Verdict(request_id, None, result, problem="PROBLEM: Function call failed")
    if not report:
        return Verdict(request_id, result=result)
    failed = _reported(as_json(result.payload), known)
    return Verdict(request_id, failed, result, problem="PROBLEM: Function call failed" if failed is None else None)


def _reported(answer: Any, known: Sequence[str]) -> frozenset[str] | None:
    """The items that an answer names as failed; None, all, where it names one that is none of the batch."""
    if answer is None or answer == {}:
        return frozenset()
    failures = answer.get("batchItemFailures", []) if isinstance(answer, dict) else []
    if not failures:
        return frozenset()
    try:
        named = [failure["itemIdentifier"] for failure in failures]
    except (TypeError, KeyError):
        return None
    return frozenset(named) if set(named) <= set(known) else None
