"""Statements as text: one at a time, with its parameters bound, read by sqlglot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from localaws.athena.types import literal
from localaws.redshift.datefunctions import RENAMED
from localaws.redshift.errors import SqlError
from localaws.redshift.lexing import Token, tokens

MAX_SQL = 102_400
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def single(sql: str) -> str:
    """The statement without a semicolon at its end; raises SqlError if there are several, or none."""
    found = tokens(sql)
    while found and found[-1].word == ";":
        found.pop()
    if not found:
        raise SqlError("The statement is empty")
    if any(token.word == ";" for token in found):
        raise SqlError("syntax error: several statements are not allowed here; use BatchExecuteStatement")
    return sql[: found[-1].end]


def bind(sql: str, parameters: Mapping[str, str]) -> tuple[str, set[str]]:
    """The statement with its ``:name`` as text literals, and the names that it has."""
    used: set[str] = set()
    parts, at = [], 0
    found = tokens(sql)
    for colon, name in pairwise(found):
        if colon.word != ":" or name.kind != "word" or name.start != colon.end or colon.start < at:
            continue
        key = name.text
        if key not in parameters:
            used.add(key)
            continue
        used.add(key)
        parts += [sql[at : colon.start], literal(parameters[key])]
        at = name.end
    return "".join([*parts, sql[at:]]), used


def parse(sql: str) -> exp.Expression:
    """The statement's tree; raises SqlError with the place of what is wrong."""
    text = _renamed(sql)
    try:
        tree = sqlglot.parse_one(text, read="redshift")
    except ParseError as error:
        first: Mapping[str, Any] = error.errors[0] if error.errors else {}
        where = first.get("highlight") or "end of input"
        raise SqlError(f'syntax error at or near "{where}"') from error
    except (SqlglotError, RecursionError, ValueError) as error:
        raise SqlError(f"syntax error: {error}") from error
    return tree


def parse_expression(sql: str) -> exp.Expression:
    """An expression alone."""
    tree = parse(f"SELECT {sql}")
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("from_"):
        raise SqlError(f'syntax error at or near "{sql}"')
    found: exp.Expression = tree.expressions[0]
    return found


def _renamed(sql: str) -> str:
    parts, at = [], 0
    found = tokens(sql)
    for name, following in pairwise(found):
        new = RENAMED.get(name.word.lower())
        if new and following.word == "(":
            parts += [sql[at : name.start], new]
            at = name.end
    return "".join([*parts, sql[at:]])


class Reader:
    """Reads a statement that sqlglot has no grammar for, token by token."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = tokens(sql)
        self._at = 0

    @property
    def word(self) -> str:
        """The next token in upper case; empty at the end."""
        token = self.token
        return token.word if token is not None else ""

    @property
    def token(self) -> Token | None:
        """The next token."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    @property
    def done(self) -> bool:
        """Whether all is read."""
        return self.token is None

    def take(self, *words: str) -> bool:
        """Pass these words if they come next."""
        following = self._tokens[self._at : self._at + len(words)]
        if len(following) < len(words) or any(token.word != word for token, word in zip(following, words, strict=True)):
            return False
        self._at += len(words)
        return True

    def need(self, *words: str) -> None:
        """Pass these words, or raise SqlError."""
        if not self.take(*words):
            raise self.unexpected()

    def next(self) -> Token:
        """Pass the next token."""
        token = self.token
        if token is None:
            raise self.unexpected()
        self._at += 1
        return token

    def string(self) -> str:
        """Pass a string."""
        token = self.next()
        if token.kind != "string":
            self._at -= 1
            raise self.unexpected()
        return token.text

    def whole(self) -> int:
        """Pass a whole number."""
        token = self.next()
        if not token.text.isdigit():
            self._at -= 1
            raise self.unexpected()
        return int(token.text)

    def name(self) -> str:
        """Pass an identifier, folded to lower case."""
        token = self.next()
        if token.kind not in ("word", "quoted") or not token.text:
            self._at -= 1
            raise self.unexpected()
        return token.text.lower()

    def qualified(self) -> tuple[str, str]:
        """Pass ``name`` or ``schema.name``."""
        first = self.name()
        return (first, self.name()) if self.take(".") else ("", first)

    def names(self) -> list[str]:
        """Pass names in parentheses."""
        self.need("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.need(")")
        return found

    def rest(self) -> str:
        """What is left of the text."""
        token = self.token
        return self.sql[token.start :] if token is not None else ""

    def until(self, *ends: str) -> str:
        """The text up to one of these words outside of parentheses, or to a closing one, which are not passed."""
        start, depth = self._at, 0
        while (token := self.token) is not None:
            if depth == 0 and (self.word in ends or self.word == ")"):
                break
            depth += {"(": 1, ")": -1}.get(self.word, 0)
            self._at += 1
            del token
        if self._at == start:
            raise self.unexpected()
        return self.sql[self._tokens[start].start : self._tokens[self._at - 1].end]

    def unexpected(self) -> SqlError:
        """The error for the next token."""
        token = self.token
        return SqlError(f'syntax error at or near "{token.text if token else "end of input"}"')
