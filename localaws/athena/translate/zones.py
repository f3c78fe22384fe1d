"""Timestamps with time zone: an instant in UTC and a zone, the zone known from the type or carried by the value."""

from __future__ import annotations

from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import TSTZ, Type


def with_zone(instant_sql: str, zone: str | Value, precision: int, parts: list[Value]) -> Value:
    """A timestamp with time zone of a UTC instant and a zone (a name, or an expression for one)."""
    if isinstance(zone, str):
        return combine(instant_sql, Type(TSTZ, (precision,), zone=zone), parts)
    packed = f"{{'t': {instant_sql}, 'z': athena_zone({zone.sql})}}"
    return combine(packed, Type(TSTZ, (precision,)), [*parts, zone])


def instant(value: Value) -> str:
    """The UTC TIMESTAMP of a timestamp with time zone."""
    return value.sql if value.type.zone else f"({value.sql}).t"


def zone_sql(value: Value) -> str:
    """The name of its zone."""
    return text(value.type.zone) if value.type.zone else f"({value.sql}).z"


def local(value: Value) -> str:
    """What clocks in its zone show, as a TIMESTAMP."""
    if value.type.zone == "UTC":
        return value.sql
    return f"athena_local({instant(value)}, {zone_sql(value)})"


def from_local(local_sql: str, like: Value) -> str:
    """The UTC instant at which clocks in the zone of a value show local_sql."""
    if like.type.zone == "UTC":
        return local_sql
    return f"athena_instant({local_sql}, {zone_sql(like)})"


def rezone(value: Value, instant_sql: str) -> str:
    """The value with another instant and the same zone, as its type holds it."""
    return instant_sql if value.type.zone else f"{{'t': {instant_sql}, 'z': {zone_sql(value)}}}"
