"""Partitions: the registered or projected ones of a table, which of them a query needs, and what their values mean."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import quote, unquote

from localaws.athena.errors import QueryError
from localaws.athena.locations import Location
from localaws.athena.locations import parse as parse_location
from localaws.athena.types import Type

NULL = "__HIVE_DEFAULT_PARTITION__"
PARTITION_LIMIT = 100
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Value = str | int | bool | date | Decimal | None


@dataclass(frozen=True)
class Partition:
    """One partition: the texts of its values in the order of the partition keys, and where its objects are."""

    values: tuple[str, ...]
    location: Location


class Condition(Protocol):
    """What a query demands of a column: ``column operator value``; ``in`` and ``between`` have several values."""

    @property
    def column(self) -> str:
        """The column's name."""

    @property
    def operator(self) -> str:
        """``=``, ``<``, ``in`` and so on."""

    @property
    def values(self) -> tuple[Any, ...]:
        """Plain Python values."""


def registered(partitions: Iterable[Mapping[str, Any]], serde: str) -> list[Partition]:
    """The partitions of the catalog; one in another format than its table is refused."""
    found = []
    for partition in partitions:
        storage = partition.get("StorageDescriptor") or {}
        own = (storage.get("SerdeInfo") or {}).get("SerializationLibrary") or serde
        if own != serde:
            raise QueryError(
                "NOT_SUPPORTED", f"partition {partition['Values']} is in format {own}, its table in {serde}"
            )
        found.append(Partition(tuple(partition["Values"]), parse_location(storage["Location"])))
    return found


def typed(text: str, kind: Type) -> Value:
    """What a partition value's text means; raises QueryError HIVE_INVALID_PARTITION_VALUE if it is not of the type."""
    if text == NULL:
        return None
    base = kind.base
    try:
        if base in ("tinyint", "smallint", "integer", "bigint") and re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if base == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
        if base == "decimal":
            return Decimal(text)
        if base == "boolean" and text.lower() in ("true", "false"):
            return text.lower() == "true"
    except (ValueError, InvalidOperation):
        pass
    if base in ("varchar", "char"):
        return text
    if base in ("tinyint", "smallint", "integer", "bigint", "date", "decimal", "boolean"):
        raise QueryError(
            "HIVE_INVALID_PARTITION_VALUE", f"Invalid partition value '{text}' for {kind.athena} partition"
        )
    raise QueryError("NOT_SUPPORTED", f"a partition key of type {kind.athena} is not supported here")


def matches(partition: Sequence[str], keys: Sequence[tuple[str, Type]], conditions: Iterable[Condition]) -> bool:
    """Whether the partition may hold rows that meet all conditions; conditions that are not understood drop nothing."""
    values = {name: typed(text, kind) for text, (name, kind) in zip(partition, keys, strict=True)}
    return all(_holds(values[one.column], one) for one in conditions if one.column in values)


def _holds(value: Value, condition: Condition) -> bool:
    # A comparison with NULL is never true; IS NULL is not among the conditions that are understood.
    op, wanted = condition.operator.lower(), condition.values
    if op not in ("in", "between", *COMPARISONS):
        return True
    if value is None:
        return False
    if op == "in" and value in wanted:  # before looking at each of what may be thousands of values
        return True
    if not all(_comparable(value, other) for other in wanted):
        return True
    if op == "in":
        return False
    if op == "between":
        return bool(wanted[0] <= value <= wanted[1])
    return bool(COMPARISONS[op](value, wanted[0]))


def may_hold(bounds: tuple[Any, Any] | None, condition: Condition) -> bool:
    """Whether values from the smallest to the largest may meet a condition; what is not understood they may meet."""
    wanted = condition.values
    if bounds is None or not all(_comparable(bounds[0], value) for value in wanted):
        return True
    smallest, largest = bounds
    match condition.operator.lower():
        case "=" | "in":
            return any(smallest <= value <= largest for value in wanted)
        case "between":
            return bool(smallest <= wanted[1] and wanted[0] <= largest)
        case "<" | "<=" as less:
            return bool(COMPARISONS[less](smallest, wanted[0]))
        case ">" | ">=" as more:
            return bool(COMPARISONS[more](largest, wanted[0]))
    return True


def _comparable(value: Any, other: Any) -> bool:
    """Whether Python compares the two as Trino would."""
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    if isinstance(value, int | Decimal):
        return isinstance(other, int | Decimal)
    return type(value) is type(other)


def path_of(keys: Sequence[str], values: Sequence[str]) -> str:
    """The Hive path of a partition: ``key=value/key=value/``, escaped as Hive does."""
    return "".join(f"{key}={escape(value)}/" for key, value in zip(keys, values, strict=True))


def escape(value: str) -> str:
    """A value as Hive writes it into a path: characters that mean something there become ``%XX``."""
    return re.sub(r"[\x00-\x1f\"#%'*/:=?\\\x7f{\[\]^]", lambda match: quote(match.group(), safe=""), value)


def values_of(path: str, keys: Sequence[str]) -> tuple[str, ...] | None:
    """The values in a path ``key=value/…`` if it holds exactly these keys in this order."""
    parts = [part.partition("=") for part in path.strip("/").split("/")]
    if [part[0].lower() for part in parts] != list(keys):
        return None
    return tuple(unquote(part[2]) for part in parts)
