"""Whether a number meets a condition, and conditions on rows as SQL (Athena's)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from localaws.core import AwsError
from localaws.glue_quality.language import Condition, Keyword, Moment, Number, Operand

Compare = Callable[[float, float], bool]

COMPARE: Mapping[str, Compare] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def wrong(message: str) -> AwsError:
    """The error for a rule that DQDL does not take."""
    return AwsError("InvalidInputException", message)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def numbers(condition: Condition) -> list[float]:
    """The operands, all of them numbers. Raises InvalidInputException."""
    found = [operand.value for operand in condition.operands if isinstance(operand, Number)]
    if len(found) < len(condition.operands) or condition.operator.endswith("matches"):
        raise wrong(f"The condition {condition.operator} must be on numbers here.")
    return found


def meets(value: float, condition: Condition) -> bool:
    """Whether a number meets the condition; between leaves its ends out, as on AWS."""
    if math.isnan(value):
        return False
    given = numbers(condition)
    if condition.operator in COMPARE:
        return COMPARE[condition.operator](value, given[0])
    if condition.operator == "between":
        return given[0] < value < given[1]
    if condition.operator == "not between":
        return not given[0] < value < given[1]
    return (value in given) == (condition.operator == "in")


def row_condition(column: str, family: str, condition: Condition, at: datetime) -> str:
    """SQL that is true for the rows of which the condition holds, false for others, never null.

    column: as SQL. family: ``number``, ``string``, ``date`` or ``boolean``. at: the time of ``now()``.
    A null row fails, unless NULL is listed, or the condition is negative and does not list it.
    """
    negative = condition.operator in ("!=", "not in")
    if condition.operator in ("in", "not in", "=", "!="):
        return _among(column, family, condition, at, negative=negative)
    if condition.operator.endswith("matches"):
        if family != "string":
            raise wrong(f"matches is for strings; the column is a {family}.")
        (pattern,) = condition.operands
        match = f"regexp_like({column}, {literal(f'^(?:{pattern})$')})"
        return _known(column, f"NOT {match}" if condition.operator.startswith("not") else f"{match} AND {column} <> ''")
    if family not in ("number", "date"):
        raise wrong(f"{condition.operator} is for numbers and dates; the column is a {family}.")
    given = [_value(operand, family, at) for operand in condition.operands]
    if condition.operator in COMPARE:
        return _known(column, f"{column} {condition.operator} {given[0]}")
    inside = f"{column} > {given[0]} AND {column} < {given[1]}"
    return _known(column, f"({inside})" if condition.operator == "between" else f"NOT ({inside})")


def age_condition(column: str, condition: Condition, at: datetime) -> str:
    """SQL that is true for the rows whose time is as long ago as the condition, of hours or days, wants it."""
    given = [operand for operand in condition.operands if isinstance(operand, timedelta)]
    if len(given) < len(condition.operands):
        raise wrong("DataFreshness is compared with hours or days, as in <= 24 hours.")
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "<>"}
    moments = [_timestamp(at - age) for age in given]
    if condition.operator in mirrored:
        return _known(column, f"{column} {mirrored[condition.operator]} {moments[0]}")
    if condition.operator == "between":
        return _known(column, f"{column} < {moments[0]} AND {column} > {moments[1]}")
    raise wrong(f"DataFreshness does not take {condition.operator}.")


def _among(column: str, family: str, condition: Condition, at: datetime, *, negative: bool) -> str:
    plain = [operand for operand in condition.operands if not isinstance(operand, Keyword)]
    words = {operand.name for operand in condition.operands if isinstance(operand, Keyword)}
    if words - {"NULL"} and family != "string":
        raise wrong(f"{', '.join(sorted(words - {'NULL'}))} is for strings; the column is a {family}.")
    parts = []
    if "NULL" in words:
        parts.append(f"{column} IS NULL")
    if "EMPTY" in words:
        parts.append(f"coalesce({column} = '', false)")
    if "WHITESPACES_ONLY" in words:
        parts.append(f"coalesce(trim({column}) = '' AND {column} <> '', false)")
    if plain:
        values = ", ".join(_value(operand, family, at) for operand in plain)
        parts.append(f"coalesce({column} IN ({values}), false)")
    found = " OR ".join(parts)
    return f"NOT ({found})" if negative else f"({found})"


def _known(column: str, test: str) -> str:
    return f"({column} IS NOT NULL AND {test})"


def _value(operand: Operand, family: str, at: datetime) -> str:
    if family == "number" and isinstance(operand, Number):
        return operand.text if "e" not in operand.text.lower() else repr(operand.value)
    if family == "string" and isinstance(operand, str):
        return literal(operand)
    if family == "boolean" and isinstance(operand, str) and operand.lower() in ("true", "false"):
        return operand.lower()
    if family == "date" and isinstance(operand, Moment):
        moment = at + operand.shift
        whole_days = operand.shift % timedelta(days=1) == timedelta()
        return f"DATE '{moment:%Y-%m-%d}'" if whole_days else _timestamp(moment)
    if family == "date" and isinstance(operand, str):
        try:
            moment = datetime.fromisoformat(operand)
        except ValueError:
            raise wrong(f"{operand!r} is not a date: it is written as 2024-01-31.") from None
        return f"DATE '{moment:%Y-%m-%d}'" if len(operand) == 10 else _timestamp(moment)
    raise wrong(f"{_shown(operand)} cannot be compared with a {family}.")


def _shown(operand: Operand) -> str:
    return operand.text if isinstance(operand, Number) else repr(operand) if isinstance(operand, str) else str(operand)


def _timestamp(moment: datetime) -> str:
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"
