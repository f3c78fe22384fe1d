"""The subset of JSONPath that Glue's JSON classifiers take: ``$``, ``.name``, ``['name']``, ``[0]`` and ``*``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from localaws.core import AwsError

Path = tuple[str | int | None, ...]  # None is *

_STEP = re.compile(
    r"\.(?P<star>\*)|\.(?P<name>[^.\[\]*'\"\s]+)|\[(?P<all>\*)\]|\[(?P<at>\d+)\]|\['(?P<quoted>[^']+)'\]"
)


def parse(text: str) -> Path:
    """The steps of a path; raises InvalidInputException."""
    if not text.startswith("$"):
        raise _invalid(text)
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise _invalid(text)
        if match["at"]:
            steps.append(int(match["at"]))
        else:
            steps.append(match["name"] or match["quoted"])
        at = match.end()
    return tuple(steps)


def follow(values: Iterable[Any], path: Path) -> Iterator[Any]:
    """What the path leads to from each value."""
    if not path:
        yield from values
        return
    step, rest = path[0], path[1:]
    yield from follow((below for value in values for below in _below(value, step)), rest)


def _below(value: Any, step: str | int | None) -> Iterable[Any]:
    match value, step:
        case dict(), None:
            return value.values()
        case list(), None:
            return value
        case dict(), str():
            return [value[step]] if step in value else []
        case list(), int():
            return value[step : step + 1]
    return []


def _invalid(text: str) -> AwsError:
    message = f"The JsonPath {text!r} is not valid: it is of $, .name, ['name'], [0], [*] and .*, as in $.records[*]."
    return AwsError("InvalidInputException", message)
