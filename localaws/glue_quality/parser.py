"""Reads DQDL: a ruleset's text into rules. What is not DQDL is refused with line and column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, cast

from localaws.core import AwsError, NotSupported
from localaws.glue_quality.language import (
    AnyRule,
    Composite,
    Condition,
    Keyword,
    Moment,
    Number,
    Operand,
    Rule,
    Token,
    refused,
    tokens,
    unquoted,
)

_UNITS = {
    "days": timedelta(days=1),
    "day": timedelta(days=1),
    "hours": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "minutes": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
}
_KEYWORDS = ("NULL", "EMPTY", "WHITESPACES_ONLY")
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_DYNAMIC = ("last", "avg", "min", "max", "sum", "std", "median", "percentile", "index")


def parse(text: str, kinds: Callable[[str], bool]) -> list[AnyRule]:
    """The rules of ``Rules = [ … ]``; kinds says whether there is a rule of that name."""
    return _Parser(text, kinds).ruleset()


class _Parser:
    def __init__(self, text: str, kinds: Callable[[str], bool]) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0
        self._kinds = kinds

    def ruleset(self) -> list[AnyRule]:
        if self._next.text == "Analyzers":
            raise NotSupported("DQDL: Analyzers are not done by the embedded Glue; write rules in Rules = [ … ]")
        self._word("Rules")
        self._sign("=")
        self._sign("[")
        found: list[AnyRule] = []
        while self._next.text != "]":
            found.append(self._rule())
            if self._next.text != "]":
                self._sign(",")
        self._sign("]")
        if self._next.text == "Analyzers":
            raise NotSupported("DQDL: Analyzers are not done by the embedded Glue; write rules in Rules = [ … ]")
        if self._next.kind != "end":
            raise self._wrong("nothing follows the list of rules")
        if not found:
            raise AwsError("InvalidInputException", "Parsing Error: the ruleset has no rules.")
        return found

    def _rule(self) -> AnyRule:
        if self._next.text != "(":
            return self._simple()
        start = self._next.start
        parts = [self._nested()]
        operators: list[str] = []
        while self._next.text.lower() in ("and", "or"):
            operators.append(self._take().text.lower())
            parts.append(self._nested())
        if len(set(operators)) > 1:
            raise refused(self._text, start, "and and or are mixed; put what belongs together in parentheses")
        if not operators:
            return parts[0]
        operator = cast('Literal["and", "or"]', operators[0])
        return Composite(operator, tuple(parts), self._text[start : self._last.end])

    def _nested(self) -> AnyRule:
        self._sign("(")
        rule = self._rule()
        self._sign(")")
        return rule

    def _simple(self) -> Rule:
        name = self._take()
        if name.kind != "word" or not self._kinds(name.text):
            raise refused(self._text, name.start, f"{name.text!r} is not a rule type of DQDL")
        parameters: list[str] = []
        while self._next.kind == "string":
            parameters.append(unquoted(self._take().text))
        condition = None if self._done("with", "where") else self._condition()
        threshold, where = None, None
        while self._next.text in ("with", "where"):
            if self._take().text == "where":
                if self._next.kind != "string":
                    raise self._wrong("where is followed by a condition in quotation marks")
                where = unquoted(self._take().text)
            else:
                if self._next.text != "threshold":
                    raise NotSupported(f"DQDL: with {self._next.text} is not done by the embedded Glue; leave it out")
                self._take()
                threshold = self._condition()
        text = self._text[name.start : self._last.end]
        return Rule(name.text, tuple(parameters), condition, threshold, where, " ".join(text.split()))

    def _done(self, *words: str) -> bool:
        token = self._next
        return token.kind == "end" or token.text in ("]", ",", ")", *words)

    def _condition(self) -> Condition:
        token = self._take()
        negated = token.text == "not"
        if negated:
            token = self._take()
        word = f"not {token.text}" if negated else token.text
        if token.text in _COMPARISONS and not negated:
            return Condition(word, (self._operand(),))
        if token.text == "between":
            low = self._operand()
            self._word("and")
            return Condition(word, (low, self._operand()))
        if token.text == "in":
            return Condition(word, self._listed())
        if token.text == "matches":
            if self._next.kind != "string":
                raise self._wrong("matches is followed by a regular expression in quotation marks")
            return Condition(word, (self._operand(),))
        expected = ", ".join((*_COMPARISONS, "between", "in", "matches"))
        raise refused(self._text, token.start, f"{token.text!r} is not a condition: expected is one of {expected}")

    def _listed(self) -> tuple[Operand, ...]:
        self._sign("[")
        found = [self._operand()]
        while self._next.text == ",":
            self._take()
            found.append(self._operand())
        self._sign("]")
        return tuple(found)

    def _operand(self) -> Operand:
        token = self._take()
        if token.kind == "string":
            return unquoted(token.text)
        if token.kind == "number":
            if self._next.text in _UNITS:
                return float(token.text) * _UNITS[self._take().text]
            return Number(token.text)
        if token.text in _KEYWORDS:
            return Keyword(token.text)
        if token.text == "(":
            moment = self._operand()
            if not isinstance(moment, Moment):
                raise refused(self._text, token.start, "only a date, as in (now() - 3 days), stands in parentheses")
            self._sign(")")
            return moment
        if token.text == "now":
            return self._now()
        if token.text in _DYNAMIC:
            raise AwsError(
                "InvalidInputException",
                f"Parsing Error: {token.text}(…) makes a dynamic rule, which Glue takes in ETL jobs only,"
                " not for tables of the catalog; give a fixed value",
            )
        raise refused(self._text, token.start, f"{token.text!r} is not a value")

    def _now(self) -> Moment:
        self._sign("(")
        self._sign(")")
        sign = 1
        if self._next.kind == "number" and self._next.text.startswith("-"):
            pass  # now() -3 days
        elif self._next.text in ("-", "+"):
            sign = -1 if self._take().text == "-" else 1
        else:
            return Moment()
        shift = self._operand()
        if not isinstance(shift, timedelta):
            raise self._wrong("now() is shifted by days, hours or minutes")
        return Moment(sign * shift)

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    @property
    def _last(self) -> Token:
        return self._tokens[self._at - 1]

    def _take(self) -> Token:
        token = self._next
        if token.kind == "end":
            raise self._wrong("the ruleset ends too early")
        self._at += 1
        return token

    def _sign(self, text: str) -> None:
        if self._next.text != text:
            raise self._wrong(f"expected is {text!r}")
        self._at += 1

    _word = _sign

    def _wrong(self, message: str) -> AwsError:
        shown = self._next.text or "the end"
        return refused(self._text, self._next.start, f"at {shown!r}: {message}")
