"""Sample uploads of pipeline ``retraced``: day files of logins, week files of memberships, with the dirt of real ones.

Companies come, pause, return and leave; users belong to one or several, log in before they accept, or are unknown;
logins arrive late; files differ in headers, order, forms of time, delimiter, line ends, encoding; some rows are bad.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from millrace.samples import styles
from millrace.samples.dirt import bad_rows
from millrace.samples.population import Ints, Logins, Population, acceptance_rows
from millrace.samples.tables import PLACES, Tables, take

LOGINS = "user_login_locations"
COMPANIES = "user_companies"

# No file gets more bad rows than this share, so that none is refused as a whole.
_MOST_BAD_IN_FILE = 0.02


@dataclass
class Summary:
    """What was written.

    size: bytes. late_rows: logins that are in the file of a later day. rows: good rows by table. bad_rows: bad rows by
    table and kind of fault.
    """

    files: int = 0
    size: int = 0
    late_rows: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    bad_rows: dict[str, Counter[str]] = field(default_factory=lambda: {LOGINS: Counter(), COMPANIES: Counter()})

    def add(self, table: str, good: int, bad: list[tuple[str, bytes]], size: int) -> None:
        """Count one file."""
        self.files += 1
        self.size += size
        self.rows[table] += good
        self.bad_rows[table].update(kind for kind, _ in bad)

    def __str__(self) -> str:
        tables = ", ".join(
            f"{rows:,} rows of {table} and {self.bad_rows[table].total():,} bad ones"
            for table, rows in sorted(self.rows.items())
        )
        return f"{self.files:,} files, {self.size / 1e6:,.1f} MB: {tables}; {self.late_rows:,} logins arrive late"


def generate(
    out: Path,
    *,
    logins: int = 1_000_000,
    seed: int = 7,
    months: int = 24,
    companies: int = 400,
    users: int = 20_000,
    bad_share: float = 0.005,
    last_day: dt.date = dt.date(2025, 12, 31),
) -> Summary:
    """Write ``<out>/<table>/<YYYY-MM-DD>.csv`` (some ``.csv.gz``) for the months that end on the last day.

    logins: good login rows in all; bad rows, ``bad_share`` of them, come on top. The same arguments give the same
    bytes. Memory does not grow with ``logins``, but with those of one day.
    """
    return _Writer(out, seed, months, companies, users, bad_share, last_day).run(logins)


class _Writer:
    def __init__(
        self, out: Path, seed: int, months: int, companies: int, users: int, bad_share: float, last_day: dt.date
    ) -> None:
        if min(months, companies, users) < 1:
            raise ValueError(f"months, companies and users must be at least 1, not {months}, {companies}, {users}")
        self._out = out
        self._seed = seed
        self._bad_share = bad_share
        self._bad_due = {LOGINS: 0.0, COMPANIES: 0.0}
        self._start = _months_before(last_day, months)
        self._days = (last_day - self._start).days + 1
        self._population = Population(
            seed=seed,
            days=self._days,
            first_day_of_year=self._start.timetuple().tm_yday,
            weekday=self._start.weekday(),
            companies=companies,
            users=users,
            places=PLACES,
        )
        self._tables = Tables(
            start=self._start, days=self._days, users=self._population.all_users, companies=companies, seed=seed
        )
        self._summary = Summary()

    def run(self, logins: int) -> Summary:
        for table in (LOGINS, COMPANIES):
            (self._out / table).mkdir(parents=True, exist_ok=True)
        self._write_companies()
        self._write_logins(logins)
        return self._summary

    def _write_companies(self) -> None:
        member, accepted, known = acceptance_rows(self._population)
        upload = np.minimum(known // 7 * 7 + 6, self._days - 1)
        order = np.lexsort((member, known, upload))
        member, accepted, upload = member[order], accepted[order], upload[order]
        days = np.unique(upload)
        file_styles = styles.of_files(np.random.default_rng([self._seed, 4]), len(days), logins=False)
        memberships = self._population.memberships
        for day, style in zip(days.tolist(), file_styles, strict=True):
            chosen = slice(*np.searchsorted(upload, [day, day + 1]).tolist())
            rows = member[chosen]
            self._write(COMPANIES, day, style, {
                "user_id": take(self._tables.users, memberships.user[rows]),
                "company_id": take(self._tables.companies, memberships.company[rows]),
                "accepted_at": self._tables.times(accepted[chosen], style.times),
            })  # fmt: skip

    def _write_logins(self, logins: int) -> None:
        file_styles = styles.of_files(np.random.default_rng([self._seed, 5]), self._days, logins=True)
        waiting: dict[int, list[Logins]] = {}
        for day, count in enumerate(self._population.logins_per_day(logins).tolist()):
            of_day = self._population.logins(day, count)
            arrival = np.minimum(day + of_day.late, self._days - 1)
            arrived = [of_day.where(arrival == day), *waiting.pop(day, [])]
            for later in np.unique(arrival[arrival > day]).tolist():
                waiting.setdefault(later, []).append(of_day.where(arrival == later))
            self._summary.late_rows += int((arrival > day).sum())
            style = file_styles[day]
            self._write(LOGINS, day, style, self._login_columns(day, Logins.together(arrived), style))

    def _login_columns(self, day: int, rows: Logins, style: styles.Style) -> dict[str, Any]:
        tables = self._tables
        rng = np.random.default_rng([self._seed, 6, day])
        cities = tables.cities_latin1 if style.encoding == "latin-1" else tables.cities
        columns = {
            "user_id": lambda: take(tables.users, rows.user),
            "company_id": lambda: take(tables.companies, rows.company),
            "login_at": lambda: tables.times(rows.time, style.times),
            "country": lambda: take(tables.countries, rows.place),
            "city": lambda: take(cities, rows.place),
            "latitude": lambda: take(tables.latitudes, rows.place),
            "longitude": lambda: take(tables.longitudes, rows.place),
            "ip_address": lambda: _chosen(rng, tables.addresses, len(rows.time)),
            "device": lambda: _chosen(rng, tables.devices, len(rows.time)),
        }
        return {column: columns[column]() for column in style.headers}

    def _write(self, table: str, day: int, style: styles.Style, columns: Mapping[str, Any]) -> None:
        """Write a file: the good rows, and among them the bad ones that are due."""
        texts = [columns[column] for column in style.headers]
        rows = len(texts[0])
        bad: list[tuple[str, bytes]] = []
        pieces: list[bytes | memoryview] = [style.header.encode()]
        if rows:
            rng = np.random.default_rng([self._seed, 8 if table == LOGINS else 9, day])
            good = {column: texts[i][0].as_py() for i, column in enumerate(style.headers)}
            bad = bad_rows(rng, style, good, self._bad_now(table, rows), logins=table == LOGINS)
            lines = pc.binary_join_element_wise(*texts, style.delimiter)
            body, ends = _text(pc.binary_join_element_wise(lines, style.line_end, ""))
            before = np.sort(rng.integers(0, rows + 1, len(bad)))
            start = 0
            for end, (_, line) in zip(ends[before].tolist(), bad, strict=True):
                pieces += [body[start:end], line, style.line_end.encode()]
                start = end
            pieces.append(body[start:])
        date = self._start + dt.timedelta(days=day)
        size = style.write(self._out / table / f"{date.isoformat()}{style.extension}", pieces)
        self._summary.add(table, rows, bad, size)

    def _bad_now(self, table: str, rows: int) -> int:
        """How many bad rows this file gets. They come together: most files have none, now and then one has many."""
        self._bad_due[table] += rows * self._bad_share
        most = int(rows * _MOST_BAD_IN_FILE)
        count = most if most <= self._bad_due[table] else 0
        self._bad_due[table] -= count
        return count


def _chosen(rng: np.random.Generator, values: Any, count: int) -> Any:
    return take(values, rng.integers(0, len(values), count))


def _text(lines: Any) -> tuple[memoryview, Ints]:
    """The bytes of an array of strings, one after the other, and where each begins (the last: where all end)."""
    _, offsets, content = lines.buffers()
    starts: Ints = np.frombuffer(offsets, dtype=np.int32, count=len(lines) + 1).astype(np.int64)
    return memoryview(content)[: starts[-1]], starts


def _months_before(last_day: dt.date, months: int) -> dt.date:
    """The first day of the months of which the last ends on, or has, the last day."""
    year, month = divmod(last_day.year * 12 + last_day.month - months, 12)
    return dt.date(year, month + 1, 1)
