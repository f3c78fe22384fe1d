"""Event patterns: checked once and turned into a function that says whether an event matches."""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError

Test = Callable[[Any], bool]

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
_COMPARISONS = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">": operator.gt, ">=": operator.ge}
_LIMIT = 5e9


class PatternError(AwsError):
    """The pattern is not one of EventBridge's."""

    def __init__(self, reason: str) -> None:
        super().__init__("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def compile_pattern(text: str) -> Test:
    """A function that says whether an event, a JSON object, matches. Raises InvalidEventPatternException."""
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PatternError(f"it is not JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise PatternError("Filter is not an object")
    if not pattern:
        raise PatternError("Empty patterns are not allowed")
    return _object(pattern, "")


def _object(pattern: Mapping[str, Any], path: str) -> Test:
    tests: list[Test] = []
    for name, value in pattern.items():
        where = f"{path}.{name}" if path else name
        if name == "$or" and isinstance(value, list) and all(isinstance(each, dict) for each in value):
            if len(value) < 2:
                raise PatternError(f"{where} must hold at least two objects")
            tests.append(_any([_object(each, path) for each in value]))
        elif isinstance(value, dict):
            if not value:
                raise PatternError(f"{where}: Empty objects are not allowed")
            tests.append(_member(name, _object(value, where)))
        elif isinstance(value, list):
            if not value:
                raise PatternError(f"{where}: Empty arrays are not allowed")
            tests.append(_member(name, _any([_leaf(each, where) for each in value]), leaf=True))
        else:
            raise PatternError(f'"{name}" must be an object or an array')
    return lambda event: all(test(event) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _member(name: str, test: Test, leaf: bool = False) -> Test:
    """The test of an object's member; of an array's elements one must pass it."""

    def check(event: Any) -> bool:
        if isinstance(event, list):
            return any(check(each) for each in event)
        value = event.get(name, ABSENT) if isinstance(event, dict) else ABSENT
        if isinstance(value, list):
            elements = _flat(value)
            return any(test(each) for each in elements) if elements else test(ABSENT)
        return test(ABSENT) if leaf and isinstance(value, dict) else test(value)

    return check


def _flat(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += _flat(value) if isinstance(value, list) else [value]
    return found


def _leaf(wanted: Any, where: str) -> Test:
    if isinstance(wanted, dict):
        if len(wanted) != 1:
            raise PatternError(f"{where}: Only one key allowed in match expression")
        ((kind, argument),) = wanted.items()
        make = _OPERATORS.get(kind)
        if make is None:
            raise PatternError(f"Unrecognized match type {kind}")
        return make(argument, where)
    if isinstance(wanted, list):
        raise PatternError(f"{where}: Match value must be String, number, true, false, or null")
    return lambda value: _same(value, wanted)


def _same(value: Any, wanted: Any) -> bool:
    if value is ABSENT or isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return bool(value == wanted)


def _prefix(argument: Any, where: str) -> Test:
    fold, text = _text_of(argument, "prefix", where)
    return lambda value: isinstance(value, str) and fold(value).startswith(text)


def _suffix(argument: Any, where: str) -> Test:
    fold, text = _text_of(argument, "suffix", where)
    return lambda value: isinstance(value, str) and fold(value).endswith(text)


def _text_of(argument: Any, kind: str, where: str) -> tuple[Callable[[str], str], str]:
    if isinstance(argument, dict) and argument.keys() == {"equals-ignore-case"}:
        return str.lower, _string(argument["equals-ignore-case"], "equals-ignore-case", where).lower()
    return str, _string(argument, kind, where)


def _string(argument: Any, kind: str, where: str) -> str:
    if not isinstance(argument, str):
        raise PatternError(f"{where}: {kind} match pattern must be a string")
    return argument


def _ignore_case(argument: Any, where: str) -> Test:
    text = _string(argument, "equals-ignore-case", where).lower()
    return lambda value: isinstance(value, str) and value.lower() == text


def _wildcard(argument: Any, where: str) -> Test:
    text = _string(argument, "wildcard", where)
    if re.search(r"(?<!\\)\*\*", text):
        raise PatternError(f"{where}: Consecutive wildcard characters")
    parts: list[str] = []
    place = 0
    while place < len(text):
        letter = text[place]
        if letter == "\\":
            place += 1
            if place == len(text) or text[place] not in "*\\":
                raise PatternError(f"{where}: Invalid escape character at pos {place - 1}")
            parts.append(re.escape(text[place]))
        else:
            parts.append(".*" if letter == "*" else re.escape(letter))
        place += 1
    match = re.compile("".join(parts), re.DOTALL).fullmatch
    return lambda value: isinstance(value, str) and match(value) is not None


def _exists(argument: Any, where: str) -> Test:
    if not isinstance(argument, bool):
        raise PatternError(f"{where}: exists match pattern must be either true or false.")
    return lambda value: (value is not ABSENT) == argument


def _numeric(argument: Any, where: str) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise PatternError(f"{where}: Invalid member in numeric match: give [operator, value] once or twice")
    bounds: list[tuple[Callable[[Any, Any], bool], float]] = []
    for name, limit in zip(argument[::2], argument[1::2], strict=True):
        if name not in _COMPARISONS:
            raise PatternError(f"{where}: Unrecognized numeric range operator: {name}")
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise PatternError(f"{where}: Value of {name} must be numeric")
        if abs(limit) > _LIMIT:
            raise PatternError(f"{where}: Value must be between {-_LIMIT:.0f} and {_LIMIT:.0f}, inclusive")
        bounds.append((_COMPARISONS[name], limit))
    if len(bounds) == 2 and (argument[0][0] != ">" or argument[2][0] != "<"):
        raise PatternError(f"{where}: Bad numeric range operators: first > or >=, then < or <=")
    if len(bounds) == 2 and argument[1] >= argument[3]:
        raise PatternError(f"{where}: Bottom must be less than top")

    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(compare(value, limit) for compare, limit in bounds)

    return check


def _cidr(argument: Any, where: str) -> Test:
    try:
        network = ipaddress.ip_network(_string(argument, "cidr", where), strict=False)
    except ValueError:
        raise PatternError(f"{where}: Malformed CIDR, one of the form 10.0.0.0/24 is needed") from None

    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return check


def _anything_but(argument: Any, where: str) -> Test:
    if isinstance(argument, dict):
        if len(argument) != 1:
            raise PatternError(f"{where}: Only one key allowed in match expression")
        ((kind, inner),) = argument.items()
        if kind not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise PatternError(f"Unsupported anything-but pattern: {kind}")
        several = inner if isinstance(inner, list) else [inner]
        if not several or "" in several:
            raise PatternError(f"{where}: Null {kind} not allowed")
        tests = [_OPERATORS[kind](each, where) for each in several]
        return lambda value: value is not ABSENT and not any(test(value) for test in tests)
    several = argument if isinstance(argument, list) else [argument]
    if not several or any(isinstance(each, dict | list) for each in several):
        raise PatternError(f"{where}: Inside anything-but only strings and numbers, or a list of them, are allowed")
    return lambda value: value is not ABSENT and not any(_same(value, each) for each in several)


_OPERATORS: Mapping[str, Callable[[Any, str], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "exists": _exists,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
