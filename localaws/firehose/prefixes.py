"""Prefix and ErrorOutputPrefix: the expressions in them, Firehose's rules for them, and what they evaluate to."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from localaws.core import AwsError
from localaws.firehose import timestamps

EXPRESSION = re.compile(r"!\{([A-Za-z]+):([^}]*)\}")
DEFAULT_TIME = "!{timestamp:yyyy/MM/dd/HH/}"
ERROR_TYPE = "error-output-type"
MAX_LENGTH = 512
KEY_SOURCES = {"partitionKeyFromQuery": "query", "partitionKeyFromLambda": "lambda"}


@dataclass(frozen=True)
class Context:
    """What a prefix is evaluated with: the oldest record's arrival in the stream's zone, and what is random."""

    at: datetime
    random: random.Random
    keys: Mapping[str, Mapping[str, str]]
    error_type: str = ""


class PrefixError(Exception):
    """A record's prefix cannot be evaluated."""


def check(prefix: str, error_prefix: str, *, dynamic: bool) -> None:
    """Raise InvalidArgumentException unless both follow Firehose's rules."""
    for name, text in (("Prefix", prefix), ("ErrorOutputPrefix", error_prefix)):
        if "!{" in EXPRESSION.sub("", text):
            raise _invalid(f"{name} {text!r}: the sequence !{{ can only appear in !{{namespace:value}} expressions.")
        for namespace, value in EXPRESSION.findall(text):
            _check_expression(name, namespace, value, dynamic=dynamic)
    if EXPRESSION.search(prefix) and not error_prefix:
        raise _invalid("ErrorOutputPrefix can't be null when Prefix contains expressions.")
    if EXPRESSION.search(error_prefix) and f"!{{firehose:{ERROR_TYPE}}}" not in error_prefix:
        raise _invalid("ErrorOutputPrefix with expressions must contain !{firehose:error-output-type}.")


def keys_used(prefix: str, source: str) -> set[str]:
    """The partition keys that a prefix takes from ``query`` or ``lambda``."""
    return {value for namespace, value in EXPRESSION.findall(prefix) if KEY_SOURCES.get(namespace) == source}


def evaluate(prefix: str, context: Context) -> str:
    """A prefix for records; raises PrefixError when it lacks a key or becomes too long."""
    return _evaluate(prefix if EXPRESSION.search(prefix) else prefix + DEFAULT_TIME, context)


def evaluate_error(prefix: str, error_prefix: str, context: Context) -> str:
    """The prefix for records that failed with ``context.error_type``."""
    chosen = error_prefix or prefix
    if not EXPRESSION.search(chosen):
        chosen += f"!{{firehose:{ERROR_TYPE}}}/{DEFAULT_TIME}"
    return _evaluate(chosen, context)


def _evaluate(prefix: str, context: Context) -> str:
    text = EXPRESSION.sub(lambda match: _value(match.group(1), match.group(2), context), prefix)
    if len(text.encode()) > MAX_LENGTH:
        raise PrefixError(f"The prefix has {len(text.encode())} bytes after its evaluation; {MAX_LENGTH} are allowed.")
    return text


def _value(namespace: str, value: str, context: Context) -> str:
    if namespace == "timestamp":
        return timestamps.write(value, context.at)
    if namespace == "firehose":
        return context.error_type if value == ERROR_TYPE else f"{context.random.getrandbits(44):011x}"
    found = context.keys.get(KEY_SOURCES[namespace], {}).get(value, "")
    if not found:
        raise PrefixError("partitionKeys values must not be null or empty")
    return found


def _check_expression(name: str, namespace: str, value: str, *, dynamic: bool) -> None:
    if namespace == "timestamp":
        try:
            timestamps.write(value, datetime(2000, 1, 1, tzinfo=UTC))
        except ValueError as error:
            raise _invalid(f"{name}: !{{timestamp:{value}}} cannot be evaluated: {error}.") from error
    elif namespace == "firehose":
        if value == ERROR_TYPE and name == "Prefix":
            raise _invalid("Prefix can't contain !{firehose:error-output-type}.")
        if value not in (ERROR_TYPE, "random-string"):
            raise _invalid(f"{name}: !{{firehose:{value}}} is neither error-output-type nor random-string.")
    elif namespace in KEY_SOURCES:
        if name != "Prefix" or not dynamic:
            raise _invalid(
                f"{name}: !{{{namespace}:…}} needs DynamicPartitioningConfiguration, and stands in Prefix only."
            )
    else:
        raise _invalid(f"{name}: the namespace {namespace!r} is not known.")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)
