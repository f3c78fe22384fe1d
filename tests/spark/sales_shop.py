"""A small source of ``sales`` in memory, a state of it as a job reads it, and a lake in a folder."""

from __future__ import annotations

import datetime as dt
import uuid
import zlib
from copy import deepcopy
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from millrace import contracts

TABLES = ("productlines", "products", "offices", "employees", "customers", "orders", "orderdetails", "payments")


def schema(table):
    """The contract's columns as Spark's DDL."""
    return ", ".join(f"`{column.name}` {column.type}" for column in contracts.get("sales", table).columns)


def day(text):
    return dt.date.fromisoformat(text)


def money(text):
    return Decimal(text)


class Shop:
    """Rows of the eight tables as dicts by the contracts' columns; `change` gives another shop."""

    def __init__(self, **tables):
        self.tables = {name: list(tables.get(name, [])) for name in TABLES}

    def copy(self):
        return deepcopy(self)

    def customer(self, number, **values):
        """Add a customer, with what every one must have."""
        row = dict.fromkeys(c.name for c in contracts.get("sales", "customers").columns)
        row |= {"customer_number": number, "customer_name": f"Customer {number}", "contact_last_name": "L",
                "contact_first_name": "F", "phone": "1", "address_line1": "A", "city": "C", "country": "X"}  # fmt: skip
        self.tables["customers"].append(row | values)
        return self

    def product(self, code, **values):
        row = {"product_code": code, "product_name": f"Product {code}", "product_line": "Line", "product_scale": "1:1",
               "product_vendor": "V", "product_description": "D", "quantity_in_stock": 1, "buy_price": money("1.00"),
               "msrp": money("2.00")}  # fmt: skip
        self.tables["products"].append(row | values)
        return self

    def employee(self, number, **values):
        row = {"employee_number": number, "last_name": "L", "first_name": "F", "extension": "x1",
               "email": f"{number}@x", "office_code": "1", "reports_to": None, "job_title": "Sales Rep"}  # fmt: skip
        self.tables["employees"].append(row | values)
        return self

    def office(self, code, **values):
        row = {"office_code": code, "city": "C", "phone": "1", "address_line1": "A", "address_line2": None,
               "state": None, "country": "X", "postal_code": "1", "territory": "NA"}  # fmt: skip
        self.tables["offices"].append(row | values)
        return self

    def line(self, name, **values):
        self.tables["productlines"].append(
            {"product_line": name, "text_description": None, "html_description": None, "image": None} | values
        )
        return self

    def order(self, number, date, customer, status="Shipped", lines=(), **values):
        """Add an order and its lines: (product, quantity, price)."""
        date = day(date)
        row = {"order_number": number, "order_date": date, "required_date": date + dt.timedelta(7), "comments": None,
               "shipped_date": date if status == "Shipped" else None, "status": status,
               "customer_number": customer}  # fmt: skip
        self.tables["orders"].append(row | values)
        for position, (product, quantity, price) in enumerate(lines, start=1):
            self.tables["orderdetails"].append(
                {
                    "order_number": number,
                    "product_code": product,
                    "quantity_ordered": quantity,
                    "price_each": money(price),
                    "order_line_number": position,
                }
            )
        return self

    def payment(self, customer, cheque, date, amount):
        self.tables["payments"].append(
            {"customer_number": customer, "check_number": cheque, "payment_date": day(date), "amount": money(amount)}
        )
        return self

    def row(self, table, **key):
        """The one row of a table with these values, to be changed in place."""
        (found,) = [row for row in self.tables[table] if key.items() <= row.items()]
        return found

    @property
    def order_lines(self):
        """Order lines with their orders' columns."""
        orders = {row["order_number"]: row for row in self.tables["orders"]}
        return [{**orders[line["order_number"]], **line} for line in self.tables["orderdetails"]]


