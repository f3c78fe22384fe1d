"""Tokens of a statement, for the parsers of statements that are not queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localaws.core import AwsError

TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<string>'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<word>[^\W\d][\w$]*|[$@][\w$]+)
  | (?P<symbol>->|=>|<>|!=|<=|>=|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)
STRING = re.compile(r"'(?:[^']|'')*'")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


class ParseError(AwsError):
    """The statement is not what the grammar wants; ``line`` and ``column`` count from 1."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRequestException", message, AthenaErrorCode="MALFORMED_QUERY")


@dataclass(frozen=True)
class Token:
    """One token: kind ``word``, ``quoted``, ``string``, ``number``, ``symbol`` or ``end``, its text and offsets."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text in capitals for a bare word or symbol, nothing for the rest: to compare with keywords."""
        return self.text.upper() if self.kind in ("word", "symbol") else ""

    @property
    def name(self) -> str:
        """The identifier it stands for, without quotes."""
        if self.kind == "quoted":
            mark = self.text[0]
            return self.text[1:-1].replace(mark * 2, mark)
        return self.text

    @property
    def value(self) -> str:
        """A string literal's content, Trino's way: a doubled quote is a quote, a backslash itself."""
        return self.text[1:-1].replace("''", "'")

    @property
    def hive_value(self) -> str:
        r"""A string literal's content, Hive's way: ``\t``, ``\001`` and ``\u0001`` are escapes."""
        return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-3][0-7]{2}|.)", _unescape, self.value, flags=re.DOTALL)


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return ESCAPES.get(code, code)


def tokens(sql: str, *, hive: bool = False) -> list[Token]:
    """All tokens of a statement, comments left out, ended by one of kind ``end``."""
    return list(scan(sql, hive=hive))


def scan(sql: str, *, hive: bool = False) -> Iterator[Token]:
    """The tokens one by one."""
    at = 0
    while at < len(sql):
        match = TOKEN.match(sql, at)
        if match is None:
            raise ParseError(f"{position(sql, at)}: mismatched input {sql[at]!r}")
        kind, text = str(match.lastgroup), match.group()
        if kind == "string" and not hive:
            # Only Hive's statements know backslash escapes.
            text = sql[at : _string_end(sql, at)]
        at += len(text)
        if kind != "space":
            if kind == "symbol" and text in ("'", '"', "`"):
                raise ParseError(f"{position(sql, at - 1)}: mismatched input {text!r}: the quote is not closed")
            yield Token(kind, text, at - len(text), at)
    yield Token("end", "", len(sql), len(sql))


def _string_end(sql: str, start: int) -> int:
    match = STRING.match(sql, start)
    if match is None:
        raise ParseError(f"{position(sql, start)}: mismatched input: the quote is not closed")
    return match.end()


def position(sql: str, offset: int) -> str:
    """Where an offset is, as Athena says it: ``line 1:8``."""
    before = sql[:offset]
    return f"line {before.count(chr(10)) + 1}:{offset - before.rfind(chr(10))}"


class Reader:
    """Reads tokens one by one; every refusal says where and what was expected."""

    def __init__(self, sql: str, *, hive: bool = False) -> None:
        self.sql = sql
        self.hive = hive
        self.all: Sequence[Token] = tokens(sql, hive=hive)
        self.at = 0

    @property
    def next(self) -> Token:
        """The token to be read next."""
        return self.all[self.at]

    def take(self, *keywords: str) -> bool:
        """Read these keywords if they all come next."""
        ahead = [token.upper for token in self.all[self.at : self.at + len(keywords)]]
        if ahead != list(keywords):
            return False
        self.at += len(keywords)
        return True

    def need(self, *keywords: str) -> None:
        """Read these keywords, which must come next."""
        for keyword in keywords:
            if not self.take(keyword):
                raise self.error(keyword)

    def error(self, expected: str) -> ParseError:
        """What to raise where ``expected`` was wanted."""
        where = position(self.sql, self.next.start)
        return ParseError(f"{where}: mismatched input '{self.next.text or '<EOF>'}'. Expecting: {expected}")

    def step(self) -> Token:
        """Read one token, whatever it is."""
        token = self.next
        if token.kind == "end":
            raise self.error("more of the statement")
        self.at += 1
        return token

    def identifier(self) -> str:
        """Read a name; names are lower case in the catalog, quoted or not."""
        if self.next.kind not in ("word", "quoted"):
            raise self.error("<identifier>")
        return self.step().name.lower()

    def names(self) -> tuple[str, ...]:
        """Read a dotted name."""
        found = [self.identifier()]
        while self.take("."):
            found.append(self.identifier())
        return tuple(found)

    def string(self) -> str:
        """Read a string literal."""
        if self.next.kind != "string":
            raise self.error("<string>")
        token = self.step()
        return token.hive_value if self.hive else token.value

    def close(self) -> None:
        """The statement must end here; a last semicolon is allowed."""
        self.take(";")
        if self.next.kind != "end":
            raise self.error("<EOF>")

    def rest(self) -> str:
        """The text of all that is left, without a last semicolon; an error if nothing is."""
        if self.next.kind == "end":
            raise self.error("<query>")
        last = self.all[-2]
        end = last.start if last.upper == ";" else last.end
        text = self.sql[self.next.start : end]
        self.at = len(self.all) - 1
        return text

    def group(self) -> str:
        """Read a parenthesised text and return what is inside."""
        if self.next.upper != "(":
            raise self.error("'('")
        start, depth = self.next.end, 0
        while True:
            token = self.step()
            depth += {"(": 1, ")": -1}.get(token.upper, 0)
            if depth == 0:
                return self.sql[start : token.start]
