"""Turn a column of texts into its type: whole columns by Arrow's casts, doubtful cells one by one in ``cells``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace.contracts import Column
from millrace.convert import cells, text

MS = pa.timestamp("ms")
TRUE_TEXTS = sorted({form for word in cells.TRUE for form in (word, word.upper(), word.capitalize())})
FALSE_TEXTS = sorted({form for word in cells.FALSE for form in (word, word.upper(), word.capitalize())})
# Forms of a timestamp column that Arrow's CSV reader and casts parse at once, the usual ones first.
FORMS: dict[str, Any] = {
    "naive": MS,
    "zoned": pa.timestamp("ms", "UTC"),
    "naive_us": pa.timestamp("us"),
    "zoned_us": pa.timestamp("us", "UTC"),
    "naive_ns": pa.timestamp("ns"),
    "zoned_ns": pa.timestamp("ns", "UTC"),
    "epoch": pa.int64(),
}

_DAYS = np.zeros(256, np.uint8)
_DAYS[1:13] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
_CLOCK = re.compile(r":\d\d(?:\.(\d+))?(Z|[+-][\d:]+)?$", re.ASCII)
_LAYOUT = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
_DIGITS = np.equal(_LAYOUT, ord("0"))


def arrow_type(column: Column) -> Any:
    """The column's type in the Parquet file."""
    if column.decimal is not None:
        return pa.decimal128(*column.decimal)
    return {
        "string": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": MS,
    }[column.type]


def _table(characters: str) -> text.Bools:
    table = np.zeros(256, np.bool_)
    table[[ord(character) for character in characters]] = True
    return table


_BYTES = {
    "bigint": _table("0123456789-"),
    "double": _table("0123456789-+.eE"),
    "decimal": _table("0123456789-+.eE"),
    "timestamp": _table("0123456789-+.: TZ"),
}


def likely_form(cell: str) -> str:
    """The one of FORMS that a timestamp column probably has, by one of its cells."""
    match = _CLOCK.search(cell)
    if match is None:
        return "epoch" if cell.isdigit() else "naive"
    digits = len(match[1] or "")
    unit = "" if digits <= 3 else "_us" if digits <= 6 else "_ns"
    return ("zoned" if match[2] else "naive") + unit


def from_text(strings: Any, column: Column, timezone: str, form: str) -> tuple[Any, text.Bools, str]:
    """Typed values of trimmed strings, which cells are bad (null among the values), and the timestamp form met."""
    bad = np.zeros(len(strings), np.bool_)
    kind = column.type.split("(")[0]
    if kind == "string":
        return strings, bad, form
    if kind == "timestamp":
        return _timestamps_at_once(strings, column, timezone, form) or _timestamps(strings, column, timezone, form)
    if kind == "boolean":
        doubtful = np.flatnonzero(~_flags(pc.is_in(strings, value_set=pa.array([*TRUE_TEXTS, *FALSE_TEXTS, None]))))
    elif kind == "date":
        doubtful = np.flatnonzero(_odd_dates(strings, 10) & _flags(strings.is_valid()))
    else:
        doubtful = text.with_bytes_outside(strings, _BYTES[kind])
    values, wrong = _cast(strings, doubtful, column, timezone, lambda part: _plain(part, kind, arrow_type(column)))
    bad[wrong] = True
    return values, bad, form


def finished(values: Any, form: str, timezone: str) -> Any:
    """A timestamp column in one of the FORMS as naive UTC in milliseconds; raises ArrowInvalid where it cannot be.

    Anything finer than a millisecond is cut off.
    """
    if form == "epoch":
        return _from_epoch(values)
    if form.endswith(("_us", "_ns")):
        values = pc.floor_temporal(values, unit="millisecond").cast(pa.timestamp("ms", values.type.tz))
    if form.startswith("naive") and timezone != "UTC":
        values = pc.assume_timezone(values, timezone, ambiguous="earliest", nonexistent="raise")
    return values if values.type == MS else values.cast(MS)


