"""A sample of the source of ``sales``: a dump of classicmodels' eight tables, with invented data and real quirks.

White space at the ends of texts, names that are not ASCII, quotes, backslashes and line ends within texts; customers
without orders, without a sales representative, without a postal code, and several that share one with each other, with
an office, or with a place in another country; orders in every status; products that nobody ordered.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from millrace import source_tables
from millrace.samples import sales_words as words
from millrace.source_tables import Value

Row = tuple[Value, ...]

FILE = "classicmodels.sql"
_FIRST_DAY = dt.date(2003, 1, 6)
_CUSTOMERS, _ORDERS, _PRODUCTS = 120, 320, 110
_PRESIDENT, _FIRST_CUSTOMER, _FIRST_ORDER = 1001, 103, 10100
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Summary:
    """What was written: rows by table, bytes."""

    rows: Counter[str]
    size: int

    def __str__(self) -> str:
        tables = ", ".join(f"{count:,} {table}" for table, count in self.rows.items())
        return f"{FILE}, {self.size / 1e6:,.1f} MB: {tables}"


def generate(out: Path, *, factor: int = 1, seed: int = 7, last_day: dt.date = dt.date(2005, 5, 31)) -> Summary:
    """Write ``<out>/classicmodels.sql``; the same arguments give the same bytes.

    factor: times the usual size, which has 120 customers, 320 orders and some 2,900 order lines. last_day: of the
    orders, which begin in January 2003.
    """
    if factor < 1 or last_day <= _FIRST_DAY:
        raise ValueError(f"factor must be at least 1 and last_day after {_FIRST_DAY}, not {factor} and {last_day}")
    out.mkdir(parents=True, exist_ok=True)
    rows: Counter[str] = Counter()
    data = Shop(factor, seed, last_day).tables()
    path = out / FILE
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("SET NAMES utf8mb4;\nCREATE DATABASE IF NOT EXISTS `classicmodels`;\nUSE `classicmodels`;\n\n")
        for contract in source_tables.tables("sales"):
            file.write(source_tables.definition(contract) + "\n")
            file.writelines(source_tables.inserts(contract, data[contract.table]))
            rows[contract.table] = len(data[contract.table])
    return Summary(rows, path.stat().st_size)


class Shop:
    """The data: each method gives the rows of one table, which fit those of the tables that it refers to."""

    def __init__(self, factor: int, seed: int, last_day: dt.date) -> None:
        self._random = random.Random(seed)
        self._factor = factor
        self._days = (last_day - _FIRST_DAY).days
        self._last_day = last_day

    def tables(self) -> dict[str, list[Row]]:
        """All rows, by table."""
        products = list(self._products())
        employees = list(self._employees())
        reps = [row[0] for row in employees if row[7] == "Sales Rep"]
        customers = list(self._customers(reps))
        orders, lines, owed = self._orders(customers, products)
        return {
            "productlines": [(line, text, None, None) for line, text in words.LINES],
            "products": products,
            "offices": list(words.OFFICES),
            "employees": employees,
            "customers": customers,
            "orders": orders,
            "orderdetails": lines,
            "payments": list(self._payments(owed)),
        }

    def _products(self) -> Iterator[Row]:
        chosen = self._random
        for number in range(_PRODUCTS * self._factor):
            line, _ = words.LINES[number % len(words.LINES)]
            scale = chosen.choice(words.SCALES)
            buy = Decimal(chosen.randint(1500, 10500)) / 100
            name = f"{chosen.randint(1903, 1999)} {chosen.choice(words.MAKERS)} {chosen.choice(words.MODELS)}"
            text = chosen.choice(words.DESCRIPTIONS).format(name=name, scale=scale)
            yield (
                f"S{scale.partition(':')[2]}_{1000 + number}", name, line, scale, chosen.choice(words.VENDORS), text,
                chosen.randint(0, 9999), buy, (buy * Decimal(chosen.randint(118, 250)) / 100).quantize(_CENT),
            )  # fmt: skip

    def _employees(self) -> Iterator[Row]:
        offices = [str(office[0]) for office in words.OFFICES]
        jobs = [("President", "1", None), ("VP Sales", "1", _PRESIDENT)]
        jobs += [("Sales Manager", office, _PRESIDENT + 1) for office in offices[::3]]
        managers = [_PRESIDENT + 2 + number for number in range(len(jobs) - 2)]
        for number in range(16 * self._factor):
            jobs.append(("Sales Rep", offices[number % len(offices)], managers[number % len(managers)]))
        for number, (job, office, manager) in enumerate(jobs, start=_PRESIDENT):
            first, last = self._person()
            mail = f"{first[:1]}{last}{number}@classicmodels.example".lower().replace(" ", "")
            yield number, last, first, f"x{self._random.randint(100, 9999)}", mail, office, manager, job

    def _customers(self, reps: list[Value]) -> Iterator[Row]:
        chosen = self._random
        for index in range(_CUSTOMERS * self._factor):
            number = _FIRST_CUSTOMER + index * 3
            first, last = self._person()
            place = words.PLACES[chosen.randrange(len(words.PLACES))]
            city, state, postal_code, country = place
            name = f"{chosen.choice(words.COMPANY_FIRST)} {chosen.choice(words.COMPANY_SECOND)}"
            ignored = index % 6 == 5  # nobody looks after them, and they order nothing
            yield (
                number, f"{name}, {chosen.choice(words.FORMS)}"[:50], last,
                first + (" " if chosen.random() < 0.3 else ""), f"+{chosen.randint(10**9, 10**10)}",
                f"{chosen.randint(1, 9999)} {chosen.choice(words.STREETS)}",
                chosen.choice([None, None, "Suite 750", "2ª planta", ""]),
                city + (" " if chosen.random() < 0.1 else ""), state, postal_code, country,
                None if ignored else chosen.choice(reps),
                Decimal(0) if ignored else Decimal(chosen.randint(11, 230) * 1000),
            )  # fmt: skip

    def _orders(
        self, customers: list[Row], products: list[Row]
    ) -> tuple[list[Row], list[Row], list[tuple[Value, dt.date, Decimal]]]:
        """Orders, their lines, and what is owed for each: customer, day, amount."""
        chosen = self._random
        buyers = [row[0] for row in customers if row[11] is not None and chosen.random() < 0.98]
        sold = products[: -1 - len(products) // 100]  # the last ones are never ordered
        count = _ORDERS * self._factor
        days = sorted(int(self._days * chosen.random() ** 0.7) for _ in range(count))
        days[-1] = self._days
        orders: list[Row] = []
        lines: list[Row] = []
        owed = []
        for number, offset in enumerate(days, start=_FIRST_ORDER):
            customer = chosen.choice(buyers)
            day = _FIRST_DAY + dt.timedelta(days=offset)
            status, shipped = self._status(day)
            comment = chosen.choice(words.COMMENTS) if status != "Shipped" or chosen.random() < 0.2 else None
            required = day + dt.timedelta(days=chosen.randint(6, 10))
            orders.append((number, day, required, shipped, status, comment, customer))
            total = Decimal(0)
            for line, product in enumerate(chosen.sample(sold, chosen.randint(1, 18)), start=1):
                quantity = chosen.randint(15, 60)
                price = (Decimal(str(product[8])) * Decimal(chosen.randint(80, 100)) / 100).quantize(_CENT)
                lines.append((number, product[0], quantity, price, line))
                total += quantity * price
            if status in ("Shipped", "Resolved") and chosen.random() < 0.9:
                owed.append((customer, day, total))
        return orders, lines, owed

    def _status(self, day: dt.date) -> tuple[str, dt.date | None]:
        """An order's status and when it was shipped; what is young may still be on its way."""
        chosen = self._random
        shipped = day + dt.timedelta(days=chosen.randint(1, 6))
        if (self._last_day - day).days < 14:
            return chosen.choice([("In Process", None), ("In Process", None), ("On Hold", None), ("Disputed", shipped)])
        share = chosen.random()
        for status, upto in (("Cancelled", 0.02), ("Disputed", 0.03), ("On Hold", 0.04), ("Resolved", 0.055)):
            if share < upto:
                return status, None if status in ("Cancelled", "On Hold") else shipped
        return "Shipped", shipped

    def _payments(self, owed: list[tuple[Value, dt.date, Decimal]]) -> Iterator[Row]:
        for number, (customer, day, amount) in enumerate(owed):
            cheque = f"{''.join(self._random.choices('ABCDEFGHJKLMNPQRSTUVWXYZ', k=2))}{number:06d}"
            paid = min(day + dt.timedelta(days=self._random.randint(3, 30)), self._last_day)
            yield customer, cheque, paid, amount

    def _person(self) -> tuple[str, str]:
        return self._random.choice(words.FIRST_NAMES), self._random.choice(words.LAST_NAMES)
