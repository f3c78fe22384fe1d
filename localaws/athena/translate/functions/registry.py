"""Function signatures as data: ``name(types) -> type = DuckDB template``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from localaws.athena.translate.scope import Value
from localaws.athena.translate.types import (
    NUMERIC,
    TSTZ,
    UNKNOWN,
    VARCHAR,
    Type,
    coercible,
    common,
)

_LINE = re.compile(r"^(\w+)\((.*?)\) -> (.+?) = (.+)$")
_VARIABLES = "TKVRUNS"  # N: any number, S: varchar of any length, the others: any type


@dataclass(frozen=True)
class Overload:
    """One signature of a function. template: DuckDB SQL with {0}, {1}, ... for the arguments."""

    name: str
    params: tuple[Type, ...]
    variadic: bool
    result: Type
    template: str

    def __str__(self) -> str:
        shown = ["varchar(x)" if p.name == "S" else "number" if p.name == "N" else str(p) for p in self.params]
        return f"{self.name}({', '.join(shown)})"


def table(lines: str) -> dict[str, list[Overload]]:
    """Read a table of signatures, one per line; a line that starts with # is a comment."""
    result: dict[str, list[Overload]] = {}
    for line in lines.strip().splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise ValueError(f"not a signature: {line}")
        texts = _split(match[2])
        variadic = bool(texts) and texts[-1].endswith("...")
        params = tuple(_pattern(t.removesuffix("...")) for t in texts)
        overload = Overload(match[1], params, variadic, _pattern(match[3]), match[4])
        result.setdefault(match[1], []).append(overload)
    return result


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [p for p in [*parts, text[start:].strip()] if p]


def _pattern(text: str) -> Type:
    """A type in a signature: without parameters it stands for any; function(T, R) is a lambda from T to R."""
    text = text.strip()
    if text == "timestamptz":
        return Type(TSTZ)
    if "(" in text and not text.startswith(("timestamp(", "varchar(", "decimal(", "row(")):
        name, inner = text[:-1].split("(", 1)
        return Type(name, args=tuple(_pattern(t) for t in _split(inner)))
    if "(" in text:
        from localaws.athena.translate.types import parse_type

        return parse_type(text)
    return Type(text)


def match(overload: Overload, kinds: Sequence[Type | None], exact: bool) -> dict[str, Type] | None:
    """The types of the signature's variables for these arguments (None: a lambda), or None if it does not fit."""
    patterns = expand(overload, len(kinds))
    if patterns is None:
        return None
    bound: dict[str, Type] = {}
    for pattern, kind in zip(patterns, kinds, strict=True):
        if (pattern.name == "function") != (kind is None):
            return None
        if kind is not None and not _fits(pattern, kind, bound, exact):
            return None
    return bound


def expand(overload: Overload, count: int) -> list[Type] | None:
    """The parameter types for so many arguments."""
    params = list(overload.params)
    if overload.variadic and count >= len(params):
        return params + [params[-1]] * (count - len(params))
    return params if len(params) == count else None


def _fits(pattern: Type, kind: Type, bound: dict[str, Type], exact: bool) -> bool:
    if pattern.name in _VARIABLES:
        return _bind(pattern.name, kind, bound)
    if kind.name == "unknown":
        for name in variables(pattern):
            bound.setdefault(name, UNKNOWN)
        return True
    if pattern.args:
        same = kind.name == pattern.name and len(kind.args) == len(pattern.args)
        return same and all(_fits(p, k, bound, exact) for p, k in zip(pattern.args, kind.args, strict=True))
    if kind.name == pattern.name:
        return not pattern.params or coercible(kind, pattern)
    if exact:
        return False
    return coercible(kind, target(pattern, kind))


def _bind(name: str, kind: Type, bound: dict[str, Type]) -> bool:
    if name == "N" and kind.name not in (*NUMERIC, "unknown"):
        return False
    if name == "S":
        if kind.name not in ("varchar", "char", "unknown"):
            return False
        kind = kind if kind.name == "varchar" else VARCHAR
    shared = common(bound.get(name, UNKNOWN), kind)
    if shared is None:
        return False
    bound[name] = shared
    return True


def variables(pattern: Type) -> list[str]:
    """The names of the variables in a pattern."""
    return [pattern.name] if pattern.name in _VARIABLES else [v for a in pattern.args for v in variables(a)]


def target(pattern: Type, kind: Type) -> Type:
    """The full type for a pattern that leaves precision open, given the argument's type."""
    if pattern.name in ("timestamp", TSTZ) and not pattern.params:
        digits = kind.params if kind.name in ("timestamp", TSTZ) else (3,)
        zone = (kind.zone if kind.name == TSTZ else "UTC") if pattern.name == TSTZ else None
        return Type(pattern.name, digits, zone=zone)
    if pattern.name == "decimal" and not pattern.params:
        from localaws.athena.translate.types import INTEGRAL, as_decimal

        return as_decimal(kind) if kind.name in (*INTEGRAL, "decimal") else pattern
    return pattern


def instantiate(pattern: Type, bound: dict[str, Type], kind: Type | None = None) -> Type:
    """The pattern with its variables replaced."""
    if pattern.name in _VARIABLES:
        return bound.get(pattern.name, UNKNOWN)
    if pattern.args:
        return Type(pattern.name, args=tuple(instantiate(a, bound) for a in pattern.args))
    if kind is not None and kind.name == pattern.name and not pattern.params:
        return kind
    return (
        target(pattern, kind)
        if kind is not None
        else (pattern if pattern.name != "timestamp" or pattern.params else Type("timestamp", (3,)))
    )


def pick(overloads: Sequence[Overload], kinds: Sequence[Type | None]) -> tuple[Overload, dict[str, Type]] | None:
    """The signature for argument types: one that fits as they are, else one that they can be coerced to."""
    for exact in (True, False):
        for overload in overloads:
            bound = match(overload, kinds, exact)
            if bound is not None:
                return overload, bound
    return None


def argument_types(values: Sequence[Value | None]) -> list[Type | None]:
    """Types of bound arguments; None for a lambda."""
    return [v.type if v is not None else None for v in values]
