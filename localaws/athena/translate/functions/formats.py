"""format(): Java's format strings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localaws.athena.translate.casts import cast, coerce
from localaws.athena.translate.errors import SqlError, refuse
from localaws.athena.translate.functions.resolution import text_argument
from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import BIGINT, DOUBLE, INTEGRAL, VARCHAR

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

_SPEC = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(]*)(\d+)?(?:\.(\d+))?([tT]?[a-zA-Z%])")


def format_call(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    """format(pattern, values...), its pattern a literal."""
    if len(arguments) < 2:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", "There must be two or more arguments", node)
    pattern = text_argument(binder, arguments[0], "a format string")
    values = [binder.bind(a) for a in arguments[1:]]
    pieces, used, place = [], 0, 0
    for match in _SPEC.finditer(pattern):
        pieces.append(_plain(pattern[place : match.start()]))
        place = match.end()
        position, flags, width, precision, letter = match.groups()
        if letter in "%n":
            pieces.append(text("%" if letter == "%" else "\n"))
            continue
        index = int(position) - 1 if position else used
        used += not position
        if index >= len(values):
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Format specifier '{match[0]}'")
        pieces.append(_formatted(values[index], match[0], flags, width, precision, letter))
    pieces.append(_plain(pattern[place:]))
    listed = " || ".join(p for p in pieces if p) or "''"
    return combine(f"({listed})", VARCHAR, values)


def _plain(piece: str) -> str:
    if "%" in piece:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid format string: {piece}")
    return text(piece) if piece else ""


def _formatted(value: Value, spec: str, flags: str, width: str | None, precision: str | None, letter: str) -> str:
    if letter == "s" and set(flags) <= {"-"}:
        sql = _shown(value)
        if precision:
            sql = f"left({sql}, {precision})"
        pad = "rpad" if "-" in flags else "lpad"
        return f"athena_widen({sql}, {width}, {pad}({sql}, {width}, ' '))" if width else sql
    if letter in "dxX" and value.type.name in INTEGRAL and set(flags) <= {"0", ",", "-"} and not precision:
        if letter in "xX" and value.type.name != "bigint":
            raise refuse(f"format with {spec} of {value.type}")
        return _number(coerce(value, BIGINT).sql, spec, flags, width, letter, "")
    digits = int(precision or 6)
    if letter == "f" and value.type.name in ("double", "real", "decimal") and set(flags) <= set("0,-") and digits <= 15:
        return _fixed_point(value, flags, width, digits)
    raise refuse(f"format with {spec} of {value.type}")


def _shown(value: Value) -> str:
    if value.type.name in ("double", "real"):
        return (
            f"coalesce(athena_java_double({coerce(value, DOUBLE).sql}), 'null')"
            if value.type.name == "double"
            else _no(value)
        )
    if value.type.name not in (*INTEGRAL, "varchar", "boolean", "date", "decimal", "unknown"):
        return _no(value)
    return f"coalesce({cast(value, VARCHAR).sql}, 'null')"


def _no(value: Value) -> str:
    raise refuse(f"format with %s of {value.type}")


def _number(sql: str, spec: str, flags: str, width: str | None, letter: str, precision: str) -> str:
    if letter in "xX":
        body = f"to_hex({sql})" if letter == "X" else f"lower(to_hex({sql}))"
    else:
        body = f"format('{{:,}}', {sql})" if "," in flags else f"CAST({sql} AS VARCHAR)"
    return _pad(body, flags, width)


def _pad(body: str, flags: str, width: str | None) -> str:
    if not width:
        return f"coalesce({body}, 'null')"
    if "0" in flags:
        return f"coalesce(athena_zero_pad({body}, {width}), 'null')"
    pad = "rpad" if "-" in flags else "lpad"
    return f"coalesce(athena_widen({body}, {width}, {pad}({body}, {width}, ' ')), 'null')"


def _fixed_point(value: Value, flags: str, width: str | None, digits: int) -> str:
    """Java rounds the shortest decimal text of a double half up, so the decimal, not the double, is rounded."""
    decimal_sql = f"CAST(CAST({value.sql} AS VARCHAR) AS DECIMAL(38,{digits}))"
    body = f"CAST({decimal_sql} AS VARCHAR)"
    if "," in flags:
        body = f"athena_thousands({body})"
    return _pad(body, flags, width)
