"""Redshift's SQL as tokens, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localaws.redshift.errors import SqlError

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+ | --[^\n]* | /\*(?:[^*]|\*(?!/))*\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<word>[\w\#][\w$]*)
  | (?P<symbol>::|<=|>=|<>|!=|\|\||[^\s\w])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"''|\\(['\\])")


@dataclass(frozen=True)
class Token:
    """A token: ``text`` is the content of a string or of a quoted name; start and end are its place in the SQL."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """A bare word or symbol in upper case; empty for strings and quoted names."""
        return self.text.upper() if self.kind in ("word", "symbol", "number") else ""


def tokens(sql: str) -> list[Token]:
    """The tokens, comments and blanks left out; raises SqlError."""
    found, at = [], 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None or match.group() in ("'", '"') or (sql.startswith("/*", at) and match.lastgroup != "skip"):
            raise SqlError("syntax error: a string, a quoted name or a comment does not end")
        kind = str(match.lastgroup)
        if kind != "skip":
            found.append(Token(kind, _content(kind, match.group()), at, match.end()))
        at = match.end()
    return found


def _content(kind: str, text: str) -> str:
    if kind == "string":
        return _ESCAPED.sub(lambda match: match.group(1) or "'", text[1:-1])
    return text[1:-1].replace('""', '"') if kind == "quoted" else text
