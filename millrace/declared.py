"""Read a YAML mapping into a dataclass, so that what is misspelt, missing or of another type is named and refused."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class DeclarationError(ValueError):
    """A declaration that cannot be read: the message names the file, the key, what is wrong and what is known."""


def entries(kind: type[T], where: str, declared: object) -> tuple[T, ...]:
    """One `kind` for each name of a mapping; its field `name` is the key. Nothing declared gives none."""
    if declared is None:
        return ()
    return tuple(entry(kind, f"{where}.{name}", value, name=name) for name, value in _mapping(where, declared).items())


def entry(kind: type[T], where: str, declared: object, **given: Any) -> T:
    """A `kind` from a mapping: fields without a default must be there, others may be, and nothing else.

    given: fields that are not in the mapping. Raises DeclarationError.
    """
    content = _mapping(where, declared)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in given}  # type: ignore[arg-type]
    for name in content:
        if name not in fields:
            raise DeclarationError(f"{where}.{name}: unknown key; known are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in content and field.default is field.default_factory is dataclasses.MISSING:
            raise DeclarationError(f"{where}.{name} is missing; add it (see millrace/resources.py)")
    values = {name: _value(hints[name], f"{where}.{name}", value) for name, value in content.items()}
    return kind(**given, **values)


def _value(hint: Any, where: str, value: object) -> Any:
    """The value as the field's type has it: a list becomes a tuple, a mapping of a dataclass that dataclass."""
    if typing.get_origin(hint) is types.UnionType:
        if value is None:
            return None
        (hint,) = (each for each in typing.get_args(hint) if each is not type(None))
    origin = typing.get_origin(hint) or hint
    if origin is tuple:
        if not isinstance(value, list):
            raise DeclarationError(f"{where}: {value!r} is not a list; write [one, two]")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, f"{where}[{index}]", item) for index, item in enumerate(value))
    if origin is Mapping:
        return _mapping(where, value)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return entry(origin, where, value)
    if origin is not Any and type(value) is not origin:
        raise DeclarationError(f"{where}: {value!r} is not a {origin.__name__}; mend it")
    return value


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DeclarationError(f"{where}: {value!r} is not a mapping of names to values")
    return value
