"""Arithmetic with Redshift's types: whole numbers stay whole, decimals exact, dates move."""

from __future__ import annotations

from localaws.athena.types import literal
from localaws.redshift.casts import assign
from localaws.redshift.errors import SqlError, Unsupported
from localaws.redshift.scope import Typed
from localaws.redshift.types import DATE, FLOATS, INT8, INTEGERS, TIMESTAMP, Type, arithmetic, said


def calculate(operator: str, first: Typed, second: Typed) -> Typed:
    """A sum, difference, product, quotient or remainder; raises SqlError."""
    first, second = _known(first, second), _known(second, first)
    if first.type.name in ("date", "timestamp", "interval") or second.type.name in (
        "date",
        "timestamp",
        "interval",
    ):
        return _moved(operator, first, second)
    if "null" in (first.type.name, second.type.name):
        kind = second.type if first.type.name == "null" else first.type
        return Typed(f"CAST(NULL AS {kind.duckdb})", kind)
    if not (first.type.is_number and second.type.is_number):
        raise SqlError(f"operator does not exist: {said(first.type)} {operator} {said(second.type)}")
    kind = arithmetic(operator, first.type, second.type)
    if operator == "/" and kind.name == "numeric":
        return _decimal_quotient(first, second, kind)
    if kind.name == "numeric" and operator in "+-*":
        return Typed(f"CAST(({_wide(first)} {operator} {_wide(second)}) AS {kind.duckdb})", kind)
    sides = [assign(side, kind).sql for side in (first, second)] if kind.name != "numeric" else [first.sql, second.sql]
    if operator == "/":
        name = "int_div" if kind.name in INTEGERS else "float_div"
        return Typed(f"localaws.{name}({sides[0]}, {sides[1]})", kind)
    if operator == "%":
        if kind.name in FLOATS:
            raise SqlError("operator does not exist: double precision % double precision")
        return Typed(f"CAST(localaws.remainder({sides[0]}, {sides[1]}) AS {kind.duckdb})", kind)
    return Typed(f"({sides[0]} {operator} {sides[1]})", kind)


def _known(value: Typed, other: Typed) -> Typed:
    """A bare literal beside a number or a date takes its type."""
    if value.type.name != "unknown" or other.type.is_text or other.type.name == "null":
        return value
    return assign(value, TIMESTAMP if other.type.name == "interval" else other.type)


def _moved(operator: str, first: Typed, second: Typed) -> Typed:
    """Arithmetic with dates, timestamps and intervals."""
    names = (first.type.name, second.type.name)
    if operator == "-" and names == ("date", "date"):
        return Typed(f"CAST(({first.sql} - {second.sql}) AS BIGINT)", INT8)
    if operator in "+-" and names[0] == "date" and names[1] in INTEGERS:
        return Typed(f"({first.sql} {operator} CAST({second.sql} AS INTEGER))", DATE)
    if operator == "+" and names[1] == "date" and names[0] in INTEGERS:
        return Typed(f"({second.sql} + CAST({first.sql} AS INTEGER))", DATE)
    if operator in "+-" and names[0] == "timestamp" and names[1] in INTEGERS:
        return Typed(f"({first.sql} {operator} to_days(CAST({second.sql} AS INTEGER)))", TIMESTAMP)
    if operator in "+-" and names[0] in ("date", "timestamp") and names[1] == "interval":
        return Typed(f"(CAST({first.sql} AS TIMESTAMP) {operator} {second.sql})", TIMESTAMP)
    if operator == "+" and names[0] == "interval" and names[1] in ("date", "timestamp"):
        return Typed(f"(CAST({second.sql} AS TIMESTAMP) + {first.sql})", TIMESTAMP)
    if operator == "-" and set(names) <= {"date", "timestamp"}:
        raise Unsupported("The difference of timestamps as an interval; use DATEDIFF")
    raise SqlError(f"operator does not exist: {said(first.type)} {operator} {said(second.type)}")


def _wide(value: Typed) -> str:
    """A number as a decimal of as many digits as it needs."""
    precision, scale = value.type.numeric()
    return value.sql if value.type.name == "numeric" else f"CAST({value.sql} AS DECIMAL({precision}, {scale}))"


def _decimal_quotient(first: Typed, second: Typed, kind: Type) -> Typed:
    """Division of decimals: whole numbers are divided, the point is set after."""
    s1, s2 = first.type.numeric()[1], second.type.numeric()[1]
    scale = kind.args[1]
    units = [
        f"CAST({_wide(value)} * CAST({10**places} AS DECIMAL({places + 1}, 0)) AS HUGEINT)"
        for value, places in ((first, s1), (second, s2))
    ]
    shift = scale - s1 + s2
    over = f"({units[0]} * CAST({10 ** max(shift, 0)} AS HUGEINT))"
    under = units[1] if shift >= 0 else f"({units[1]} * CAST({10**-shift} AS HUGEINT))"
    digits = f"CAST(localaws.quotient({over}, {under}) AS DECIMAL(38, 0))"
    point = literal(f"0.{'0' * (scale - 1)}1")
    return Typed(f"CAST(({digits} * CAST({point} AS DECIMAL({scale}, {scale}))) AS {kind.duckdb})", kind)
