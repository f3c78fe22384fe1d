"""What a contract is: a table, its columns, and how its raw files are read (see ``millrace.contracts``)."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from dataclasses import dataclass, field

KINDS = ("raw", "derived", "source")
ARRIVES = ("daily", "any")
STORED = ("parquet", "csv")
HASHES = ("exact", "folded")
PERIODS = ("day", "month")
BUCKET_ROLES = ("raw", "processed", "final", "rejects")
PLAIN_TYPES = ("string", "bigint", "double", "boolean", "date", "timestamp")
DELIMITERS = (",", ";", "\t", "|")

DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")

Bound = int | float | decimal.Decimal | dt.date | dt.datetime


class ContractError(ValueError):
    """A contract that cannot be read: the message names the file, the key, what is wrong and how to mend it."""


@dataclass(frozen=True)
class Column:
    """One column of a table, as its contract has it."""

    name: str
    type: str
    description: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    missing_ok: bool = False
    allowed: tuple[str | int, ...] | None = None
    min: Bound | None = None
    max: Bound | None = None
    max_length: int | None = None
    pattern: str | None = None
    latest_is_upload: bool = False
    unit: str | None = None
    pii: str | None = None
    references: tuple[str, str] | None = None
    source: str | None = None
    hash: str | None = None

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal column, else None."""
        match = DECIMAL.fullmatch(self.type)
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True)
class CsvOptions:
    """How raw files are read. None: detected."""

    delimiter: str | None = None
    encoding: str | None = None
    timezone: str = "UTC"
    max_line_bytes: int = 1 << 20


@dataclass(frozen=True)
class Contract:
    """One table. ``partitions`` has (name, type) of the Hive partition columns, which are not among ``columns``."""

    pipeline: str
    table: str
    kind: str
    title: str
    grain: str
    owner: str
    location: str
    columns: tuple[Column, ...]
    arrives: str = "daily"
    stored: str = "parquet"
    key: tuple[str, ...] = ()
    partitions: tuple[tuple[str, str], ...] = ()
    period: str | None = None
    max_rejected: float = 0.05
    source: str | None = None
    where: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    csv: CsvOptions = field(default_factory=CsvOptions)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def uri(self, bucket_prefix: str) -> str:
        """Where the table lies, ``s3://…/``, for buckets named ``<bucket_prefix>-<role>``."""
        return f"s3://{bucket_prefix}-{self.location}"
