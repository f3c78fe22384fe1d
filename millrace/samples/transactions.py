"""Sample data of pipeline ``transactions``: a shop's purchases, day by day, with all the dirt that is to be removed.

Demand has a trend, a week, a year and promotions; each product has a season of its own. Notes are free text, some with
e-mail addresses, phone numbers, card numbers and IBANs (invented, but valid by their checksums, or not). Amounts are
missing, outliers are flagged OUT, rows come twice, late, or again a week later as refunded; a few lines are broken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace.samples.transactions_notes import notes

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HEADER = b"purchase_id,purchase_date,customer_id,product_id,amount,region,status,note\n"
FIRST_DAY, LAST_DAY = dt.date(2025, 1, 1), dt.date(2025, 8, 25)
PRODUCTS = 200
REGIONS = ("AFRICA", "APAC", "EUROPE", "LATAM", "MIDDLE_EAST", "NORTH_AMERICA")
_REGION_SHARES = np.array((0.06, 0.22, 0.31, 0.10, 0.05, 0.26))
_STATUSES = ("COMPLETED", "REFUNDED", "CANCELLED", "OUT")
_STATUS_SHARES = np.array((0.905, 0.05, 0.042, 0.003))
_REFUNDED, _OUT = 1, 3
_MISSING = 0.05
_LATE, _LATEST_DAYS = 0.01, 20
_TWICE = 0.005
_AGAIN, _AGAIN_DAYS = 0.002, 7  # the first rows of a day, which come again as refunded
_IDS_OF_A_DAY = 10_000_000
_PROMOTIONS = (
    (dt.date(2025, 2, 12), 3),
    (dt.date(2025, 4, 17), 5),
    (dt.date(2025, 6, 20), 4),
    (dt.date(2025, 8, 8), 3),
)
# Lines as a broken export has them: none may become a row, and what is personal in them must not get out either.
_BROKEN = (
    "{id},2025-02-30,C0000007,P0001,12.00,EUROPE,COMPLETED,reach me at broken.date@example.com\n",
    "{id},{day},C0000007,P0001,12.00,ATLANTIS,COMPLETED,call +41 79 555 01 23\n",
    "{id},{day},,P0001,12.00,EUROPE,COMPLETED,no customer but 4111 1111 1111 1111\n",
    "{id},{day},C0000007,P0001,twelve,EUROPE,COMPLETED,iban DE89 3704 0044 0532 0130 00\n",
    "{id},{day},C0000007,P0001,12.345,EUROPE,COMPLETED,three decimals\n",
    "{id},{day},C0000007\n",
    '{id},{day},C0000007,P0001,12.00,EUROPE,COMPLETED,"opened, never closed by unclosed.quote@example.com\n',
    "#### connection reset while writing to ops.person@example.com ####\n",
)


@dataclass(frozen=True)
class Summary:
    """What was written. rows: lines without headers, duplicates and broken lines included."""

    rows: int
    broken: int
    files: int
    size: int

    def __str__(self) -> str:
        return (
            f"{self.files} files, {self.size / 1e6:,.1f} MB: {self.rows:,} rows, {self.broken:,} of them broken lines"
        )


def generate(
    out: Path,
    *,
    rows: int = 300_000,
    seed: int = 7,
    first_day: dt.date = FIRST_DAY,
    last_day: dt.date = LAST_DAY,
    broken_share: float = 0.0002,
) -> Summary:
    """Write a file for each day, ``<out>/transactions/transactions_<day>.csv``. The same arguments give the same bytes.

    rows: about so many lines in all; 10,000,000 of them are 2 GB. broken_share: of lines that are no rows.
    """
    days = [first_day + dt.timedelta(n) for n in range((last_day - first_day).days + 1)]
    if not days or rows < 100 * len(days):
        raise ValueError(f"there must be a day or more and 100 rows or more for each, not {len(days)} and {rows}")
    folder = out / "transactions"
    folder.mkdir(parents=True, exist_ok=True)
    counts = _rows_of_days(days, rows)
    shop = _Shop(seed, first_day, tuple(counts.tolist()), broken_share, min(200_000, rows))
    if rows < 1_000_000:
        written = [_write(shop, folder, range(len(days)))]
    else:
        with ProcessPoolExecutor(2) as pool:
            halves = [range(start, len(days), 2) for start in (0, 1)]
            written = list(pool.map(_write, [shop] * 2, [folder] * 2, halves))
    total, broken, size = (sum(column) for column in zip(*written, strict=True))
    return Summary(total, broken, len(days), size)


def _rows_of_days(days: Sequence[dt.date], rows: int) -> Ints:
    """How many lines each day's file has: trend × week × year × promotions."""
    week = np.array((0.92, 0.90, 0.94, 1.00, 1.18, 1.28, 0.98))  # from Monday
    weights = np.array([week[day.weekday()] * (1 + 0.25 * _year(day)) * _promotion(day) for day in days])
    weights *= np.linspace(1.0, 1.3, len(days))
    counts: Ints = np.maximum(1, np.round(weights / weights.sum() * rows)).astype(np.int64)
    return counts


