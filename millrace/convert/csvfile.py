"""Write columns as clean CSV, for pipelines whose next step reads CSV.

UTF-8 without a byte order mark; a header of the contract's names; commas, line feeds; quotes where a text needs
them; null is empty. Times are ``2024-01-15 10:00:00.000`` in UTC, dates ISO, booleans true and false, numbers as
short as they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace.contracts import Contract
from millrace.convert import text
from millrace.convert.sinks import Sink

_NEEDS_QUOTES = '[",\r\n]'


class CsvTarget:
    """One CSV file. The same columns give the same bytes."""

    def __init__(self, contract: Contract, sink: Sink) -> None:
        self._sink = sink
        # A line that holds nothing would not be a row.
        self._null = "" if len(contract.columns) > 1 else '""'
        sink.write(",".join(column.name for column in contract.columns).encode() + b"\n")

    def add(self, columns: Sequence[Any], rows: int) -> None:
        """Append rows, given as arrays in the contract's order."""
        if not rows:
            return
        cells = [_written(column) for column in columns]
        rest: Any = {"null_handling": "replace", "null_replacement": self._null}
        lines = pc.binary_join_element_wise(*cells, ",", **rest)
        ends, data = text.offsets_and_bytes(pc.binary_join_element_wise(lines, "", "\n"))
        self._sink.write(data[ends[0] : ends[-1]].data)

    def close(self) -> None:
        """Nothing is held; the sink is left to be committed."""

    def abort(self) -> None:
        """Nothing is running."""


def _written(values: Any) -> Any:
    """The values as they stand in the file."""
    if values.type != pa.string():
        return values.cast(pa.string())
    special = pc.match_substring_regex(values, _NEEDS_QUOTES)
    if not pc.any(special).as_py():
        return values
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
    return pc.if_else(special, quoted, values)
