"""Redshift's types, the types that hold them in DuckDB, and the rules by which operations give types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localaws.redshift.errors import SqlError, Unsupported

INTEGERS = ("int2", "int4", "int8")
FLOATS = ("float4", "float8")
TEXT = ("varchar", "bpchar", "unknown")
MAX_PRECISION = 38
DEFAULT_LENGTH = 256
MAX_LENGTH = 65_535

_NAMES = {
    "smallint": "int2",
    "int2": "int2",
    "integer": "int4",
    "int": "int4",
    "int4": "int4",
    "bigint": "int8",
    "int8": "int8",
    "real": "float4",
    "float4": "float4",
    "double precision": "float8",
    "float8": "float8",
    "float": "float8",
    "decimal": "numeric",
    "numeric": "numeric",
    "boolean": "bool",
    "bool": "bool",
    "varchar": "varchar",
    "character varying": "varchar",
    "nvarchar": "varchar",
    "text": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "nchar": "bpchar",
    "bpchar": "bpchar",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
}
_DUCKDB = {
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "varchar": "VARCHAR",
    "bpchar": "VARCHAR",
    "unknown": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "interval": "INTERVAL",
    "null": "VARCHAR",
}
_PRECISIONS = {"int2": 5, "int4": 10, "int8": 19, "float4": 8, "float8": 17, "bool": 1, "date": 13, "timestamp": 29}
_TYPE = re.compile(r"\s*([a-z_0-9 ]+?)\s*(?:\(\s*(\d+|max)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Type:
    """A type: Redshift's internal name; args are precision and scale of numeric, or the length of text in bytes."""

    name: str
    args: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.args))})" if self.args else self.name

    @property
    def duckdb(self) -> str:
        """The type that holds its values."""
        return f"DECIMAL({self.args[0]}, {self.args[1]})" if self.name == "numeric" else _DUCKDB[self.name]

    @property
    def is_number(self) -> bool:
        """Whether it can be calculated with."""
        return self.name in INTEGERS or self.name in FLOATS or self.name == "numeric"

    @property
    def is_text(self) -> bool:
        """Whether it is text, a bare literal too."""
        return self.name in TEXT

    def numeric(self) -> tuple[int, int]:
        """Precision and scale as a decimal."""
        if self.name == "numeric":
            return self.args[0], self.args[1]
        return _PRECISIONS[self.name], 0

    def metadata(self) -> dict[str, Any]:
        """The parts of a ColumnMetadata that follow from the type."""
        precision, scale = 0, 0
        length = 0
        if self.name == "numeric":
            precision, scale = self.args
        elif self.is_text:
            precision = length = self.args[0] if self.args else DEFAULT_LENGTH
        elif self.name in _PRECISIONS:
            precision = _PRECISIONS[self.name]
            scale = {"float4": 8, "float8": 17, "timestamp": 6}.get(self.name, 0)
        return {
            "isCaseSensitive": self.is_text,
            "isCurrency": False,
            "isSigned": self.is_number,
            "precision": precision,
            "scale": scale,
            "length": length,
            "typeName": "varchar" if self.name in ("unknown", "null") else self.name,
        }


INT4, INT8, FLOAT8, BOOL = Type("int4"), Type("int8"), Type("float8"), Type("bool")
DATE, TIMESTAMP, INTERVAL, NULL = Type("date"), Type("timestamp"), Type("interval"), Type("null")


def text(length: int = DEFAULT_LENGTH) -> Type:
    """Text of so many bytes."""
    return Type("varchar", (min(length, MAX_LENGTH),))


def numeric(precision: int, scale: int) -> Type:
    """A decimal; a precision above 38 is cut as Redshift does."""
    if precision > MAX_PRECISION:
        scale = max(MAX_PRECISION + scale - precision, min(4, scale))
        precision = MAX_PRECISION
    return Type("numeric", (precision, scale))


def parse(given: str) -> Type:
    """The type that SQL names, as ``numeric(10,2)``; raises SqlError."""
    match = _TYPE.fullmatch(given)
    name = " ".join(match.group(1).lower().split()) if match else given
    first, second = (match.group(2), match.group(3)) if match else (None, None)
    if name in (
        "timestamptz",
        "timestamp with time zone",
        "time",
        "timetz",
        "super",
        "geometry",
        "varbyte",
        "hllsketch",
    ):
        raise Unsupported(f"The type {name}")
    if name not in _NAMES:
        raise SqlError(f'type "{name}" does not exist')
    base = _NAMES[name]
    if base == "numeric":
        precision, scale = int(first or 18), int(second or 0)
        if not 1 <= precision <= MAX_PRECISION or scale > min(precision, 37):
            raise SqlError(f"NUMERIC precision {precision} must be between 1 and 38, its scale not above it")
        return Type(base, (precision, scale))
    if base in ("varchar", "bpchar"):
        default = DEFAULT_LENGTH if base == "varchar" or name == "bpchar" else 1
        length = MAX_LENGTH if (first or "").lower() == "max" else int(first or default)
        if not 1 <= length <= MAX_LENGTH:
            raise SqlError(f"length for type {name} cannot be {length}: it may be from 1 to {MAX_LENGTH}")
        return Type(base, (length,))
    return Type(base)


def unified(kinds: Iterable[Type], what: str) -> Type:
    """The type of a CASE, COALESCE, UNION … of values of these types; raises SqlError if there is none."""
    result = NULL
    for kind in kinds:
        result = _pair(result, kind, what)
    return result


def _pair(first: Type, second: Type, what: str) -> Type:
    if first == second or second.name == "null":
        return first
    if first.name == "null":
        return second
    if first.is_text and second.is_text:
        return text(max((*first.args, *second.args), default=DEFAULT_LENGTH))
    if first.name == "unknown" or second.name == "unknown":
        return second if first.name == "unknown" else first
    if first.is_number and second.is_number:
        return _numbers(first, second)
    if {first.name, second.name} == {"date", "timestamp"}:
        return TIMESTAMP
    raise SqlError(f"{what} types {said(first)} and {said(second)} cannot be matched")


def _numbers(first: Type, second: Type) -> Type:
    if first.name in FLOATS or second.name in FLOATS:
        return FLOAT8
    if first.name in INTEGERS and second.name in INTEGERS:
        return max(first, second, key=lambda kind: INTEGERS.index(kind.name))
    (p1, s1), (p2, s2) = first.numeric(), second.numeric()
    scale = max(s1, s2)
    return numeric(max(p1 - s1, p2 - s2) + scale, scale)


def arithmetic(operator: str, first: Type, second: Type) -> Type:
    """The type of a sum, difference, product, quotient or remainder of numbers."""
    if "numeric" not in (first.name, second.name) or first.name in FLOATS or second.name in FLOATS:
        return _numbers(first, second)
    (p1, s1), (p2, s2) = first.numeric(), second.numeric()
    if operator == "*":
        return numeric(p1 + p2 + 1, s1 + s2)
    if operator == "/":
        scale = max(4, s1 + p2 - s2 + 1)
        return numeric(p1 - s1 + s2 + scale, scale)
    scale = max(s1, s2)
    return numeric(max(p1 - s1, p2 - s2) + 1 + scale, scale)


_SAID = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamp": "timestamp without time zone",
}


def said(kind: Type) -> str:
    """The type's name in Redshift's messages."""
    return _SAID.get(kind.name, kind.name)
