"""Casts and assignments between Redshift's types, as DuckDB expressions."""

from __future__ import annotations

import re

from localaws.redshift.errors import SqlError
from localaws.redshift.scope import Typed
from localaws.redshift.types import FLOATS, INTEGERS, Type, said

_DATE = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}\s*")
_TIMESTAMP = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?\s*")


def cast(value: Typed, kind: Type) -> Typed:
    """An explicit cast; text that is too long is cut."""
    made = assign(value, kind)
    if kind.name in ("varchar", "bpchar") and not (value.type.args and value.type.args[0] <= kind.args[0]):
        return Typed(f"localaws.cut({made.sql}, {kind.args[0]})", kind)
    return made


def assign(value: Typed, kind: Type) -> Typed:
    """The value as the type, as INSERT and UPDATE convert it; the table's own check refuses text that is too long."""
    old = value.type
    if old == kind:
        return value
    if old.name == "null":
        return Typed(f"CAST(NULL AS {kind.duckdb})", kind)
    if kind.is_text:
        return Typed(_to_text(value), kind)
    if old.is_text:
        return Typed(_from_text(value, kind), kind)
    allowed = (
        (old.is_number and (kind.is_number or (kind.name == "bool" and old.name in INTEGERS)))
        or (old.name == "bool" and kind.name in INTEGERS)
        or ({old.name, kind.name} <= {"date", "timestamp"})
    )
    if not allowed:
        raise SqlError(f"cannot cast type {said(old)} to {said(kind)}")
    return Typed(f"CAST({value.sql} AS {kind.duckdb})", kind)


def _to_text(value: Typed) -> str:
    name = value.type.name
    if value.type.is_text:
        return value.sql
    if name in FLOATS:
        return f"localaws.float_text({value.sql})"
    if name == "interval":
        raise SqlError("cannot cast type interval to character varying")
    return f"CAST({value.sql} AS VARCHAR)"


def _from_text(value: Typed, kind: Type) -> str:
    if kind.name in ("date", "timestamp"):
        pattern = _DATE if kind.name == "date" else _TIMESTAMP
        if (
            value.literal is not None
            and not _TIMESTAMP.fullmatch(value.literal)
            and not pattern.fullmatch(value.literal)
        ):
            raise SqlError(f'invalid input syntax for type {said(kind)}: "{value.literal}"')
        if kind.name == "date":
            return f"CAST(CAST({value.sql} AS TIMESTAMP) AS DATE)"
        return f"CAST({value.sql} AS TIMESTAMP)"
    if kind.name in INTEGERS:
        return f"CAST(localaws.whole({value.sql}) AS {kind.duckdb})"
    if kind.name == "bool":
        return f"localaws.truth({value.sql})"
    if kind.is_number:
        return f"CAST(localaws.number({value.sql}) AS {kind.duckdb})"
    raise SqlError(f"cannot cast type {said(value.type)} to {said(kind)}")
