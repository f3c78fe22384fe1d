"""Trino's types: their text, their DuckDB form, and which type several of them have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from localaws.athena.translate.errors import SqlError, refuse

TSTZ = "timestamp with time zone"


@dataclass(frozen=True, slots=True)
class Type:
    """A Trino type.

    name: ``bigint``, ``decimal``, ``varchar``, ``array``, ``row``, ``timestamp``, ``timestamp with time zone``, ...
    params: precision and scale, length, or fractional digits. args: element types. fields: a row's field names.
    zone: of a timestamp with time zone, the zone that all its values have, or None where each value carries its own.
    """

    name: str
    params: tuple[int, ...] = ()
    args: tuple[Type, ...] = ()
    fields: tuple[str | None, ...] = ()
    zone: str | None = None

    def __str__(self) -> str:
        if self.name == TSTZ:
            return f"timestamp({self.params[0]}) with time zone"
        if self.name == "row":
            parts = [f"{n} {t}" if n else str(t) for n, t in zip(self.fields, self.args, strict=True)]
            return f"row({', '.join(parts)})"
        inner: tuple[object, ...] = self.args or self.params
        return (
            f"{self.name}({','.join(map(str, inner)) if self.params else ', '.join(map(str, inner))})"
            if inner
            else self.name
        )

    @property
    def precision(self) -> int:
        """Digits of a decimal, or fractional digits of a time."""
        return self.params[0]

    @property
    def scale(self) -> int:
        """Fractional digits of a decimal."""
        return self.params[1]


UNKNOWN, BOOLEAN = Type("unknown"), Type("boolean")
TINYINT, SMALLINT, INTEGER, BIGINT = Type("tinyint"), Type("smallint"), Type("integer"), Type("bigint")
REAL, DOUBLE, VARCHAR, VARBINARY, JSON = Type("real"), Type("double"), Type("varchar"), Type("varbinary"), Type("json")
DATE, TIMESTAMP, TIME = Type("date"), Type("timestamp", (3,)), Type("time", (3,))
YEAR_MONTH, DAY_SECOND = Type("interval year to month"), Type("interval day to second")
UTC = Type(TSTZ, (3,), zone="UTC")
INTEGRAL = ("tinyint", "smallint", "integer", "bigint")
NUMERIC = (*INTEGRAL, "decimal", "real", "double")
_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_TEMPORAL = ("date", "timestamp", TSTZ)
_DUCKDB = {
    "unknown": "INTEGER", "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INTEGER",
    "bigint": "BIGINT", "real": "FLOAT", "double": "DOUBLE", "varchar": "VARCHAR", "char": "VARCHAR", "json": "VARCHAR",
    "varbinary": "BLOB", "date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP", "uuid": "UUID",
    "interval year to month": "INTEGER", "interval day to second": "BIGINT",
}  # fmt: skip
_ALIASES = {"int": "integer", "string": "varchar", "float": "real", "binary": "varbinary", "double precision": "double",
            "numeric": "decimal", "dec": "decimal", "struct": "row", "long": "bigint", "bool": "boolean"}  # fmt: skip


def decimal(precision: int, scale: int) -> Type:
    """A decimal type, its precision cut to 38 as Trino does."""
    return Type("decimal", (min(38, precision), scale))


def varchar(length: int | None) -> Type:
    """The varchar type of a length, or of any length."""
    return VARCHAR if length is None else Type("varchar", (length,))


def array(element: Type) -> Type:
    """The array type of an element type."""
    return Type("array", args=(element,))


def map_of(key: Type, value: Type) -> Type:
    """The map type of a key and a value type."""
    return Type("map", args=(key, value))


def duckdb_type(kind: Type) -> str:
    """The DuckDB type in which values of a type are held.

    JSON is its text; an interval is months or milliseconds; a timestamp with time zone is the instant as a UTC
    TIMESTAMP, with its zone's name beside it in a struct where values may have different zones.
    """
    if kind.name == "decimal":
        return f"DECIMAL({kind.precision},{kind.scale})"
    if kind.name == TSTZ:
        return "TIMESTAMP" if kind.zone else "STRUCT(t TIMESTAMP, z VARCHAR)"
    if kind.name == "array":
        return duckdb_type(kind.args[0]) + "[]"
    if kind.name == "map":
        return f"MAP({duckdb_type(kind.args[0])}, {duckdb_type(kind.args[1])})"
    if kind.name == "row":
        return (
            f"STRUCT({', '.join(f'{n} {duckdb_type(t)}' for n, t in zip(field_names(kind), kind.args, strict=True))})"
        )
    if kind.name not in _DUCKDB:
        raise refuse(f"values of type {kind}")
    return _DUCKDB[kind.name]


def field_names(kind: Type) -> list[str]:
    """The quoted DuckDB names of a row's fields: by position where Trino has no name or the same one twice."""
    names = [(n or "").lower() for n in kind.fields]
    unique = all(names) and len(set(names)) == len(names)
    return [f'"{n.replace(chr(34), chr(34) * 2)}"' if unique else f"f{i}" for i, n in enumerate(names)]


