"""Java regular expressions, as Trino takes them, as RE2 ones, as DuckDB takes them."""

from __future__ import annotations

import re

from localaws.athena.translate.errors import SqlError, refuse

# What Java knows and RE2 does not, or reads differently.
_FOREIGN = (
    (re.compile(r"\(\?<?[=!]"), "look-around"),
    (re.compile(r"\\[1-9]|\\k<"), "back references"),
    (re.compile(r"\(\?>"), "atomic groups"),
    (re.compile(r"[*+?}]\+"), "possessive quantifiers"),
    (re.compile(r"&&"), "character class intersection"),
    (re.compile(r"\\[hHRXGN]|\\Z|\\e|\\c|\\p\{(?:java|Is|In|[A-Z][a-z]{3,}|XDigit|ASCII)"), "Java character classes"),
    (re.compile(r"\(\?[a-zA-Z-]*[xdU]"), "these inline flags"),
)  # fmt: skip


def to_re2(pattern: str) -> str:
    """The pattern for RE2; refused where the two would differ."""
    bare = re.sub(r"\\\\", "", pattern)
    for foreign, what in _FOREIGN:
        if foreign.search(bare):
            raise refuse(f"{what} in a regular expression")
    try:
        re.compile(re.sub(r"\(\?<([a-zA-Z]\w*)>", r"(?P<\1>", re.sub(r"\\[pP](\{\w+\}|\w)", "x", pattern)))
    except re.error as error:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid regular expression '{pattern}': {error.msg}") from None
    pattern = re.sub(r"\(\?<([a-zA-Z]\w*)>", r"(?P<\1>", pattern)
    return re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\z", pattern)


def groups(pattern: str) -> int:
    """The number of capturing groups."""
    return len(re.findall(r"\((?!\?)|\(\?P<", _without_classes(pattern)))


def optional_group(pattern: str) -> bool:
    """Whether a capturing group may take no part in a match: DuckDB has '' there and Trino null."""
    bare = _without_classes(pattern)
    return "|" in bare or bool(re.search(r"\)(?:[?*]|\{0)", bare))


def _without_classes(pattern: str) -> str:
    return re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", pattern))


def replacement(written: str, available: int) -> str:
    r"""Java's $1 and \$ in a replacement as RE2's \1."""
    result, i = [], 0
    while i < len(written):
        c = written[i]
        if c == "\\" and i + 1 < len(written):
            result.append("\\\\" if written[i + 1] == "\\" else written[i + 1])
            i += 2
        elif c == "$":
            if written[i + 1 : i + 2] == "{":
                raise refuse("named groups in a replacement")
            if not written[i + 1 : i + 2].isdigit():
                raise SqlError("INVALID_FUNCTION_ARGUMENT", "Illegal replacement sequence: " + written)
            end = i + 2
            while end < len(written) and written[end].isdigit() and int(written[i + 1 : end + 1]) <= available:
                end += 1
            number = int(written[i + 1 : end])
            if number > available:
                raise SqlError(
                    "INVALID_FUNCTION_ARGUMENT", f"Illegal replacement sequence: unknown group {{ {number} }}"
                )
            if number > 9:
                raise refuse("more than nine groups in a replacement")
            result.append(f"\\{number}")
            i = end
        else:
            result.append("\\\\" if c == "\\" else c)
            i += 1
    return "".join(result)
