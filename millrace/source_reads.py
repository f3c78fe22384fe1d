"""What is read of a source database, as MySQL's SQL: queries by the contracts, and control totals of what they give.

Every value is given the contract's type, so that a checksum over a row is the same in the source and after reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from millrace.contracts import Column
from millrace.source_tables import column_name

SEPARATOR, NULL = "\x1f", "\x1e"  # between the values of a row, and for null, where a checksum is made of them
MONTH, SPLIT = "_month", "_split"


@dataclass(frozen=True)
class Read:
    """A table to read, or a join of tables that are read as one.

    columns: the columns' contracts by the alias of their table. month: the date by whose month it is read anew; None
    reads it whole. split: the indexed number by which parallel reads divide it. amount, revenue: what is summed.
    """

    name: str
    tables: str
    columns: Mapping[str, tuple[Column, ...]]
    month: str | None = None
    split: str | None = None
    amount: str = "0"
    revenue: str = "0"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in order."""
        return tuple(column.name for columns in self.columns.values() for column in columns)

    def query(self) -> str:
        """SELECT of the columns, typed by their contracts, and MONTH and SPLIT to choose rows by."""
        values = [f"{value} AS {name}" for name, value in self._values().items()]
        return (
            f"SELECT {', '.join(values)}, {self._month()} AS {MONTH}, {self.split or 0} AS {SPLIT} FROM {self.tables}"
        )

    def totals(self) -> str:
        """SELECT of source, month, row_count, amount, revenue, checksum, first and last (of SPLIT), a row per month."""
        texts = [f"IFNULL({value}, {_character(NULL)})" for value in self._values().values()]
        row = f"CONCAT_WS({_character(SEPARATOR)}, {', '.join(texts)})"
        split = self.split or "0"
        return (
            f"SELECT '{self.name}' AS source, {self._month()} AS month, COUNT(*) AS row_count, "
            f"{_money(self.amount)} AS amount, {_money(self.revenue)} AS revenue, "
            f"CAST(IFNULL(SUM(CRC32({row})), 0) AS SIGNED) AS checksum, "
            f"CAST(MIN({split}) AS SIGNED) AS first, CAST(MAX({split}) AS SIGNED) AS last FROM {self.tables}"
            + (f" GROUP BY {self._month()}" if self.month else "")
        )

    def _month(self) -> str:
        return f"DATE_FORMAT({self.month}, '%Y-%m')" if self.month else "''"

    def _values(self) -> dict[str, str]:
        return {
            column.name: _typed(f"{alias}.{column_name(column)}", column.type)
            for alias, columns in self.columns.items()
            for column in columns
        }


def totals_statement(reads: Iterable[Read]) -> str:
    """One statement for the control totals of all reads: what one statement sees is one state of the source."""
    return " UNION ALL ".join(read.totals() for read in reads)


def _money(expression: str) -> str:
    return f"CAST(IFNULL(SUM({expression}), 0) AS DECIMAL(18,2))"


def _character(character: str) -> str:
    return f"CHAR({ord(character)} USING utf8mb4)"


def _typed(value: str, kind: str) -> str:
    if kind == "string":
        return f"CONVERT({value} USING utf8mb4)"
    return f"CAST({value} AS {'SIGNED' if kind == 'bigint' else kind.upper()})"
