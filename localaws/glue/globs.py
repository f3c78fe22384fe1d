"""The glob patterns of a crawler's Exclusions, by the rules that AWS documents for them."""

from __future__ import annotations

import re
from functools import cache

from localaws.core import AwsError


@cache
def compile_exclusion(pattern: str) -> re.Pattern[str]:
    r"""A pattern over the object's path relative to the target's include path.

    ``*`` and ``?`` stay within a folder's or file's name, ``**`` crosses folders, ``[…]`` is a set (``!`` negates it),
    ``{a,b}`` are alternatives, ``\`` takes the next character as it is. Raises InvalidInputException if malformed.
    """
    parts: list[str] = []
    at, in_group = 0, False
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            if at == len(pattern):
                raise _invalid(pattern, "nothing follows the backslash")
            parts.append(re.escape(pattern[at]))
            at += 1
        elif char == "*":
            crosses = pattern.startswith("*", at)
            at += crosses
            parts.append(".*" if crosses else "[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise _invalid(pattern, "a [ is not closed")
            parts.append(_set(pattern, pattern[at:end]))
            at = end + 1
        elif char == "{":
            if in_group:
                raise _invalid(pattern, "groups in { } cannot be nested")
            in_group = True
            parts.append("(?:")
        elif char == "}" and in_group:
            in_group = False
            parts.append(")")
        elif char == "," and in_group:
            parts.append("|")
        else:
            parts.append(re.escape(char))
    if in_group:
        raise _invalid(pattern, "a { is not closed")
    return re.compile("".join(parts), re.DOTALL)


def _set(pattern: str, inside: str) -> str:
    negated = inside.startswith("!")
    body = inside[negated:]
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", body)
    try:
        re.compile(f"[{escaped}]")
    except re.error as error:
        raise _invalid(pattern, f"[{inside}] is not a set of characters: {error}") from error
    return f"(?!/)[{'^' if negated else ''}{escaped}]"


def _invalid(pattern: str, why: str) -> AwsError:
    return AwsError("InvalidInputException", f"The exclude pattern {pattern!r} is not valid: {why}.")
