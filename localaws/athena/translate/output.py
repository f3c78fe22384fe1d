"""The last step: values that DuckDB holds in a form of ours become text as Athena prints it."""

from __future__ import annotations

from localaws.athena.translate.casts import cast
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.queries import Bound
from localaws.athena.translate.scope import Value
from localaws.athena.translate.types import TSTZ, VARCHAR, Type

_SHOWN_AS_TEXT = (TSTZ, "interval year to month", "interval day to second", "time")


def shown_values(bound: Bound) -> str:
    """The query's SQL, its zoned timestamps, intervals and times as text."""
    if not any(_in_our_form(c.type) for c in bound.columns):
        return bound.sql
    listed = []
    for name, column in zip(bound.names, bound.columns, strict=True):
        value = Value(f"q.{name}", column.type)
        if column.type.name in _SHOWN_AS_TEXT:
            listed.append(f"{cast(value, VARCHAR).sql} AS {name}")
        elif _in_our_form(column.type):
            raise refuse(f"a result of type {column.type}")
        else:
            listed.append(value.sql)
    return f"SELECT {', '.join(listed)} FROM ({bound.sql}) AS q"


def _in_our_form(kind: Type) -> bool:
    return kind.name in _SHOWN_AS_TEXT or any(map(_in_our_form, kind.args))