def _year(day: dt.date, phase: float = 0.0) -> float:
    return float(np.sin(2 * np.pi * (day.timetuple().tm_yday / 365.25 + phase)))


def _promotion(day: dt.date) -> float:
    return 1.6 if any(0 <= (day - start).days < length for start, length in _PROMOTIONS) else 1.0


@dataclass(frozen=True)
class _Shop:
    """What all files are made from. counts: lines of each day."""

    seed: int
    first_day: dt.date
    counts: tuple[int, ...]
    broken_share: float
    note_count: int


@dataclass(frozen=True)
class _Rows:
    """Columns of rows, as numbers: day of the purchase, positions in the lists of texts, amount in cents (-1 none)."""

    id: Ints
    day: Ints
    customer: Ints
    product: Ints
    cents: Ints
    region: Ints
    status: Ints
    note: Ints


def _write(shop: _Shop, folder: Path, numbers: Sequence[int]) -> tuple[int, int, int]:
    """Write the files of some days: lines, broken ones among them, bytes."""
    texts = _Texts(shop)
    lines = broken = size = 0
    for number in numbers:
        day = shop.first_day + dt.timedelta(int(number))
        rows = _file(shop, number)
        wrong = _broken(shop, number, day)
        path = folder / f"transactions_{day}.csv"
        with path.open("wb") as file:
            file.write(HEADER)
            file.write(texts.lines(rows))
            file.writelines(wrong)
            size += file.tell()
        lines += len(rows.id) + len(wrong)
        broken += len(wrong)
    return lines, broken, size


def _file(shop: _Shop, number: int) -> _Rows:
    """The rows of a day's file: its own, those that come twice, and those of a week ago that come again."""
    head, rest = _own(shop, number)
    parts = [head, rest]
    if number >= _AGAIN_DAYS:
        again, _ = _own(shop, number - _AGAIN_DAYS, only_head=True)
        kept = again.status != _OUT
        again = _take(again, np.flatnonzero(kept))
        parts.append(_Rows(**{**vars(again), "status": np.full(len(again.id), _REFUNDED)}))
    rows = _Rows(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))
    rng = np.random.default_rng((shop.seed, number, 3))
    twice = rng.integers(0, len(rows.id), int(len(rows.id) * _TWICE))
    order = np.sort(np.concatenate((np.arange(len(rows.id)), twice)))
    return _take(rows, order)


def _own(shop: _Shop, number: int, *, only_head: bool = False) -> tuple[_Rows, _Rows]:
    """A day's rows in two parts, of which the first can be made again by itself."""
    count = shop.counts[number]
    head = max(1, int(count * _AGAIN))
    first = _rows(shop, number, head, 0)
    rest = int(count * (1 - _TWICE - _AGAIN)) - head
    return first, _rows(shop, number, 0 if only_head else max(0, rest), head)


