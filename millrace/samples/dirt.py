"""Rows that a contract must refuse, one kind of fault each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from millrace.samples.styles import Style

Fields = dict[str, bytes]


def _set(column: str, value: bytes) -> Callable[[Fields], Fields]:
    return lambda fields: {**fields, column: value}


# Kind → the column that it needs, and what it does to the fields of a good row.
_CELLS: dict[str, tuple[str, Callable[[Fields], Fields]]] = {
    "missing_user": ("user_id", _set("user_id", b"")),
    "missing_company": ("company_id", _set("company_id", b"")),
    "missing_time": ("login_at", _set("login_at", b"")),
    "impossible_login_date": ("login_at", _set("login_at", b"2024-02-30T12:00:00Z")),
    "unreadable_login_time": ("login_at", _set("login_at", b"yesterday")),
    "future_login": ("login_at", _set("login_at", b"2093-01-01T00:00:00Z")),
    "impossible_acceptance_date": ("accepted_at", _set("accepted_at", b"31/02/2024")),
    "unreadable_acceptance_time": ("accepted_at", _set("accepted_at", b"not yet")),
    "latitude_out_of_range": ("latitude", _set("latitude", b"147.3769")),
    "longitude_out_of_range": ("longitude", _set("longitude", b"-208.5417")),
    "bad_number": ("latitude", _set("latitude", b"47.37.69")),
    "bad_utf8": ("city", _set("city", b"Z\xff\xferich")),
    "nul_byte": ("city", _set("city", b"Z\x00rich")),
}
_LINES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "too_few_fields": lambda line, delimiter: line.rsplit(delimiter, 1)[0],
    "too_many_fields": lambda line, delimiter: line + delimiter + b"surplus",
    "garbage_line": lambda line, delimiter: b"#### connection reset by peer ####",
}
_LOGIN_KINDS = (
    "missing_user", "missing_time", "impossible_login_date", "unreadable_login_time", "future_login",
    "latitude_out_of_range", "longitude_out_of_range", "bad_number", "too_few_fields", "too_many_fields",
    "garbage_line", "bad_utf8", "nul_byte",
)  # fmt: skip
_COMPANY_KINDS = (
    "missing_user", "missing_company", "impossible_acceptance_date", "unreadable_acceptance_time", "too_few_fields",
    "too_many_fields", "garbage_line",
)  # fmt: skip
_BYTES = ("bad_utf8", "nul_byte")


def bad_rows(
    rng: np.random.Generator, style: Style, good: Mapping[str, str], count: int, *, logins: bool
) -> list[tuple[str, bytes]]:
    """``count`` rows, each with its kind, as bytes without a line end, made from the good row's fields by column."""
    usual = (style.encoding, style.gzipped) == ("utf-8", False)
    kinds = [
        kind
        for kind in (_LOGIN_KINDS if logins else _COMPANY_KINDS)
        if (kind in _LINES or _CELLS[kind][0] in style.headers) and (usual or kind not in _BYTES)
    ]
    delimiter = style.delimiter.encode()
    rows = []
    for kind in rng.choice(kinds, count).tolist():
        fields = {column: good[column].encode() for column in style.headers}
        if kind in _CELLS:
            fields = _CELLS[kind][1](fields)
        line = delimiter.join(fields.values())
        rows.append((kind, _LINES[kind](line, delimiter) if kind in _LINES else line))
    return rows
