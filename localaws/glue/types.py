"""Column types as the crawler infers them, how they widen, and how similar two schemas are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# A column whose values were all absent; written to the catalog as a string.
UNKNOWN = "unknown"

_LADDER = ("tinyint", "smallint", "int", "bigint", "float", "double")
SIMILARITY = 0.7


@dataclass(frozen=True)
class Array:
    """``array<item>``."""

    item: Type


@dataclass(frozen=True)
class Map:
    """``map<key,value>``."""

    key: Type
    value: Type


@dataclass(frozen=True)
class Struct:
    """``struct<name:type,…>``."""

    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class Decimal:
    """``decimal(precision,scale)``."""

    precision: int
    scale: int


Type = str | Array | Map | Struct | Decimal
Columns = tuple[tuple[str, Type], ...]


@lru_cache(maxsize=4096)
def render(kind: Type) -> str:
    """The type as the Glue catalog writes it."""
    match kind:
        case Array(item):
            return f"array<{render(item)}>"
        case Map(key, value):
            return f"map<{render(key)},{render(value)}>"
        case Struct(fields):
            return f"struct<{','.join(f'{name}:{render(field)}' for name, field in fields)}>"
        case Decimal(precision, scale):
            return f"decimal({precision},{scale})"
        case _:
            return "string" if kind == UNKNOWN else kind


def widen(left: Type, right: Type) -> Type | None:
    """The type that holds both without loss of meaning; None if there is none."""
    if left == right or right == UNKNOWN:
        return left
    if left == UNKNOWN:
        return right
    match left, right:
        case Array(one), Array(other):
            return Array(either(one, other))
        case Map(key, one), Map(other_key, other):
            return Map(either(key, other_key), either(one, other))
        case Struct(one), Struct(other):
            return Struct(merge([one, other]))
        case Decimal(p, s), Decimal(q, t):
            scale = max(s, t)
            return Decimal(min(38, max(p - s, q - t) + scale), scale)
    if left in _LADDER and right in _LADDER:
        wider = max(_LADDER.index(str(left)), _LADDER.index(str(right)))
        # A float cannot hold every int or bigint.
        return "double" if _LADDER[wider] == "float" and "float" in (left, right) else _LADDER[wider]
    return None


def either(left: Type, right: Type) -> Type:
    """The wider type, or string where the two do not meet."""
    return widen(left, right) or "string"


def merge(schemas: Iterable[Columns]) -> Columns:
    """All columns of all schemas, in the order in which they first appear."""
    merged: dict[str, Type] = {}
    for columns in dict.fromkeys(schemas):
        for name, kind in columns:
            merged[name] = either(merged[name], kind) if name in merged else kind
    return tuple(merged.items())


@lru_cache(maxsize=4096)
def similar(left: Columns, right: Columns) -> bool:
    """Whether the narrower schema finds 70 % of its columns, of types that meet, in the other."""
    if left == right:
        return True
    narrow, wide = sorted((left, right), key=len)
    known = dict(wide)
    shared = sum(name in known and widen(kind, known[name]) is not None for name, kind in narrow)
    return bool(narrow) and shared / len(narrow) >= SIMILARITY
