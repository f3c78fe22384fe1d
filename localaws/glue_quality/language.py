"""DQDL, the language of rulesets: what a ruleset consists of, and the signs it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from localaws.core import AwsError


@dataclass(frozen=True)
class Moment:
    """``now()`` less or plus a time, as an operand."""

    shift: timedelta = timedelta()


@dataclass(frozen=True)
class Keyword:
    """NULL, EMPTY or WHITESPACES_ONLY, as an operand."""

    name: str


@dataclass(frozen=True)
class Number:
    """A number, as it was written: 0.95 is exact."""

    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)


# A plain str is a quoted operand, a timedelta one with a unit, such as ``24 hours``.
Operand = Number | str | Keyword | Moment | timedelta


@dataclass(frozen=True)
class Condition:
    """What must hold of a value. operator: ``=``, ``!=``, ``<``, ``in``, ``between``, ``matches``, ``not in``."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Rule:
    """One rule. parameters: columns and the like; threshold: of the ratio of rows for which the condition holds."""

    kind: str
    parameters: tuple[str, ...]
    condition: Condition | None
    threshold: Condition | None
    where: str | None
    text: str


@dataclass(frozen=True)
class Composite:
    """Rules joined by ``and`` or by ``or``."""

    operator: Literal["and", "or"]
    parts: tuple[Rule | Composite, ...]
    text: str = field(default="")


AnyRule = Rule | Composite


@dataclass(frozen=True)
class Token:
    """A sign of the language and where it stands. kind: ``word``, ``number``, ``string``, ``sign`` or ``end``."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n]*)"
    r'|(?P<string>"(?:\\.|[^"\\])*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>!=|>=|<=|[=<>()\[\]{},+-])"
)


def refused(text: str, at: int, message: str) -> AwsError:
    """The error for a ruleset that is not DQDL; at: the place in the text."""
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return AwsError("InvalidInputException", f"Parsing Error: line {line}:{column} {message}")


def tokens(text: str) -> Iterator[Token]:
    """The signs of a ruleset, with one of kind ``end`` at last."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            what = "the quotation mark is not closed" if text[at] == '"' else f"{text[at]!r} is not expected"
            raise refused(text, at, what)
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), at, match.end())
        at = match.end()
    yield Token("end", "", at, at)


def unquoted(text: str) -> str:
    r"""A string without its quotation marks; only ``\"`` is an escape: a regular expression keeps its backslashes."""
    return text[1:-1].replace('\\"', '"')
