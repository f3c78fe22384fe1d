"""The checks of a build of purchases say what they measured in plain numbers, and which limits it is over."""

import datetime as dt

import duckdb
import pytest

from localaws.athena.translate import Column, prepare, translate_query
from millrace import contracts
from tests.sql.conftest import SQL

SLUG = "transactions"
BUILT = ("transactions_clean", "transactions_outliers", "daily_sales")
# 2,000 purchases of March 2025, of which 130 have no amount and 3 are out of range.
PURCHASES = """
INSERT INTO built_transactions_clean BY NAME
SELECT
    i AS purchase_id, DATE '2025-03-14' AS purchase_date, i AS customer_key, 'P0001' AS product_id,
    CASE WHEN i >= 130 THEN CAST(CASE WHEN i < 133 THEN 200000 ELSE 2 END AS decimal(12, 2)) END AS amount,
    i < 130 AS amount_missing, 'COMPLETED' AS status, 'ring twice' AS note, 'a.csv' AS source, '2025-03' AS period,
    'APAC' AS region
FROM range(2000) AS r (i)
"""
DAILY = """
INSERT INTO built_daily_sales BY NAME
SELECT purchase_date, count(*) AS purchases, count_if(amount_missing) AS missing_amounts, sum(amount) AS sales,
    0 AS refunds, 0 AS refunded
FROM built_transactions_clean GROUP BY purchase_date
"""


class Catalog:
    """A build's tables by their contracts."""

    def columns(self, database, table):
        assert database == SLUG
        contract = contracts.get(SLUG, table.removeprefix("built_"))
        kinds = [*((column.name, column.type) for column in contract.columns), *contract.partitions]
        return [Column(name, "varchar" if kind == "string" else kind) for name, kind in kinds]


@pytest.fixture
def ask():
    """What the checks say: name → severity, ok, detail."""
    connection = duckdb.connect(config={"threads": 1})
    prepare(connection)
    connection.execute(f"CREATE SCHEMA {SLUG}; SET search_path = '{SLUG},main'")
    for table in BUILT:
        columns = ", ".join(f"{column.name} {column.type}" for column in Catalog().columns(SLUG, f"built_{table}"))
        connection.execute(f"CREATE TABLE built_{table} ({columns})")

    def run(*statements):
        for statement in statements:
            connection.execute(statement)
        sql = (SQL / SLUG / "checks.sql").read_text(encoding="utf-8")
        translated = translate_query(
            sql,
            Catalog(),
            database="default",
            table_sql=lambda ref: f'"{ref.table}"',
            now=dt.datetime(2025, 4, 1, tzinfo=dt.UTC),
        )
        return {name: tuple(rest) for name, *rest in connection.execute(translated.sql).fetchall()}

    return run


def test_details_are_plain_numbers(ask):
    found = ask(PURCHASES, DAILY)
    assert found["key_is_unique"] == ("warning", True, "0 rows too many for their key")
    assert found["share_of_missing_amounts"] == ("warning", True, "0.065 of the purchases have no amount")
    what = "of the purchases are below 0 or above 100000 USD and not flagged as outliers"
    assert found["amounts_are_in_range"] == ("error", False, f"0.0015 {what}")
    assert all(ok for name, (_, ok, _) in found.items() if name != "amounts_are_in_range")


def test_counts_end_in_their_own_noughts(ask):
    again = "INSERT INTO built_transactions_clean FROM built_transactions_clean WHERE purchase_id < 100"
    assert ask(PURCHASES, DAILY, again)["key_is_unique"] == ("error", False, "100 rows too many for their key")
