"""The sample of sales: the same bytes each time, rows that fit each other, and the quirks that it promises."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict

import pytest

from millrace import contracts, source_tables
from millrace.samples import sales

LAST_DAY = dt.date(2005, 5, 31)


@pytest.fixture(scope="module")
def tables():
    """Rows as dicts by the contracts' columns."""
    found = sales.Shop(1, 7, LAST_DAY).tables()
    return {
        contract.table: [
            dict(zip((column.name for column in contract.columns), row, strict=True)) for row in found[contract.table]
        ]
        for contract in source_tables.tables("sales")
    }


def test_the_same_settings_give_the_same_bytes(tmp_path):
    first = sales.generate(tmp_path / "a")
    sales.generate(tmp_path / "b")
    sales.generate(tmp_path / "c", seed=8)
    content = [(tmp_path / name / sales.FILE).read_bytes() for name in "abc"]
    assert content[0] == content[1] != content[2]
    assert first.size == len(content[0])
    assert str(first).startswith(
        "classicmodels.sql, 0.2 MB: 7 offices, 7 productlines, 21 employees, 110 products, 120"
    )


def test_factor_multiplies(tmp_path):
    rows = sales.generate(tmp_path, factor=3).rows
    assert (rows["customers"], rows["orders"], rows["products"]) == (360, 960, 330)
    with pytest.raises(ValueError, match="factor must be at least 1"):
        sales.generate(tmp_path, factor=0)


def test_rows_keep_their_contracts_keys_and_references(tables):
    for contract in source_tables.tables("sales"):
        rows = tables[contract.table]
        keys = [tuple(row[name] for name in contract.key) for row in rows]
        assert len(keys) == len(set(keys))
        for column in contract.columns:
            values = [row[column.name] for row in rows]
            if column.required:
                assert None not in values, (contract.table, column.name)
            if column.max_length:
                assert max(len(value) for value in values if value is not None) <= column.max_length
            if column.allowed:
                assert set(values) == set(column.allowed)
            if column.references:
                table, name = column.references
                assert set(values) - {None} <= {row[name] for row in tables[table]}, (contract.table, column.name)


def test_the_quirks_of_real_data_are_there(tables):
    customers, orders = tables["customers"], tables["orders"]
    texts = [value for rows in tables.values() for row in rows for value in row.values() if isinstance(value, str)]
    for mark in ("\n", "\r\n", '"', "'", "\\", "é", "Ł", "大"):
        assert any(mark in text for text in texts), mark
    assert any(text != text.strip() for text in texts)
    assert any(row["sales_rep_employee_number"] is None for row in customers)
    ordered = {row["customer_number"] for row in orders}
    assert any(row["customer_number"] not in ordered for row in customers)
    assert any(row["postal_code"] is None for row in customers)
    assert any(row["shipped_date"] is None for row in orders)
    sold = {row["product_code"] for row in tables["orderdetails"]}
    assert any(row["product_code"] not in sold for row in tables["products"])
    places = defaultdict(set)
    for row in [*customers, *tables["offices"]]:
        places[(row["postal_code"] or "").strip()].add((row["city"].strip(), row["state"], row["country"].strip()))
    shared = {code for code, those in places.items() if len(those) > 1 and code}
    assert {"94607", "69003", "50739", "6000"} <= shared
    assert shared & {row["postal_code"] for row in tables["offices"]}


def test_orders_stand_as_their_age_has_them(tables):
    by_status = Counter(row["status"] for row in tables["orders"])
    assert by_status["Shipped"] > 250
    for row in tables["orders"]:
        assert row["order_date"] < row["required_date"]
        if row["status"] in ("Shipped", "Resolved", "Disputed"):
            assert row["shipped_date"] > row["order_date"]
        else:
            assert row["shipped_date"] is None
        if row["status"] == "In Process":
            assert (LAST_DAY - row["order_date"]).days < 14


def test_definitions_have_keys_and_comments():
    text = source_tables.definition(contracts.get("sales", "orderdetails"))
    assert text.splitlines() == [
        "CREATE TABLE `orderdetails` (",
        "  `orderNumber` INT NOT NULL COMMENT 'The order',",
        "  `productCode` VARCHAR(15) NOT NULL COMMENT 'The product',",
        "  `quantityOrdered` INT NOT NULL COMMENT 'How many',",
        "  `priceEach` DECIMAL(10,2) NOT NULL COMMENT 'Agreed price of one',",
        "  `orderLineNumber` INT NOT NULL COMMENT 'The line\\'s number in the order',",
        "  PRIMARY KEY (`orderNumber`, `productCode`),",
        "  FOREIGN KEY (`orderNumber`) REFERENCES `orders` (`orderNumber`),",
        "  FOREIGN KEY (`productCode`) REFERENCES `products` (`productCode`)",
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='one row per order and product';",
    ]
    assert [contract.table for contract in source_tables.tables("sales")] == [
        "offices", "productlines", "employees", "products", "customers", "orders", "payments", "orderdetails",
    ]  # fmt: skip
