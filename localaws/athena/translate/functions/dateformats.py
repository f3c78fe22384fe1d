"""date_format and date_parse (MySQL patterns), format_datetime and parse_datetime (Joda patterns)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localaws.athena.translate import zones
from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import SqlError, refuse
from localaws.athena.translate.functions.resolution import text_argument
from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import TIMESTAMP, TSTZ, UTC, VARCHAR

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

# MySQL's letter: DuckDB's strftime.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I", "i": "%M",
    "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p", "S": "%S", "s": "%S",
    "T": "%H:%M:%S", "v": "%V", "W": "%A", "Y": "%Y", "y": "%y", "%": "%%", "x": "%G",
}  # fmt: skip
_PARSEABLE = frozenset("abcdefHhIikLlMmprSsTYy%")
_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S",
    "SSS": "%g",
    "SSSSSS": "%f", "EEEE": "%A", "EEE": "%a", "E": "%a", "a": "%p", "DDD": "%j", "xxxx": "%G", "ww": "%V", "e": "%u",
}  # fmt: skip
_JODA_PARSEABLE = frozenset(("yyyy", "MM", "M", "dd", "d", "HH", "H", "mm", "ss", "SSS", "MMM", "MMMM"))


def _mysql(pattern: str, *, parse: bool) -> str:
    def translate(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in "DUuVwX":
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"%{letter} not supported in date format string")
        if letter not in _MYSQL:
            return letter
        if parse and letter not in _PARSEABLE:
            raise refuse(f"date_parse with %{letter}")
        return _MYSQL[letter]

    return re.sub(r"%(.)", translate, pattern)


def date_format(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """A timestamp as text by a pattern of MySQL."""
    value = _moment(binder, node, arguments)
    pattern = _mysql(text_argument(binder, arguments[1], "a date format"), parse=False)
    return combine(_strftime(value, pattern), VARCHAR, [value])


def _strftime(value: Value, pattern: str) -> str:
    local = zones.local(value) if value.type.name == TSTZ else value.sql
    if "%f" in pattern and value.type.precision > 3:
        local = f"date_trunc('milliseconds', {local})"  # Trino formats no more than milliseconds
    return f"strftime({local}, {text(pattern)})"


def _moment(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) != 2:
        binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters for function {node.name.lower()}", node)
    value = binder.bind(arguments[0])
    if value.type.name in ("date", "unknown"):
        return coerce(value, TIMESTAMP)
    if value.type.name not in ("timestamp", TSTZ):
        what = f"Unexpected parameters ({value.type}, varchar) for function {node.name.lower()}"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    return value


def date_parse(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """Text as a timestamp(3) by a pattern of MySQL."""
    value = _text(binder, node, arguments)
    written = text_argument(binder, arguments[1], "a date format")
    pattern = _mysql(written, parse=True)
    return combine(_strptime(value, pattern, _shape(pattern)), TIMESTAMP, [value])


def _text(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) != 2:
        binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters for function {node.name.lower()}", node)
    value = binder.bind(arguments[0])
    if value.type.name not in ("varchar", "unknown"):
        what = f"Unexpected parameters ({value.type}, varchar) for function {node.name.lower()}"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    return coerce(value, VARCHAR) if value.type.name == "unknown" else value


def _shape(pattern: str) -> str:
    """A regular expression for the texts that the pattern stands for: strptime itself skips spaces and more."""
    widths = {"Y": r"[+-]?\d{1,9}", "m": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d{1,2}",
              "S": r"\d{1,2}", "f": r"\d{1,9}", "g": r"\d{3}", "y": r"\d{2}", "j": r"\d{1,3}", "p": "[AaPp][Mm]",
              "B": r"[A-Za-z]+", "b": r"[A-Za-z]+", "A": r"[A-Za-z]+", "a": r"[A-Za-z]+", "%": "%"}  # fmt: skip
    pieces = re.split(r"%-?(.)", pattern)
    return "".join(widths[p] if i % 2 else re.escape(p).replace("/", "/") for i, p in enumerate(pieces))


def _strptime(value: Value, pattern: str, shape: str) -> str:
    return f"athena_parse_date({value.sql}, {text(pattern.replace('%-', '%'))}, {text(shape)})"


def _joda(pattern: str, allowed: Any, what: str) -> str:
    result = []
    for token in re.findall(r"'(?:[^']|'')*'|([A-Za-z])(?=(\1*))|[^A-Za-z']", pattern) and _tokens(pattern):
        if token[0] == "'":
            result.append("'" if token == "''" else token[1:-1].replace("''", "'").replace("%", "%%"))
        elif token[0].isalpha():
            if token not in allowed:
                raise refuse(f"{what} with {token}")
            result.append(_JODA[token])
        else:
            result.append(token.replace("%", "%%"))
    return "".join(result)


def _tokens(pattern: str) -> list[str]:
    return [m[0] for m in re.finditer(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+", pattern)]


def format_datetime(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """A timestamp as text by a pattern of Joda."""
    value = _moment(binder, node, arguments)
    pattern = _joda(text_argument(binder, arguments[1], "a date format"), _JODA, "format_datetime")
    return combine(_strftime(value, pattern), VARCHAR, [value])


def parse_datetime(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """Text as a timestamp with time zone by a pattern of Joda, in UTC as the pattern names none."""
    value = _text(binder, node, arguments)
    pattern = _joda(text_argument(binder, arguments[1], "a date format"), _JODA_PARSEABLE, "parse_datetime")
    return combine(_strptime(value, pattern, _shape(pattern)), UTC, [value])
