"""The load into Redshift on the embedded one: each test goes on from where the one before it ended."""

import os
import signal
import time

import pytest

from localaws.glue.catalog import SAVE_INTERVAL
from millrace import contracts, warehouse
from tests.warehouse.conftest import SLUG, TABLES, Failed, day, purchase

JANUARY = [
    purchase(1, "2025-01-30", "P0001", "12.00"),
    purchase(2, "2025-01-31", "P0002", None),
    purchase(3, "2025-01-31", "P0001", "7.25", "REFUNDED"),
    purchase(4, "2025-01-31", "P0001", "0.50", "CANCELLED"),
]
APAC = [purchase(5, "2025-01-31", "P0001", "5.50")]
FEBRUARY = [purchase(6, "2025-02-01", "P0003", "100.01")]
DAILY = [
    ["2025-01-30", "2025-01", "EUROPE", "P0001", "1", "0", "0", "12.00", "0.00"],
    ["2025-01-31", "2025-01", "APAC", "P0001", "1", "0", "0", "5.50", "0.00"],
    ["2025-01-31", "2025-01", "EUROPE", "P0001", "2", "0", "1", "0.00", "7.25"],
    ["2025-01-31", "2025-01", "EUROPE", "P0002", "1", "1", "0", "0.00", "0.00"],
    ["2025-02-01", "2025-02", "EUROPE", "P0003", "1", "0", "0", "100.01", "0.00"],
]


def tables(lake):
    return {name: sorted(lake.rows(f"SELECT * FROM {name}"), key=str) for name in TABLES}


def test_what_is_published_is_loaded_in_one_transaction(lake):
    lake.publish("transactions_clean", "2025-01", "EUROPE", JANUARY)
    lake.publish("transactions_clean", "2025-01", "APAC", APAC)
    lake.publish("transactions_clean", "2025-02", "EUROPE", FEBRUARY)
    statements = lake.plan()
    assert len(statements) <= warehouse.BATCH
    lake.run_all(statements)
    assert lake.rows("SELECT * FROM purchases ORDER BY purchase_id")[:3] == [
        ["1", "2025-01-30", "2025-01", "EUROPE", "P0001", "7", "12.00", "COMPLETED"],
        ["2", "2025-01-31", "2025-01", "EUROPE", "P0002", "7", None, "COMPLETED"],
        ["3", "2025-01-31", "2025-01", "EUROPE", "P0001", "7", "7.25", "REFUNDED"],
    ]
    assert lake.rows("SELECT * FROM daily_sales ORDER BY purchase_date, region, product_id") == DAILY


def test_the_same_again_changes_nothing(lake):
    before = tables(lake)
    assert lake.plan() == []
    lake.run_all(["DELETE FROM loaded_partitions"])  # as if nobody knew
    lake.run_all(lake.plan())
    assert tables(lake) == before
    assert lake.plan() == []


def test_views_are_made_and_refreshed(lake):
    for view in ("sales_by_region", "sales_by_product"):
        lake.run_all(warehouse.statements(SLUG, view))
    assert lake.rows("SELECT * FROM sales_by_region ORDER BY region, month") == [
        ["APAC", "2025-01-01", "1", "0", "0", "5.50", "0.00"],
        ["EUROPE", "2025-01-01", "4", "1", "1", "12.00", "7.25"],
        ["EUROPE", "2025-02-01", "1", "0", "0", "100.01", "0.00"],
    ]


def test_redshift_and_athena_have_the_same_numbers(lake):
    lake.publish("daily_sales", "2025-01", "EUROPE", [
        day("2025-01-30", "P0001", 1, 1, 0, 0, "12.00", "0.00"),
        day("2025-01-31", "P0001", 2, 0, 1, 0, "0.00", "7.25"),
        day("2025-01-31", "P0002", 1, 1, 0, 1, "0.00", "0.00"),
    ])  # fmt: skip
    lake.publish("daily_sales", "2025-01", "APAC", [day("2025-01-31", "P0001", 1, 1, 0, 0, "5.50", "0.00")])
    lake.publish("daily_sales", "2025-02", "EUROPE", [day("2025-02-01", "P0003", 1, 1, 0, 0, "100.01", "0.00")])
    assert lake.differences() == []


@pytest.mark.parametrize(
    ("change", "undo", "told"),
    [
        (
            "UPDATE purchases SET amount = 12.01 WHERE purchase_id = 1",
            "UPDATE purchases SET amount = 12.00 WHERE purchase_id = 1",
            "purchases 2025-01-30 EUROPE: sales 12.01, not 12.00",
        ),
        (
            "UPDATE purchases SET purchase_id = 40 WHERE purchase_id = 4",
            "UPDATE purchases SET purchase_id = 4 WHERE purchase_id = 40",
            "purchases 2025-01-31 EUROPE: keys 45, not 9",
        ),
        (
            "UPDATE purchases SET region = 'LATAM' WHERE purchase_id = 5",
            "UPDATE purchases SET region = 'APAC' WHERE purchase_id = 5",
            "purchases 2025-01-31 LATAM is only in Redshift",
        ),
    ],
)
def test_a_difference_is_told(lake, change, undo, told):
    lake.run_all([change])
    assert told in lake.differences()
    lake.run_all([undo])
    assert lake.differences() == []