def common(left: Type, right: Type) -> Type | None:
    """The type to which Trino coerces both implicitly, or None."""
    if left == right or right.name == "unknown":
        return left
    if left.name == "unknown":
        return right
    if left.name in NUMERIC and right.name in NUMERIC:
        return _common_number(left, right)
    if left.name in ("varchar", "char") and right.name in ("varchar", "char"):
        return _common_text(left, right)
    if left.name in _TEMPORAL and right.name in _TEMPORAL:
        return _common_temporal(left, right)
    if left.name == right.name and len(left.args) == len(right.args) and left.args:
        args = [common(a, b) for a, b in zip(left.args, right.args, strict=True)]
        if any(a is None for a in args):
            return None
        fields = tuple(a if a == b else None for a, b in zip(left.fields, right.fields, strict=True))
        return Type(left.name, args=tuple(a for a in args if a), fields=fields)
    if left.name == right.name == "time":
        return Type("time", (max(left.precision, right.precision),))
    return None


def _common_number(left: Type, right: Type) -> Type:
    names = {left.name, right.name}
    if "double" in names:
        return DOUBLE
    if "real" in names:
        return REAL
    if "decimal" in names:
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.scale, b.scale)
        return decimal(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    return max(left, right, key=lambda t: _DIGITS[t.name])


def as_decimal(kind: Type) -> Type:
    """The decimal type as which an integral type takes part in decimal arithmetic."""
    return kind if kind.name == "decimal" else decimal(_DIGITS[kind.name], 0)


def _common_text(left: Type, right: Type) -> Type:
    name = "char" if left.name == right.name == "char" else "varchar"
    return Type(name, (max(left.params[0], right.params[0]),)) if left.params and right.params else VARCHAR


def _common_temporal(left: Type, right: Type) -> Type:
    digits = max((t.precision for t in (left, right) if t.params), default=0)
    if TSTZ in (left.name, right.name):
        zones = {t.zone if t.name == TSTZ else "UTC" for t in (left, right)}  # the session's zone is UTC
        return Type(TSTZ, (digits,), zone=zones.pop() if len(zones) == 1 else None)
    return Type("timestamp", (digits,)) if "timestamp" in (left.name, right.name) else DATE


def coercible(source: Type, target: Type) -> bool:
    """Whether Trino coerces source to target by itself."""
    if target.name == TSTZ and target.zone is None and source.name in _TEMPORAL:
        return True
    shared = common(source, target)
    return shared is not None and strip_names(shared) == strip_names(target)


def strip_names(kind: Type) -> Type:
    """The type without the names of row fields, which do not matter for equality."""
    if not kind.args:
        return kind
    return replace(kind, args=tuple(map(strip_names, kind.args)), fields=tuple(None for _ in kind.fields))


@cache
def parse_type(text: str) -> Type:
    """The type of a Trino, Athena or Hive type text: ``decimal(10,2)``, ``array<string>``, ``row(a bigint)``."""
    kind, rest = _parse(text.strip())
    if rest.strip():
        raise SqlError("TYPE_NOT_FOUND", f"Unknown type: {text}")
    return kind


def _parse(text: str) -> tuple[Type, str]:
    end = next((i for i, c in enumerate(text) if c in "(<,>)"), len(text))
    name, rest = text[:end].strip().lower(), text[end:]
    inner: list[str] = []
    if rest[:1] in ("(", "<"):
        inner, rest = _arguments(rest)
        tail = " with time zone"
        if rest.lower().startswith(tail):
            name, rest = f"{name}{tail}", rest[len(tail) :]
    return build_type(name, inner), rest


def _arguments(text: str) -> tuple[list[str], str]:
    depth, start = 0, 1
    parts: list[str] = []
    for i, c in enumerate(text):
        depth += (c in "(<") - (c in ")>")
        if depth == 0:
            return [*parts, text[start:i].strip()], text[i + 1 :]
        if c == "," and depth == 1:
            parts.append(text[start:i].strip())
            start = i + 1
    raise SqlError("TYPE_NOT_FOUND", f"Unknown type: {text}")


def build_type(name: str, inner: list[str]) -> Type:
    """The type of a lower-case name and the texts of its arguments."""
    name = _ALIASES.get(name, name)
    if name == "decimal":
        numbers = [int(x) for x in inner] or [38, 0]
        return Type("decimal", (numbers[0], numbers[1] if len(numbers) > 1 else 0))
    if name in ("varchar", "char"):
        return Type(name, (int(inner[0]),)) if inner else (VARCHAR if name == "varchar" else Type("char", (1,)))
    if name in ("timestamp", TSTZ, "time"):
        digits = int(inner[0]) if inner else 3
        if digits > 6:
            raise refuse(f"{name} with more than microseconds")
        return Type(name, (digits,))
    if name in ("array", "map"):
        return Type(name, args=tuple(parse_type(x) for x in inner))
    if name == "row":
        pairs = [_field(x) for x in inner]
        return Type("row", args=tuple(t for _, t in pairs), fields=tuple(n for n, _ in pairs))
    if name not in _DUCKDB or inner:
        raise SqlError("TYPE_NOT_FOUND", f"Unknown type: {name}")
    return Type(name)


def _field(text: str) -> tuple[str | None, Type]:
    cut = min((i for i in (text.find(" "), text.find(":")) if i > 0), default=-1)
    if cut < 0 or text[:cut].endswith(("(", ",")) or "(" in text[:cut] or "<" in text[:cut]:
        return None, parse_type(text)
    return text[:cut].strip().strip('"').lower(), parse_type(text[cut + 1 :])
