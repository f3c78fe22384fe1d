"""The contract's checks on a column: one quick answer for a whole column, and which rows are bad where it is no."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.contracts import Column
from millrace.convert import cells, text
from millrace.convert.text import Bools

_STORAGE = {pa.timestamp("ms"): pa.int64(), pa.date32(): pa.int32()}
YEAR_1 = dt.datetime(1, 1, 1)


class ColumnCheck:
    """The checks of one column for a file that was uploaded on a date."""

    def __init__(self, column: Column, upload_date: dt.date) -> None:
        self.column = column
        self.latest = upload_date + dt.timedelta(days=1) if column.latest_is_upload else None
        self.low, self.high = self._bounds()
        self._least, self._most = (_stored(bound, column.type) for bound in (self.low, self.high))

    def bad(self, values: Any, known: int = 0) -> Bools | None:
        """Which values of an array of the column's type do not pass; None if all do.

        known: so many nulls are known to be bad, and need not be found.
        """
        column = self.column
        found = []
        if column.required and values.null_count > known:
            found.append(_flags(values.is_null()))
        if not self._in_range(values):
            found.append(self._out_of_range(values))
        if column.allowed is not None or column.pattern is not None or column.max_length is not None:
            found.append(self._bad_texts(values))
        result: Bools = np.logical_or.reduce(found) if found else np.zeros(0, np.bool_)
        return result if result.any() else None

    def _in_range(self, values: Any) -> bool:
        """Whether all values are within the bounds, and finite."""
        if self.column.type != "double" and self.low is None and self.high is None:
            return True
        extremes = _extremes(values)
        if extremes is None:
            return True
        low, high = extremes
        if isinstance(low, float) and not math.isfinite(low + high):
            return not self._out_of_range(values).any()
        return (self._least is None or low >= self._least) and (self._most is None or high <= self._most)

    def _out_of_range(self, values: Any) -> Bools:
        """Which values are not within the bounds, or not finite."""
        result = np.zeros(len(values), np.bool_)
        if self.column.type == "double":
            result |= ~_flags(pc.is_finite(values).fill_null(True))
        for bound, compare in ((self.low, pc.less), (self.high, pc.greater)):
            if bound is not None:
                result |= _flags(compare(values, pa.scalar(bound, values.type)).fill_null(False))
        return result

    def reason(self, cell: str | None, timezone: str) -> str:
        """Why a trimmed cell is bad, for a row that is known to be bad in this column."""
        column, name = self.column, self.column.name
        if cell is None:
            return f"{name} is empty"
        try:
            value: Any = cells.parse(cell, column, timezone)
        except cells.BadCell as bad:
            return f"{name} {bad}"
        shown = cells.shown(cell)
        if self.low is not None and value < self.low:
            return f"{name} {shown} is below {_bound(column.min) if column.min is not None else 'the year 1'}"
        if self.latest is not None and value >= self._after_latest():
            return f'{name} "{shown}" is later than {self.latest}, the day after its upload'
        if self.high is not None and value > self.high:
            return f"{name} {shown} is above {_bound(column.max)}"
        if column.allowed is not None and value not in column.allowed:
            return f'{name} "{shown}" is not one of {", ".join(map(str, column.allowed))}'
        if column.max_length is not None and len(cell) > column.max_length:
            return f"{name} is longer than {column.max_length:,} characters"
        return f'{name} "{shown}" does not match {column.pattern}'

    def _after_latest(self) -> Any:
        assert self.latest is not None
        if self.column.type == "date":
            return self.latest + dt.timedelta(days=1)
        return dt.datetime.combine(self.latest, dt.time()) + dt.timedelta(days=1)

    def _bounds(self) -> tuple[Any, Any]:
        column = self.column
        low: Any = column.min
        high: Any = column.max
        if column.type == "timestamp":
            low = YEAR_1 if low is None else low.replace(tzinfo=None)
            high = None if high is None else high.replace(tzinfo=None)
        elif column.type == "date":
            low = YEAR_1.date() if low is None else low
        if column.decimal is not None:
            precision, scale = column.decimal
            largest = decimal.Decimal(10**precision - 1).scaleb(-scale)  # Arrow's casts let more digits pass
            low = -largest if low is None else max(low, -largest)
            high = largest if high is None else min(high, largest)
        if self.latest is not None:
            step = dt.timedelta(days=1) if column.type == "date" else dt.timedelta(milliseconds=1)
            high = min(bound for bound in (high, self._after_latest() - step) if bound is not None)
        return low, high

    def _bad_texts(self, values: Any) -> Bools:
        column = self.column
        result = np.zeros(len(values), np.bool_)
        if column.allowed is not None:
            allowed = pa.array(column.allowed, values.type)
            result |= ~_flags(pc.is_in(values, value_set=allowed)) & _flags(values.is_valid())
        # Characters are never more than bytes, and bytes are cheap to count.
        if column.max_length is not None and text.longest(values) > column.max_length:
            result |= _flags(pc.greater(pc.utf8_length(values), pa.scalar(column.max_length)).fill_null(False))
        if column.pattern is not None:
            matches = pc.match_substring_regex(values, f"^(?:{column.pattern})$")
            result |= ~_flags(matches.fill_null(True))
        return result


def _stored(bound: Any, kind: str) -> Any:
    """A bound as the column stores it: times in milliseconds and dates in days since 1970."""
    if kind == "timestamp" and bound is not None:
        return (bound - dt.datetime(1970, 1, 1)) // dt.timedelta(milliseconds=1)
    if kind == "date" and bound is not None:
        return (bound - dt.date(1970, 1, 1)).days
    return bound


def _extremes(values: Any) -> tuple[Any, Any] | None:
    """Least and greatest value as stored; NaN if there is one; None of no values."""
    if pa.types.is_decimal(values.type):
        found = pc.min_max(values)
        return None if found["min"].as_py() is None else (found["min"].as_py(), found["max"].as_py())
    plain = values.drop_null() if values.null_count else values
    if not len(plain):
        return None
    stored = plain.view(_STORAGE.get(plain.type, plain.type)).to_numpy()
    return stored.min().item(), stored.max().item()


def _bound(bound: Any) -> str:
    return f"{bound:.15g}" if isinstance(bound, float) else str(bound)


def _flags(mask: Any) -> Bools:
    result: Bools = np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_)
    return result