def _rows(shop: _Shop, number: int, count: int, start: int) -> _Rows:
    rng = np.random.default_rng((shop.seed, number, 1 if start else 0))
    late = rng.random(count) < _LATE
    lag = rng.integers(1, _LATEST_DAYS + 1, count)
    customers = 1_000 + sum(shop.counts) // 30
    product = _products(rng, shop, number, count)
    status = np.searchsorted(np.cumsum(_STATUS_SHARES), rng.random(count) * _STATUS_SHARES.sum()).astype(np.int64)
    price = 300 + (np.arange(PRODUCTS) * 7919) % 19_000  # cents
    cents = price[product] * rng.integers(1, 5, count)
    cents = np.where(status == _OUT, cents * rng.integers(40, 400, count), cents)
    return _Rows(
        id=(number + 1) * _IDS_OF_A_DAY + start + np.arange(count, dtype=np.int64),
        day=np.maximum(0, number - late * lag),
        customer=(customers * rng.random(count) ** 2).astype(np.int64),
        product=product,
        cents=np.where(rng.random(count) < _MISSING, -1, cents),
        region=np.searchsorted(np.cumsum(_REGION_SHARES), rng.random(count) * _REGION_SHARES.sum()).astype(np.int64),
        status=status,
        note=rng.integers(0, shop.note_count, count),
    )


def _products(rng: np.random.Generator, shop: _Shop, number: int, count: int) -> Ints:
    """Which product each row is of: few sell much, and each has its season."""
    day = shop.first_day + dt.timedelta(int(number))
    weights = np.array([(1 + 0.4 * _year(day, k * 0.37)) / (k + 5) ** 0.8 for k in range(PRODUCTS)])
    ends = np.cumsum(weights)
    chosen: Ints = np.searchsorted(ends, rng.random(count) * ends[-1]).astype(np.int64)
    return chosen


def _take(rows: _Rows, index: Ints) -> _Rows:
    return _Rows(**{name: column[index] for name, column in vars(rows).items()})


def _broken(shop: _Shop, number: int, day: dt.date) -> list[bytes]:
    rng = np.random.default_rng((shop.seed, number, 4))
    chosen = rng.integers(0, len(_BROKEN), rng.poisson(shop.counts[number] * shop.broken_share))
    first = (number + 1) * _IDS_OF_A_DAY + _IDS_OF_A_DAY // 2
    return [_BROKEN[kind].format(id=first + n, day=day).encode() for n, kind in enumerate(chosen)]


class _Texts:
    """The texts that the numbers stand for, and lines made of them."""

    def __init__(self, shop: _Shop) -> None:
        days = [str(shop.first_day + dt.timedelta(n)) for n in range(len(shop.counts))]
        customers = 1_000 + sum(shop.counts) // 30
        self._days: Any = pa.array(days)
        self._customers: Any = pa.array([f"C{n:07}" for n in range(1, customers + 1)])
        self._products: Any = pa.array([f"P{n:04}" for n in range(1, PRODUCTS + 1)])
        self._cents: Any = pa.array([f".{n:02}" for n in range(100)])
        self._ends: Any = pa.array([f"{region},{status}" for region in REGIONS for status in _STATUSES])
        self._notes: Any = pa.array([f"{note}\n" for note in notes(shop.note_count, shop.seed)])

    def lines(self, rows: _Rows) -> memoryview:
        """The rows as CSV."""
        euros: Any = pa.array(np.maximum(rows.cents, 0) // 100).cast(pa.string())
        cents = pc.binary_join_element_wise(euros, self._cents.take(pa.array(np.maximum(rows.cents, 0) % 100)), "")
        amounts = pc.if_else(pa.array(rows.cents < 0), "", cents)
        columns = (
            pa.array(rows.id).cast(pa.string()),
            self._days.take(pa.array(rows.day)),
            self._customers.take(pa.array(rows.customer)),
            self._products.take(pa.array(rows.product)),
            amounts,
            self._ends.take(pa.array(rows.region * len(_STATUSES) + rows.status)),
            self._notes.take(pa.array(rows.note)),
        )
        text: Any = pc.binary_join_element_wise(*columns, ",")
        offsets = np.frombuffer(text.buffers()[1], dtype=np.int32, count=len(text) + 1)
        return memoryview(text.buffers()[2])[: offsets[-1]]