def _from_epoch(values: Any) -> Any:
    """Ten digits are seconds, thirteen are milliseconds, anything else is no time."""
    extremes = pc.min_max(values)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    if low is None or (low >= 10**12 and high < 10**13):
        return values.cast(MS)
    if low >= 10**9 and high < 10**10:
        return pc.multiply(values, 1000).cast(MS)
    raise pa.ArrowInvalid("not all are epoch seconds or all milliseconds")


def _plain(strings: Any, kind: str, target: Any) -> Any:
    if kind == "boolean":
        return pc.if_else(strings.is_valid(), pc.is_in(strings, value_set=pa.array(TRUE_TEXTS)), None)
    values = strings.cast(target)
    if kind == "double" and not np.isfinite(pc.sum(values).as_py() or 0.0):
        raise pa.ArrowInvalid("not finite")
    return values


def _timestamps_at_once(strings: Any, column: Column, timezone: str, form: str) -> tuple[Any, text.Bools, str] | None:
    """The values where all cells but such as hold bytes of no timestamp have the form, else None."""
    doubtful = text.with_bytes_outside(strings, _BYTES["timestamp"])
    try:
        values = finished(_but(strings, doubtful).cast(FORMS[form]), form, timezone)
    except pa.ArrowInvalid:
        return None
    values, wrong = _repaired(values, strings, doubtful, column, timezone)
    bad = np.zeros(len(strings), np.bool_)
    bad[wrong] = True
    return values, bad, form


def _timestamps(strings: Any, column: Column, timezone: str, form: str) -> tuple[Any, text.Bools, str]:
    bad = np.zeros(len(strings), np.bool_)
    filled = _flags(strings.is_valid())
    matrix = text.leading(strings, 19)
    lengths = np.diff(text.offsets_and_bytes(strings)[0])
    numeric = filled & (matrix[:5] - np.uint8(ord("0")) <= 9).all(axis=0)
    odd = _odd_prefix(matrix, lengths)
    zoned = filled & ~numeric & ~odd & (lengths > 10) & _has_zone(strings, lengths)
    naive = filled & ~numeric & ~odd & ~zoned
    values = pa.nulls(len(strings), MS)
    largest = 0
    for name, members in (("naive", naive), ("zoned", zoned), ("epoch", numeric)):
        count = int(members.sum())
        if not count:
            continue
        part = strings if count == filled.sum() else pc.if_else(pa.array(members), strings, None)
        form_met, (converted, wrong) = _by_form(part, name, column, timezone, form)
        bad[wrong] = True
        values = converted if count == filled.sum() else pc.coalesce(values, converted)
        if count > largest:
            largest, form = count, form_met
    rest = np.flatnonzero(filled & odd & ~numeric)
    values, wrong = _repaired(values, strings, rest, column, timezone)
    bad[wrong] = True
    return values, bad, form


def _by_form(strings: Any, family: str, column: Column, timezone: str, form: str) -> tuple[str, tuple[Any, text.Ints]]:
    """Convert the texts of one family in the coarsest unit that fits them all, else cell by cell where they fail."""
    names = [name for name in FORMS if name.startswith(family)]
    if form in names:
        names = [form, *(name for name in names if name != form)]
    for name in names:
        try:
            return name, (finished(strings.cast(FORMS[name]), name, timezone), np.empty(0, np.int64))
        except pa.ArrowInvalid:
            continue
    cast = lambda part: finished(part.cast(FORMS[names[0]]), names[0], timezone)  # noqa: E731
    return names[0], _cast(strings, np.empty(0, np.int64), column, timezone, cast)


