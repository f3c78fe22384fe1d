"""The grammar of the jq filters that partition keys are taken with: text to a tree of tuples.

A node is ``(kind, …)``; ``localaws.firehose.jq`` gives each kind its meaning. What is not in the grammar is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any

Node = tuple[Any, ...]

TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:
    (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<field>\.[A-Za-z_][A-Za-z_0-9]*)
  | (?P<variable>\$[A-Za-z_][A-Za-z_0-9]*)
  | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<format>@[a-z0-9]+)
  | (?P<symbol>//|==|!=|<=|>=|\.\.|[.\[\](){}|,:;?<>=+\-*/%"])
    )""",
    re.VERBOSE,
)
KEYWORDS = frozenset(
    [
        "and",
        "or",
        "if",
        "then",
        "elif",
        "else",
        "end",
        "as",
        "try",
        "catch",
        "def",
        "reduce",
        "foreach",
        "label",
        "import",
        "include",
    ]
)
COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
REFUSED = frozenset(["def", "reduce", "foreach", "label", "import", "include"])
MAX_DEPTH = 60


class JqError(Exception):
    """The filter cannot be read, or cannot be applied to a value."""


class Parser:
    """Reads one filter; ``parse`` gives its tree or raises JqError."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._kind = ""
        self._word = ""
        self._advance()

    def parse(self) -> Node:
        """The whole filter."""
        tree = self._pipe()
        if self._kind:
            raise self._unexpected()
        return tree

    def _advance(self) -> None:
        match = TOKEN.match(self._text, self._at)
        if match is None:
            rest = self._text[self._at :].strip()
            if rest and not rest.startswith("#"):
                raise JqError(f"jq: syntax error at {rest[:20]!r}")
            self._kind = self._word = ""
            return
        self._at = match.end()
        self._kind = str(match.lastgroup)
        self._word = match.group(self._kind)

    def _is(self, *words: str) -> bool:
        return self._kind in ("symbol", "name") and self._word in words

    def _take(self, *words: str) -> str:
        """The token if it is one of these, which is then passed; else nothing."""
        if not self._is(*words):
            return ""
        word = self._word
        self._advance()
        return word

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(f", expected {word!r}")

    def _unexpected(self, more: str = "") -> JqError:
        if self._word in REFUSED:
            return JqError(f"jq: {self._word!r} is not supported by the embedded AWS")
        return JqError(f"jq: syntax error: unexpected {self._word or 'end of the filter'!r}{more}")

    def _pipe(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise JqError("jq: the filter is nested too deeply")
        left = self._comma()
        if self._take("as"):
            if self._kind != "variable":
                raise self._unexpected(", expected a variable")
            name = self._word
            self._advance()
            self._need("|")
            left = ("bind", left, name, self._pipe())
        elif self._take("|"):
            left = ("pipe", left, self._pipe())
        self._depth -= 1
        return left

    def _comma(self) -> Node:
        left = self._alternative()
        while self._take(","):
            left = ("comma", left, self._alternative())
        return left

    def _alternative(self) -> Node:
        left = self._or()
        return ("alternative", left, self._alternative()) if self._take("//") else left

    def _or(self) -> Node:
        left = self._and()
        while self._take("or"):
            left = ("or", left, self._and())
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self._take("and"):
            left = ("and", left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._sum()
        if word := self._take(*COMPARISONS):
            left = ("binary", word, left, self._sum())
            if self._is(*COMPARISONS):
                raise self._unexpected()
        return left

    def _sum(self) -> Node:
        left = self._product()
        while word := self._take("+", "-"):
            left = ("binary", word, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._postfix()
        while word := self._take("*", "/", "%"):
            left = ("binary", word, left, self._postfix())
        return left

    def _postfix(self) -> Node:
        if self._take("-"):
            return ("negate", self._postfix())
        if self._take("try"):
            body = self._postfix()
            return ("try", body, self._postfix() if self._take("catch") else None)
        term = self._term()
        while True:
            if self._kind == "field":
                term = ("index", term, ("value", self._word[1:]))
                self._advance()
            elif self._is("[") or (self._is(".") and self._next() in ("[", '"')):
                self._take(".")
                term = self._index(term)
            elif self._take("?"):
                term = ("try", term, None)
            else:
                return term

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _index(self, term: Node) -> Node:
        if self._is('"'):
            return ("index", term, self._string())
        self._need("[")
        if self._take("]"):
            return ("iterate", term)
        start = None if self._is(":") else self._pipe()
        if self._take(":"):
            end = None if self._is("]") else self._pipe()
            self._need("]")
            return ("slice", term, start, end)
        self._need("]")
        assert start is not None
        return ("index", term, start)

    def _term(self) -> Node:
        kind, word = self._kind, self._word
        if kind == "number":
            self._advance()
            return ("value", json.loads(word))
        if kind == "field":
            self._advance()
            return ("index", ("self",), ("value", word[1:]))
        if kind == "variable":
            self._advance()
            return ("variable", word)
        if kind == "format":
            self._advance()
            return ("call", word, ())
        if kind == "name" and word not in KEYWORDS:
            return self._call()
        if self._is('"'):
            return self._string()
        if self._take("."):
            return self._index(("self",)) if self._is('"') else ("self",)
        if self._take("("):
            inner = self._pipe()
            self._need(")")
            return inner
        if self._take("["):
            items = None if self._is("]") else self._pipe()
            self._need("]")
            return ("array", items)
        if self._take("{"):
            return self._object()
        if self._take("if"):
            return self._if()
        raise self._unexpected()

    def _call(self) -> Node:
        name = self._word
        self._advance()
        arguments = []
        if self._take("("):
            arguments.append(self._pipe())
            while self._take(";"):
                arguments.append(self._pipe())
            self._need(")")
        return ("call", name, tuple(arguments))

    def _if(self) -> Node:
        condition = self._pipe()
        self._need("then")
        then = self._pipe()
        if self._take("elif"):
            return ("if", condition, then, self._if())
        otherwise = self._pipe() if self._take("else") else ("self",)
        self._need("end")
        return ("if", condition, then, otherwise)

    def _object(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._take("}"):
            if entries:
                self._need(",")
            entries.append(self._entry())
        return ("object", tuple(entries))

    def _entry(self) -> tuple[Node, Node]:
        kind, word = self._kind, self._word
        key: Node
        if kind == "name":
            self._advance()
            key = ("value", word)
            short: Node = ("index", ("self",), key)
        elif kind == "variable":
            self._advance()
            return ("value", word[1:]), ("variable", word)
        elif self._is('"'):
            key = self._string()
            short = ("index", ("self",), key)
        else:
            self._need("(")
            key = self._pipe()
            self._need(")")
            short = key
            if not self._is(":"):
                raise self._unexpected(", expected ':'")
        if not self._take(":"):
            return key, short
        value = self._postfix()
        while self._take("|"):  # jq allows pipes of terms as a value
            value = ("pipe", value, self._postfix())
        return key, value

    def _string(self) -> Node:
        r"""A string; ``\(…)`` in it is a filter whose result is put there."""
        parts: list[Node] = []
        text = ""
        at = self._at
        while True:
            mark = self._text[at : at + 1]
            if not mark:
                raise JqError("jq: the filter ends within a string")
            if mark == '"':
                break
            if self._text.startswith("\\(", at):
                parts.append(("value", _unescaped(text)))
                text = ""
                self._at = at + 2
                self._advance()
                parts.append(self._pipe())
                if not self._is(")"):
                    raise self._unexpected(", expected ')'")
                at = self._at
                continue
            size = 2 if mark == "\\" else 1
            text += self._text[at : at + size]
            at += size
        self._at = at + 1
        self._advance()
        last = ("value", _unescaped(text))
        return ("interpolate", (*parts, last)) if parts else last


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError as error:
        raise JqError(f"jq: the string {text!r} has an escape that is none") from error
