"""Read one state of a source over JDBC, in parallel, and only what changed; without locks.

Connections cannot share a transaction of MySQL, so parallel reads do not see the same state by themselves. But one
statement does: the control totals, with a checksum of all rows, are one statement's. What was read is that state if its
own totals are the same. What differs has changed meanwhile and is read again. By the same comparison, months whose
totals are those of the last run need no reading at all (docs/adr/0008).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace.source_reads import MONTH, NULL, SEPARATOR, SPLIT, Read, totals_statement

_FETCH_ROWS = 10_000  # what the driver holds at once, of each connection
_CONNECTIONS = 4  # at most, at a time
_ATTEMPTS = 5
# Read-only, in the snapshot of each statement, so that nothing is locked and no history is kept for long.
_SESSION = "SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL READ COMMITTED"


class SourceChanges(RuntimeError):
    """The source was changed faster than it could be read."""


@dataclass(frozen=True)
class Totals:
    """Of the rows of one month, or of a table that is read whole."""

    row_count: int
    amount: Decimal
    revenue: Decimal
    checksum: int

    @property
    def identity(self) -> tuple[int, int]:
        """What two states of the same rows agree in: their number and the checksum of all their columns."""
        return self.row_count, self.checksum


Part = tuple[str, str]  # name of the read, month (empty for what is read whole)


class Source:
    """A database. url, user, password as JDBC has them."""

    def __init__(self, spark: SparkSession, url: str, user: str, password: str) -> None:
        self._spark = spark
        self._url = f"{url}{'&' if '?' in url else '?'}useCursorFetch=true"  # MySQL's driver needs it to fetch by rows
        self._properties = {
            "user": user,
            "password": password,
            "fetchsize": str(_FETCH_ROWS),
            "sessionInitStatement": _SESSION,
        }

    def totals(self, statement: str) -> DataFrame:
        """The rows of a statement that gives control totals; read once."""
        return self._rows(f"({statement}) totals", None)

    def read(self, read: Read, where: list[str] | None) -> DataFrame:
        """The rows of a read; read once. where: conditions, each of which one connection reads by; None for all."""
        return self._rows(f"({read.query()}) rows_read", where)

    def _rows(self, table: str, where: list[str] | None) -> DataFrame:
        if where:
            rows = self._spark.read.jdbc(self._url, table, predicates=where, properties=self._properties)
        else:
            rows = self._spark.read.jdbc(self._url, table, properties=self._properties)
        return rows.localCheckpoint()  # else Spark would ask the source again whenever the rows are used


def connect(spark: SparkSession, session: Any, connection: str) -> Source:
    """The database of a Glue connection, whose secret has the user and password. session: a boto3 session."""
    properties = session.client("glue").get_connection(Name=connection)["Connection"]["ConnectionProperties"]
    secret = session.client("secretsmanager").get_secret_value(SecretId=properties["SECRET_ID"])
    who = json.loads(secret["SecretString"])
    return Source(spark, properties["JDBC_CONNECTION_URL"], who["username"], who["password"])


def totals_by_part(control_totals: DataFrame) -> dict[Part, Totals]:
    """The rows of a table of control totals."""
    return {
        (row["source"], row["month"]): Totals(*(row[field.name] for field in fields(Totals)))
        for row in control_totals.collect()
    }


class Snapshot:
    """One state of the source. After `take`: its ``control_totals``, ``totals`` by part, and the tables by `rows`.

    published: the totals of the last run, whose months are held already.
    """

    def __init__(self, source: Source, reads: Iterable[Read], published: Mapping[Part, Totals]) -> None:
        self._source = source
        self._reads = {read.name: read for read in reads}
        self._have = {part: totals.identity for part, totals in published.items() if part[1]}
        self._ranges: dict[Part, tuple[int, int]] = {}
        self._tables: dict[str, DataFrame] = {}
        self._months: dict[str, set[str]] = {}
        self.totals: dict[Part, Totals] = {}
        self.control_totals: DataFrame | None = None

    def take(self) -> Snapshot:
        """Read until what was read is what the source has. Raises SourceChanges."""
        left: dict[str, list[str]] = {}
        for _ in range(_ATTEMPTS):
            self._count()
            for name, months in self._differing().items():
                self._read(self._reads[name], months)
            if not (left := self._differing()):
                return self
        raise SourceChanges(
            f"{', '.join(left)} changed each time that they were read, {_ATTEMPTS} times: nothing was written. "
            "Run when the source is quieter, or read from a replica"
        )

    def rows(self, name: str) -> DataFrame | None:
        """What was read of a table: all, or the months that are not as the last run had them; None for none."""
        rows = self._tables.get(name)
        if rows is None or not self._reads[name].month:
            return rows
        return rows.where(F.col(MONTH).isin(sorted(self._months[name] & self.months(name))))

    def row_count(self, name: str) -> int:
        """How many rows the source has of a table."""
        return sum(totals.row_count for (source, _), totals in self.totals.items() if source == name)

    def months(self, name: str) -> set[str]:
        """The months that the source has rows of."""
        return {month for source, month in self.totals if source == name}

    def unread(self, name: str) -> list[str]:
        """The months that the source has as the last run had them."""
        return sorted(self.months(name) - self._months.get(name, set()))

    def _count(self) -> None:
        counted = self._source.totals(totals_statement(self._reads.values()))
        rows = counted.collect()
        self.control_totals = counted
        self.totals = totals_by_part(counted)
        self._ranges = {(row["source"], row["month"]): (row["first"] or 0, row["last"] or 0) for row in rows}

    def _differing(self) -> dict[str, list[str]]:
        """The parts that are not held as the source has them: months by name."""
        found: dict[str, list[str]] = {}
        for part, totals in sorted(self.totals.items()):
            if self._have.get(part) != totals.identity:
                found.setdefault(part[0], []).append(part[1])
        return found

    def _read(self, read: Read, months: list[str]) -> None:
        rows = self._source.read(read, self._conditions(read, months) if read.month else None)
        self._have |= dict.fromkeys(((read.name, month) for month in months), (0, 0))
        for row in _identities(rows, read).collect():
            self._have[(read.name, row["month"])] = (row["row_count"], row["checksum"])
        if read.name in self._tables and read.month:
            rows = self._tables[read.name].where(~F.col(MONTH).isin(months)).union(rows)
        self._tables[read.name] = rows
        self._months.setdefault(read.name, set()).update(months)

    def _conditions(self, read: Read, months: list[str]) -> list[str]:
        """The months, dealt out to connections by their rows, each with the range of numbers that it need look at."""
        total = sum(self.totals[(read.name, month)].row_count for month in months)
        dealt: dict[int, list[str]] = {}
        before = 0
        for month in months:
            dealt.setdefault(before * _CONNECTIONS // total, []).append(month)
            before += self.totals[(read.name, month)].row_count
        conditions = []
        for some in dealt.values():
            ranges = [self._ranges[(read.name, month)] for month in some]
            low, high = min(first for first, _ in ranges), max(last for _, last in ranges)
            listed = ", ".join(f"'{month}'" for month in some)
            conditions.append(f"{SPLIT} BETWEEN {low} AND {high} AND {MONTH} IN ({listed})")
        return conditions


def _identities(rows: DataFrame, read: Read) -> DataFrame:
    """month, row_count and checksum of rows that were read, as the source's statement has them."""
    texts = (F.coalesce(F.col(name).cast("string"), F.lit(NULL)) for name in read.names)
    checksum = F.sum(F.crc32(F.concat_ws(SEPARATOR, *texts).cast("binary")))
    found = (F.count("*").alias("row_count"), F.coalesce(checksum, F.lit(0)).alias("checksum"))
    if read.month:
        return rows.groupBy(F.col(MONTH).alias("month")).agg(*found)
    return rows.agg(F.lit("").alias("month"), *found)