class State:
    """What ``millrace.spark.snapshot.Snapshot`` gives of a shop. published: the control totals of the run before."""

    def __init__(self, spark, folder, shop, published=None):
        self._spark, self._folder = spark, folder
        self._reads = {"order_lines": shop.order_lines, "payments": shop.tables["payments"]} | {
            name: shop.tables[name] for name in ("customers", "employees", "offices", "products", "productlines")
        }
        before = {(row["source"], row["month"]): row["checksum"] for row in (published.collect() if published else [])}
        totals = {}
        for name, rows in self._reads.items():
            for row in rows:
                totals.setdefault((name, self._month(name, row)), []).append(row)
            if name not in ("order_lines", "payments"):
                totals.setdefault((name, ""), [])
        self._changed = {
            part for part, rows in totals.items() if before.get(part) != self._checksum(rows) or part[1] == ""
        }
        self._totals = totals
        names = [column.name for column in contracts.get("sales", "control_totals").columns]
        counted = [
            dict(zip(names, (*part, len(rows), *self._sums(part[0], rows), self._checksum(rows)), strict=True))
            for part, rows in totals.items()
        ]
        self.control_totals = self._frame(counted, "control_totals")

    def rows(self, name):
        chosen = [row for row in self._reads[name] if (name, self._month(name, row)) in self._changed]
        if not chosen and name in ("order_lines", "payments"):
            return None
        return self._frame(chosen, *(("orderdetails", "orders") if name == "order_lines" else (name,)))

    def _frame(self, rows, *tables):
        """A DataFrame by way of Parquet, which needs no Python workers as rows from this process would."""
        types = {c.name: _arrow(c) for table in tables for c in contracts.get("sales", table).columns}
        path = self._folder / f"{uuid.uuid4()}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(types.items())), path)
        return self._spark.read.parquet(str(path))

    def unread(self, name):
        return sorted(month for source, month in self._totals if source == name and (name, month) not in self._changed)

    def row_count(self, name):
        return len(self._reads[name])

    @staticmethod
    def _month(name, row):
        date = {"order_lines": "order_date", "payments": "payment_date"}.get(name)
        return f"{row[date]:%Y-%m}" if date else ""

    @staticmethod
    def _checksum(rows):
        return sum(zlib.crc32(repr(sorted(row.items())).encode()) for row in rows)

    @staticmethod
    def _sums(name, rows):
        if name == "order_lines":
            amounts = [(row["quantity_ordered"] * row["price_each"], row["status"].strip()) for row in rows]
            return (sum((a for a, _ in amounts), Decimal(0)),
                    sum((a for a, s in amounts if s in ("Shipped", "Resolved")), Decimal(0)))  # fmt: skip
        return (sum((row["amount"] for row in rows), Decimal(0)) if name == "payments" else Decimal(0)), Decimal(0)


def _arrow(column):
    if column.decimal:
        return pa.decimal128(*column.decimal)
    return {"string": pa.string(), "bigint": pa.int64(), "date": pa.date32()}[column.type]


class FolderLake:
    """``millrace.spark.lake.Lake`` in a folder: a build is published when `publish` says so."""

    def __init__(self, spark, root):
        self._spark, self._root = spark, root
        self.current = None
        self.build = "1"
        self.accounts = None

    def published(self, table):
        if self.current is None:
            return self._spark.createDataFrame([], schema(table))
        return self._spark.read.schema(schema(table)).parquet(str(self._root / table / self.current))

    def write(self, table, rows, *, order, files=1):
        from millrace.spark.lake import conformed

        folder = str(self._root / table / self.build)
        rows = conformed(rows.coalesce(1), contracts.get("sales", table))
        rows.sortWithinPartitions(order).write.mode("overwrite").parquet(folder)
        return self._spark.read.schema(schema(table)).parquet(folder)

    def account(self, counts):
        self.accounts = dict(counts)

    def publish(self):
        self.current, self.build = self.build, str(int(self.build) + 1)

    def rows(self, table):
        """The published rows as dicts, in the order of their values."""
        rows = [row.asDict() for row in self.published(table).collect()]
        return sorted(rows, key=lambda row: [str(value) for value in row.values()])