def _cast(
    strings: Any, doubtful: text.Ints, column: Column, timezone: str, cast: Callable[[Any], Any]
) -> tuple[Any, text.Ints]:
    """Cast all but the doubtful cells at once; halve what fails until few cells are left to decide one by one."""
    plain = _but(strings, doubtful)
    pieces: list[Any] = []
    failed: list[int] = []
    pending = [(0, len(strings))]
    while pending:
        start, stop = pending.pop()
        part = plain.slice(start, stop - start)
        try:
            pieces.append(cast(part))
        except pa.ArrowInvalid:
            if stop - start <= 16:
                failed.extend(range(start, stop))
                pieces.append(pa.nulls(stop - start, arrow_type(column)))
            else:
                middle = (start + stop) // 2
                pending += [(middle, stop), (start, middle)]
    values = pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)
    return _repaired(values, strings, np.union1d(doubtful, np.array(failed, np.int64)), column, timezone)


def _but(strings: Any, indices: text.Ints) -> Any:
    """The strings with null in place of some."""
    if not len(indices):
        return strings
    keep = np.ones(len(strings), np.bool_)
    keep[indices] = False
    return pc.if_else(pa.array(keep), strings, None)


def _repaired(values: Any, strings: Any, indices: text.Ints, column: Column, timezone: str) -> tuple[Any, text.Ints]:
    """The values, with those of the given cells decided one by one, and the indices of such as have none."""
    found: list[Any] = []
    wrong: list[int] = []
    at: list[int] = []
    memory: dict[str, Any] = {}
    for index, cell in zip(indices.tolist(), strings.take(pa.array(indices)).to_pylist(), strict=True):
        if cell is None:
            continue
        if cell not in memory:
            try:
                memory[cell] = cells.parse(cell, column, timezone)
            except cells.BadCell:
                memory[cell] = None
        if memory[cell] is None:
            wrong.append(index)
        else:
            found.append(memory[cell])
            at.append(index)
    if found:
        places = np.full(len(strings), -1, np.int64)
        places[at] = np.arange(len(at))
        chosen = pa.array(places, mask=places < 0)
        values = pc.coalesce(values, pa.array(found, arrow_type(column)).take(chosen))
    return values, np.array(wrong, np.int64)


def _flags(mask: Any) -> text.Bools:
    result: text.Bools = np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_)
    return result


def _odd_dates(strings: Any, length: int) -> Any:
    lengths = np.diff(text.offsets_and_bytes(strings)[0])
    return _odd_prefix(text.leading(strings, 19), lengths) | (lengths != length)


def _odd_prefix(matrix: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int32]) -> Any:
    """Which texts do not begin like an ISO date or time of the calendar; 29 February counts as odd."""
    digits = matrix - np.uint8(ord("0"))
    right = np.where(_DIGITS[:, None], digits <= 9, matrix == _LAYOUT[:, None])
    right[10] |= matrix[10] == ord(" ")
    day = digits[8] * 10 + digits[9]
    calendar = (day >= 1) & (day <= _DAYS[digits[5] * 10 + digits[6]]) & (matrix[:4] != ord("0")).any(axis=0)
    clock = (digits[11] * 10 + digits[12] < 24) & (digits[14] < 6) & (digits[17] < 6) & right[10:].all(axis=0)
    whole = right[:10].all(axis=0) & calendar & ((lengths == 10) | (clock & (lengths >= 19)))
    return np.logical_not(whole)


def _has_zone(strings: Any, lengths: npt.NDArray[np.int32]) -> text.Bools:
    """Which texts of at least eleven bytes end in Z, ±hh, ±hhmm or ±hh:mm."""
    ends, data = text.offsets_and_bytes(strings)
    if not len(data):
        return np.zeros(len(strings), np.bool_)
    result: text.Bools = data[np.maximum(ends[1:] - 1, 0)] == ord("Z")
    for back in (3, 5, 6):
        sign = data[np.maximum(ends[1:] - back, 0)]
        result |= ((sign == ord("+")) | (sign == ord("-"))) & (lengths - back >= 19)
    return result
