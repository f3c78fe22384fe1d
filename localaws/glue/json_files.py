"""The columns of a JSON file: objects one after the other, a line each or not, or one array."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.glue.json_paths import Path, follow
from localaws.glue.types import UNKNOWN, Array, Columns, Struct, Type, either

_SPACE = re.compile(r"\s*")
_INT = 2**31
_BIGINT = 2**63
_PLAIN: Mapping[type, Type] = {str: "string", bool: "boolean", float: "double", type(None): UNKNOWN}


def describe(text: str, whole: bool) -> tuple[Columns, int, int] | None:
    """Columns, records and bytes read of a sample; None if it is not JSON or no record in it is whole."""
    start = _skip(text, 0)
    if not text.startswith(("{", "["), start):
        return None
    if text[start] == "[":
        items, end = _values(text, start + 1, whole, separator=",")
        if end is None or not items:
            return None
        # The built-in classifier sees an array as one record with one column.
        item: Type = UNKNOWN
        for value in items:
            item = either(item, _type(value))
        return (("array", Array(item)),), 1, len(text[:end].encode())
    records, end = _values(text, start, whole, separator="")
    if end is None or not records or not all(isinstance(record, dict) for record in records):
        return None
    return _merged(records), len(records), len(text[:end].encode())


def describe_records(text: str, whole: bool, path: Path) -> tuple[Columns, int, int] | None:
    """As ``describe``, of the objects to which a path leads; None if there are none."""
    start = _skip(text, 0)
    if not text.startswith(("{", "["), start):
        return None
    # An array may be longer than the sample.
    within = text[start] == "[" and path[:1] == (None,)
    values, end = _values(text, start + within, whole, separator="," if within else "")
    if end is None:
        return None
    records = list(follow(values, path[within:]))
    if not records or not all(isinstance(record, dict) for record in records):
        return None
    return _merged(records), len(records), len(text[:end].encode())


def _merged(records: list[Any]) -> Columns:
    merged: dict[str, Type] = {}
    for record in records:
        for name, value in record.items():
            column, kind = name.lower(), _type(value)
            known = merged.get(column)
            if known != kind:
                merged[column] = kind if known is None else either(known, kind)
    return tuple(merged.items())


def _values(text: str, at: int, whole: bool, *, separator: str) -> tuple[list[Any], int | None]:
    """The values from a place on, and where reading stopped, or None if the text is not JSON."""
    decoder = json.JSONDecoder()
    values: list[Any] = []
    while True:
        at = _skip(text, at)
        if at == len(text):
            return values, None if whole and separator else at
        if separator and text[at] == "]":
            return values, at + 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            # A sample may end within a record.
            return values, None if whole else at
        values.append(value)
        at = _skip(text, at)
        if separator and text.startswith(separator, at):
            at += 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _type(value: Any) -> Type:
    if kind := _PLAIN.get(type(value)):
        return kind
    if isinstance(value, int):
        if -_INT <= value < _INT:
            return "int"
        return "bigint" if -_BIGINT <= value < _BIGINT else "double"
    if isinstance(value, dict):
        return Struct(tuple((name.lower(), _type(inner)) for name, inner in value.items()))
    item: Type = UNKNOWN
    for element in value:
        item = either(item, _type(element))
    return Array(item)