def test_rows_that_move_leave_and_come_again(lake):
    """A partition of new rows, one that lost a row to it, and one that is no more."""
    lake.publish("transactions_clean", "2025-01", "EUROPE", JANUARY[1:])
    lake.publish("transactions_clean", "2025-01", "LATAM", [purchase(1, "2025-01-29", "P0009", "13.00")])
    lake.publish("transactions_clean", "2025-02", "EUROPE", [])
    lake.run_all(lake.plan())
    assert lake.rows("SELECT purchase_id, region, amount FROM purchases ORDER BY 1") == [
        ["1", "LATAM", "13.00"], ["2", "EUROPE", None], ["3", "EUROPE", "7.25"], ["4", "EUROPE", "0.50"],
        ["5", "APAC", "5.50"],
    ]  # fmt: skip
    assert [row[:4] for row in lake.rows("SELECT * FROM daily_sales ORDER BY 1, 3, 4")] == [
        ["2025-01-29", "2025-01", "LATAM", "P0009"],
        ["2025-01-31", "2025-01", "APAC", "P0001"],
        ["2025-01-31", "2025-01", "EUROPE", "P0001"],
        ["2025-01-31", "2025-01", "EUROPE", "P0002"],
    ]
    assert [row[:2] for row in lake.rows("SELECT * FROM loaded_partitions ORDER BY 1, 2")] == [
        ["2025-01", "APAC"], ["2025-01", "EUROPE"], ["2025-01", "LATAM"],
    ]  # fmt: skip
    lake.run_all(["REFRESH MATERIALIZED VIEW sales_by_product"])
    assert lake.rows("SELECT product_id, sales FROM sales_by_product ORDER BY 1") == [
        ["P0001", "5.50"], ["P0002", "0.00"], ["P0009", "13.00"],
    ]  # fmt: skip


def test_a_new_column_that_only_some_files_have_does_no_harm(lake):
    table = lake.glue.get_table(DatabaseName=SLUG, Name="transactions_clean")["Table"]
    storage = table["StorageDescriptor"]
    storage["Columns"] = [*storage["Columns"], {"Name": "extra", "Type": "string"}]
    wanted = ("Name", "PartitionKeys", "TableType", "Parameters")
    lake.glue.update_table(
        DatabaseName=SLUG, TableInput={**{name: table[name] for name in wanted}, "StorageDescriptor": storage}
    )
    lake.publish("transactions_clean", "2025-03", "APAC", [purchase(8, "2025-03-01", "P0001", "1.00")], extra=["S1"])
    lake.publish("transactions_clean", "2025-03", "LATAM", [purchase(9, "2025-03-01", "P0001", "1.00")])
    lake.run_all(lake.plan())
    assert lake.rows("SELECT purchase_id FROM purchases WHERE period = '2025-03' ORDER BY 1") == [["8"], ["9"]]


def test_a_load_that_fails_in_the_middle_leaves_all_as_it_was(lake):
    before = tables(lake)
    lake.publish("transactions_clean", "2025-04", "APAC", [purchase(10, "2025-04-01", "P0001", "1.00")])
    statements = lake.plan()
    with pytest.raises(Failed, match="Divide by zero"):
        lake.run_all([*statements[:-2], "SELECT 1 / count(*) FROM touched WHERE period = 'none'", *statements[-2:]])
    assert tables(lake) == before
    lake.run_all(statements)
    assert lake.rows("SELECT count(*) FROM purchases WHERE period = '2025-04'") == [["1"]]


def test_a_load_during_which_redshift_is_killed_leaves_all_as_it_was(lake):
    before = tables(lake)
    many = [purchase(1_000 + n, "2025-05-01", "P0001", "1.00") for n in range(150_000)]
    lake.publish("transactions_clean", "2025-05", "EUROPE", many)
    statements = lake.plan()
    slow = "SELECT count(*) FROM staged AS a, staged AS b, staged AS c WHERE a.purchase_id + b.purchase_id < c.amount"
    at_work = lake.begin([*statements[:-2], slow, *statements[-2:]])
    while lake.data.describe_statement(Id=at_work)["SubStatements"][-3]["Status"] != "STARTED":
        time.sleep(0.02)
    time.sleep(2 * SAVE_INTERVAL)  # else the catalog may have lost what was published just now
    os.kill(lake.aws.pid, signal.SIGKILL)
    lake.aws.__exit__(None, None, None)
    lake.start()
    assert tables(lake) == before
    lake.run_all(lake.plan())
    assert lake.rows("SELECT count(*), sum(amount) FROM purchases WHERE period = '2025-05'") == [
        ["150000", "150000.00"]
    ]


def test_a_region_too_many_is_said_and_not_cut_off():
    with pytest.raises(ValueError, match="a transaction of the Data API has at most 40"):
        warehouse.statements(
            SLUG, "load", folder="s3://b/", grain="YYYY-MM", columns=["a bigint"], regions=list("abcdefghijkl")
        )


def test_all_regions_of_the_contract_fit_one_transaction():
    allowed = next(c for c in contracts.get(SLUG, SLUG).columns if c.name == "region").allowed
    statements = warehouse.statements(
        SLUG, "load", folder="s3://b/", grain="YYYY-MM", columns=["a bigint"], regions=sorted(allowed)
    )
    assert len(statements) == 11 + 3 * len(allowed)


def test_many_differences_are_counted():
    names = ["part", "place", "n"]
    ours = [["p", str(number), "1"] for number in range(25)]
    theirs = [["p", str(number), "1.0" if number < 5 else "2"] for number in range(25)]
    told = warehouse.differences(ours, theirs, names)
    assert told[0] == "p 10: n 1, not 2" and told[-1] == "and 10 more" and len(told) == 11
    with pytest.raises(ValueError, match="twice"):
        warehouse.differences([*ours, ours[0]], theirs, names)
