"""The contract's checks on a column: one quick answer for a whole column, and which rows are bad where it is no."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.contracts import Column
from millrace.convert import cells
from millrace.convert.text import Bools

YEAR_1 = dt.datetime(1, 1, 1)


class ColumnCheck:
    """The checks of one column for a file that was uploaded on a date."""

    def __init__(self, column: Column, upload_date: dt.date) -> None:
        self.column = column
        self.latest = upload_date + dt.timedelta(days=1) if column.latest_is_upload else None
        self.low, self.high = self._bounds()

    def passes(self, values: Any) -> bool:
        """Whether all values of an array of the column's type pass; strings may be dictionary-encoded."""
        column = self.column
        if column.required and values.null_count:
            return False
        if self.low is not None or self.high is not None:
            extremes = pc.min_max(values)
            low, high = extremes["min"].as_py(), extremes["max"].as_py()
            if low is not None and (
                (self.low is not None and low < self.low) or (self.high is not None and high > self.high)
            ):
                return False
        if column.type == "double":
            return bool(np.isfinite(pc.sum(values).as_py() or 0.0))
        if column.allowed is None and column.pattern is None and column.max_length is None:
            return True
        distinct = values.dictionary if pa.types.is_dictionary(values.type) else values
        return not self._bad_texts(distinct).any()

    def bad(self, values: Any) -> Bools:
        """Which values do not pass."""
        column = self.column
        missing = _flags(values.is_null())
        result = missing.copy() if column.required else np.zeros(len(values), np.bool_)
        for bound, compare in ((self.low, pc.less), (self.high, pc.greater)):
            if bound is not None:
                result |= _flags(compare(values, pa.scalar(bound, values.type)).fill_null(False))
        if column.allowed is None and column.pattern is None and column.max_length is None:
            return result
        if pa.types.is_dictionary(values.type):
            if len(values.dictionary):
                result |= ~missing & self._bad_texts(values.dictionary)[values.indices.fill_null(0).to_numpy()]
        else:
            result |= self._bad_texts(values)
        return result

    def reason(self, text: str | None, timezone: str) -> str:
        """Why a trimmed cell is bad, for a row that is known to be bad in this column."""
        column, name = self.column, self.column.name
        if text is None:
            return f"{name} is empty"
        try:
            value: Any = cells.parse(text, column, timezone)
        except cells.BadCell as bad:
            return f"{name} {bad}"
        shown = cells.shown(text)
        if self.low is not None and value < self.low:
            return f"{name} {shown} is below {_bound(column.min) if column.min is not None else 'the year 1'}"
        if self.latest is not None and value >= self._after_latest():
            return f'{name} "{shown}" is later than {self.latest}, the day after its upload'
        if self.high is not None and value > self.high:
            return f"{name} {shown} is above {_bound(column.max)}"
        if column.allowed is not None and value not in column.allowed:
            return f'{name} "{shown}" is not one of {", ".join(map(str, column.allowed))}'
        if column.max_length is not None and len(text) > column.max_length:
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
        if column.max_length is not None:
            result |= _flags(pc.greater(pc.utf8_length(values), pa.scalar(column.max_length)).fill_null(False))
        if column.pattern is not None:
            matches = pc.match_substring_regex(values, f"^(?:{column.pattern})$")
            result |= ~_flags(matches.fill_null(True))
        return result


def _bound(bound: Any) -> str:
    return f"{bound:.15g}" if isinstance(bound, float) else str(bound)


def _flags(mask: Any) -> Bools:
    result: Bools = np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_)
    return result
