"""Parses Athena's queries: sqlglot's Trino grammar, with every function call kept as it was written."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.trino import TrinoParser

from localaws.athena.translate.errors import SqlError

# Calls whose arguments have a grammar of their own; all others stay anonymous, so that the binder, not the parser,
# says what they mean.
_SPECIAL_FORMS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "LISTAGG", "POSITION", "SUBSTRING")
_FOREIGN_OPERATORS = ("::", "==", "~", "~~", "~*", "@>", "<@", "?::", "->>", "#>", "#>>", "^@", "**", "//", "<=>", "&&")
_PARSED_HERE = "athena_query"


def _decimal_of(digits: str, written: Any) -> Any:
    """The type of DECIMAL '12.50': just the digits that it has."""
    whole, _, fraction = digits.strip().lstrip("+-").partition(".")
    precision = max(1, len(whole.lstrip("0")) + len(fraction))
    sizes = [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (precision, len(fraction))]
    return exp.DataType(this=written.this, expressions=sizes, nested=False)


class AthenaQuery(Trino):  # type: ignore[misc]
    """The grammar of Athena's queries."""

    INDEX_OFFSET = 0

    class Tokenizer(Trino.Tokenizer):  # type: ignore[misc]
        """Trino's tokens, without the operators that sqlglot takes from other databases."""

        KEYWORDS: ClassVar[dict[str, Any]] = {
            k: v for k, v in Trino.Tokenizer.KEYWORDS.items() if k not in _FOREIGN_OPERATORS
        }

    class Parser(TrinoParser):  # type: ignore[misc]
        """Trino's grammar, without the meaning that sqlglot gives to functions."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = TrinoParser.TYPE_LITERAL_PARSERS | {
            exp.DType.DECIMAL: lambda self, this, to: self.expression(
                exp.Cast(this=this, to=_decimal_of(this.name, to))
            )
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            k: v for k, v in TrinoParser.FUNCTION_PARSERS.items() if k in _SPECIAL_FORMS
        }


def parse(sql: str) -> Any:
    """The syntax tree of one statement; SqlError where it is none, or more than one."""
    if "\x00" in sql:
        raise SqlError("SYNTAX_ERROR", "the statement has a NUL character")
    try:
        trees = [t for t in AthenaQuery().parse(sql) if t is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f"line {first['line']}:{first['col']}" if first.get("line") else ""
        near = first.get("highlight") or ""
        raise SqlError(
            "SYNTAX_ERROR", f"mismatched input '{near}'. {first.get('description', '')}".strip(), place
        ) from None
    except TokenError as error:
        raise SqlError("SYNTAX_ERROR", str(error).splitlines()[0]) from None
    if len(trees) != 1:
        raise SqlError("SYNTAX_ERROR", "Only one sql statement is allowed" if trees else "the statement is empty")
    trees[0].meta[_PARSED_HERE] = sql
    return trees[0]


def source_of(tree: exp.Expression) -> str:
    """The text from which parse() made the tree that a node belongs to."""
    text = tree.root().meta.get(_PARSED_HERE)
    if not isinstance(text, str):
        raise TypeError("translate_query takes SQL, or a syntax tree made by translate.parse")
    return text
