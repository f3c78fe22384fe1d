"""A purchase as the stream carries it: JSON with what the contract has of it, and nothing personal.

The note stays behind and a keyed hash stands for the customer before a record leaves the producer, so neither the
stream nor what is set apart of it (dead letters, error objects, logs) holds anything personal. A record with any other
field is refused.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from millrace import contracts
from millrace.contracts import Column

_RAW = contracts.get("transactions", "transactions")
_LIVE = contracts.get("transactions", "transactions_live")
_NOT_CARRIED = {column.name for column in _RAW.columns if column.pii}
FIELDS: Mapping[str, Column] = {
    **{column.name: column for column in _RAW.columns if column.name not in _NOT_CARRIED},
    "customer_key": _LIVE.column("customer_key"),
}


class Unreadable(ValueError):
    """A record that is no purchase. The message names the field and what is wrong, and nothing that it holds."""


def customer_key(customer_id: str, key: bytes) -> int:
    """The first 60 bits of HMAC-SHA256: what stands for a customer in every table."""
    return int.from_bytes(hmac.digest(key, customer_id.encode(), "sha256")[:8], "big") >> 4


def encode(purchase: Mapping[str, Any]) -> bytes:
    """A purchase as a record. Amounts are texts, so that no one reads them as floating point numbers."""
    return json.dumps(purchase, separators=(",", ":"), default=str).encode() + b"\n"


def decode(data: bytes) -> dict[str, Any]:
    """The purchase of a record: each field by its type in the contract, None where it is not known.

    Raises Unreadable.
    """
    try:
        row = json.loads(data)
    except ValueError:
        raise Unreadable("the record is not JSON") from None
    if not isinstance(row, dict):
        raise Unreadable("the record is not a JSON object")
    if len(row.keys() - FIELDS.keys()):
        raise Unreadable("the record has fields that a purchase has not")
    return {name: _value(column, row.get(name)) for name, column in FIELDS.items()}


def _value(column: Column, value: object) -> Any:
    if value is None:
        if column.required:
            raise Unreadable(f"{column.name} is missing")
        return None
    found = _typed(column, value)
    if column.allowed is not None and found not in column.allowed:
        raise Unreadable(f"{column.name} is none of {', '.join(map(str, column.allowed))}")
    if column.pattern is not None and not re.fullmatch(column.pattern, found):
        raise Unreadable(f"{column.name} does not match {column.pattern}")
    if (column.min is not None and found < column.min) or (column.max is not None and found > column.max):
        raise Unreadable(f"{column.name} is out of range")
    return found


def _typed(column: Column, value: object) -> Any:
    try:
        if column.type == "bigint" and type(value) is int and -(1 << 63) <= value < 1 << 63:
            return value
        if column.type == "string" and isinstance(value, str):
            return value
        if column.type == "date" and isinstance(value, str):
            return dt.date.fromisoformat(value)
        if column.decimal and isinstance(value, str):
            return _decimal(column.decimal, value)
    except (ValueError, InvalidOperation):
        pass
    raise Unreadable(f"{column.name} is not of type {column.type}")


def _decimal(size: tuple[int, int], value: str) -> Decimal:
    if not re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII):
        raise ValueError(value)
    number = Decimal(value)
    exact = number.quantize(Decimal(1).scaleb(-size[1]))
    if exact != number or len(exact.as_tuple().digits) > size[0]:
        raise ValueError(value)
    return exact
