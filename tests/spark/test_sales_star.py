"""The star schema of sales: exact rows of a small source with every quirk, and its history over several runs."""

import datetime as dt
import hashlib
import random
from collections import defaultdict
from decimal import Decimal

import pytest

from tests.spark.sales_shop import FolderLake, Shop, State, day, money

BEGINNING, FOREVER = dt.date(1900, 1, 1), dt.date(9999, 12, 31)
FACTS_AND_DIMENSIONS = (
    "fact_orders", "fact_payments", "dim_customers", "dim_products", "dim_locations", "dim_employees", "dim_dates",
    "control_totals",
)  # fmt: skip


def key(*parts):
    """A surrogate key, worked out apart from the code under test."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)


def quirky():
    """Blanks at the ends, line ends within, no state, postal code, representative or order; shared postal codes."""
    shop = Shop().line("Classic Cars ", text_description="Cars,\nold ").line("Ships")
    shop.office("1", city="Paris ", country="France", postal_code="75017", territory="EMEA")
    shop.office("2", city="Neuilly", country="France", postal_code="75017 ", territory="EMEA")
    shop.employee(1, first_name="Zoë", last_name="Müller ", job_title="President")
    shop.employee(2, first_name="Ana", last_name="O'Hara", office_code="2", reports_to=1)
    shop.product(
        "S10_1", product_line="classic cars", product_description='It\'s\r\n"old" \\ new ', buy_price=money("10.01")
    )
    shop.product("S10_2", product_line="Ships")
    shop.product("S10_3")
    shop.customer(
        10,
        customer_name="Café Čapek ",
        city="Paris",
        country="France",
        postal_code="75017",
        sales_rep_employee_number=2,
        credit_limit=money("100.00"),
        address_line2="",
    )
    shop.customer(11, city="Neuilly", country="France ", postal_code=" 75017", sales_rep_employee_number=2)
    shop.customer(12, city="Reykjavík", country="Iceland", postal_code=None)
    shop.customer(13, contact_first_name=" ", contact_last_name="\t", address_line1="1 Road", address_line2="Flat 2")
    shop.order(100, "2004-01-31", 10, "Shipped", [("S10_1", 3, "19.99"), ("s10_2 ", 1, "0.01")])
    shop.order(101, "2004-02-01", 11, "Cancelled", [("S10_1", 2, "20.00")])
    shop.order(102, "2004-02-29", 12, "Resolved ", [("S10_2", 5, "1.10")], comments="two\nlines")
    shop.order(103, "2004-02-29", 10, "Disputed", [("S10_1", 7, "3.33")])
    shop.order(104, "2004-03-01", 10, "On Hold", [("S10_1", 1, "5.00")])
    shop.order(105, "2004-03-02", 10, "In Process", [("S10_2", 1, "6.00")])
    shop.order(106, "2004-03-03", 10)  # which has no lines, so no row
    shop.payment(10, "AB1 ", "2004-02-10", "59.98").payment(12, "AB1", "2004-03-10", "5.50")
    return shop  # fmt: skip


def loads(spark, folder):
    """Runs loads as of a day and publishes each; gives the lake."""
    lake = FolderLake(spark, folder)

    def run(shop, as_of="2004-06-01"):
        from millrace.spark import sales_star

        before = lake.published("control_totals") if lake.current else None
        sales_star.build(State(spark, folder, shop, before), lake, day(as_of))
        lake.publish()
        return lake

    return run


@pytest.fixture
def run(spark, tmp_path):
    """Runs loads into a lake of the test's own."""
    return loads(spark, tmp_path)


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    """A lake after one load of the quirky shop; only to be read."""
    return loads(spark, tmp_path_factory.mktemp("lake"))(quirky())


def tables(lake):
    return {name: lake.rows(name) for name in FACTS_AND_DIMENSIONS}


def place(city, country, postal_code=None, state=None):
    return key(city, state, postal_code, country)


def test_every_order_line_is_one_row_whatever_the_source_looks_like(lake):
    c10, c11, c12 = (key(number, BEGINNING) for number in (10, 11, 12))
    p1, p2 = key("S10_1", BEGINNING), key("S10_2", BEGINNING)
    paris, neuilly, reykjavik = place("Paris", "France", "75017"), place("Neuilly", "France", "75017"), place(
        "Reykjavík", "Iceland"
    )  # fmt: skip
    names = ("order_number", "product_code", "customer_key", "product_key", "employee_key", "location_key")
    assert [tuple(row[name] for name in names) for row in lake.rows("fact_orders")] == [
        (100, "S10_1", c10, p1, key(2), paris),
        (100, "S10_2", c10, p2, key(2), paris),
        (101, "S10_1", c11, p1, key(2), neuilly),
        (102, "S10_2", c12, p2, -1, reykjavik),
        (103, "S10_1", c10, p1, key(2), paris),
        (104, "S10_1", c10, p1, key(2), paris),
        (105, "S10_2", c10, p2, key(2), paris),
    ]
    names = ("order_date_key", "shipped_date_key", "status", "amount", "revenue", "cost")
    assert [tuple(str(row[name]) for name in names) for row in lake.rows("fact_orders")] == [
        ("20040131", "20040131", "Shipped", "59.97", "59.97", "30.03"),
        ("20040131", "20040131", "Shipped", "0.01", "0.01", "1.00"),
        ("20040201", "-1", "Cancelled", "40.00", "0.00", "20.02"),
        ("20040229", "-1", "Resolved", "5.50", "5.50", "5.00"),
        ("20040229", "-1", "Disputed", "23.31", "0.00", "70.07"),
        ("20040301", "-1", "On Hold", "5.00", "0.00", "10.01"),
        ("20040302", "-1", "In Process", "6.00", "0.00", "1.00"),
    ]
    payments = [(row["check_number"], row["customer_key"], row["payment_date_key"], row["amount"])
                for row in lake.rows("fact_payments")]  # fmt: skip
    assert payments == [("AB1", c10, 20040210, money("59.98")), ("AB1", c12, 20040310, money("5.50"))]
    assert lake.accounts == {"fact_orders": (7, 7), "fact_payments": (2, 2), "dim_customers": (4, 4),
                             "dim_products": (3, 3), "dim_employees": (2, 2)}  # fmt: skip


def test_customers_are_cleaned_and_there_is_an_unknown_one(lake):
    rows = {row["customer_number"]: row for row in lake.rows("dim_customers")}
    assert rows[10] == {
        "customer_key": key(10, BEGINNING), "customer_number": 10, "customer_name": "Café Čapek", "contact_name": "F L",
        "phone": "1", "address": "A", "city": "Paris", "state": None, "postal_code": "75017", "country": "France",
        "location_key": place("Paris", "France", "75017"), "sales_rep_employee_number": 2, "employee_key": key(2),
        "credit_limit": money("100.00"), "valid_from": BEGINNING, "valid_to": FOREVER, "is_current": True,
    }  # fmt: skip
    assert (rows[11]["postal_code"], rows[11]["country"]) == ("75017", "France")
    assert (rows[12]["postal_code"], rows[12]["employee_key"]) == (None, -1)
    assert (rows[13]["contact_name"], rows[13]["address"]) == (None, "1 Road, Flat 2")
    assert {name: value for name, value in rows[None].items() if value is not None} == {
        "customer_key": -1, "customer_name": "(unknown)", "location_key": -1, "employee_key": -1,
        "valid_from": BEGINNING, "valid_to": FOREVER, "is_current": True,
    }  # fmt: skip
    assert len(rows) == 5


def test_products_places_and_employees(lake):
    products = {row["product_code"]: row for row in lake.rows("dim_products")}
    assert products["S10_1"]["product_description"] == 'It\'s\r\n"old" \\ new'
    assert products["S10_1"]["product_line_description"] == "Cars,\nold"
    assert products["S10_3"]["product_line_description"] is None
    assert products.keys() == {"S10_1", "S10_2", "S10_3", None}
    places = {
        (row["city"], row["postal_code"], row["country"]): row["location_key"] for row in lake.rows("dim_locations")
    }
    assert places == {
        ("Paris", "75017", "France"): place("Paris", "France", "75017"),
        ("Neuilly", "75017", "France"): place("Neuilly", "France", "75017"),
        ("Reykjavík", None, "Iceland"): place("Reykjavík", "Iceland"),
        ("C", None, "X"): place("C", "X"),
        ("(unknown)", None, "(unknown)"): -1,
    }
    names = ("employee_number", "employee_name", "manager_key", "office_city", "office_location_key")
    assert [tuple(row[name] for name in names) for row in lake.rows("dim_employees")] == sorted(
        [
            (None, "(none)", -1, None, -1),
            (1, "Zoë Müller", -1, "Paris", place("Paris", "France", "75017")),
            (2, "Ana O'Hara", key(1), "Neuilly", place("Neuilly", "France", "75017")),
        ],
        key=lambda row: str(key(row[0]) if row[0] else -1),
    )


def test_a_join_by_postal_code_would_count_sales_twice(lake):
    orders, places = lake.published("fact_orders"), lake.published("dim_locations")
    customers = lake.published("dim_customers").select("customer_key", "postal_code")
    truth = orders.agg({"amount": "sum"}).first()[0]
    assert truth == sum(total.amount for total in lake.published("control_totals").collect()
                        if total.source == "order_lines")  # fmt: skip
    assert orders.join(places, "location_key").agg({"amount": "sum"}).first()[0] == truth
    by_postal_code = orders.join(customers, "customer_key").join(places.drop("location_key"), "postal_code")
    # Paris and Neuilly share one: their sales count twice, and Iceland's, without any, not at all.
    assert by_postal_code.agg({"amount": "sum"}).first()[0] == 2 * (truth - money("5.50"))


def test_days_are_those_of_whole_years_and_one_for_none(lake):
    rows = {row["date_key"]: row for row in lake.rows("dim_dates")}
    assert len(rows) == 366 + 1
    assert rows[20040229] == {
        "date_key": 20040229, "day": dt.date(2004, 2, 29), "year": 2004, "quarter": 1, "month": 2,
        "year_quarter": "2004-Q1", "year_month": "2004-02", "month_name": "February", "iso_week": 9, "weekday": 7,
        "weekday_name": "Sunday", "is_weekend": True,
    }  # fmt: skip
    assert {name: value for name, value in rows[-1].items() if value is not None} == {"date_key": -1}


def test_an_empty_source_gives_empty_facts_and_the_members_for_none(run):
    lake = run(Shop())
    assert {name: len(rows) for name, rows in tables(lake).items()} == {
        "fact_orders": 0, "fact_payments": 0, "dim_customers": 1, "dim_products": 1, "dim_locations": 1,
        "dim_employees": 1, "dim_dates": 1, "control_totals": 5,
    }  # fmt: skip


def test_changes_late_orders_and_unknown_members_over_several_runs(run):
    first = tables(run(quirky()))
    assert tables(run(quirky(), "2004-06-02")) == first

    changed = quirky()
    changed.row("customers", customer_number=10).update(city="Lyon", postal_code="69003", sales_rep_employee_number=1)
    changed.row("customers", customer_number=12).update(sales_rep_employee_number=77)
    changed.row("products", product_code="S10_1").update(buy_price=money("11.00"))
    changed.row("orders", order_number=105).update(status="Shipped", shipped_date=day("2004-03-05"))
    changed.row("orders", order_number=103).update(status="Resolved")
    changed.tables["orderdetails"] = [row for row in changed.tables["orderdetails"] if row["order_number"] != 101]
    changed.order(99, "2004-01-02", 11, "Shipped", [("S10_3", 4, "2.50")])
    changed.order(110, "2004-06-30", 10, "Shipped", [("S10_1", 1, "2.00")])
    changed.order(111, "2004-07-01", 10, "Shipped", [("S10_1", 1, "2.00")])
    changed.order(120, "2004-04-01", 999, "Shipped", [("NONE", 1, "1.00")])
    lake = run(changed, "2004-07-01")

    july = dt.date(2004, 7, 1)
    versions = [
        (row["city"], row["valid_from"], row["valid_to"], row["is_current"])
        for row in lake.rows("dim_customers")
        if row["customer_number"] == 10
    ]
    assert sorted(versions) == [("Lyon", july, FOREVER, True), ("Paris", BEGINNING, july, False)]
    employees = {row["customer_key"]: row["employee_key"] for row in lake.rows("dim_customers")}
    assert employees[key(12, BEGINNING)] == -1  # who is no employee counts as none, and that is no change
    c10, c10_july, p1, p1_july = key(10, BEGINNING), key(10, july), key("S10_1", BEGINNING), key("S10_1", july)
    paris, lyon = place("Paris", "France", "75017"), place("Lyon", "France", "69003")
    names = ("order_number", "customer_key", "product_key", "employee_key", "location_key")
    facts = lake.rows("fact_orders")
    assert [tuple(row[name] for name in names) for row in facts if row["order_number"] in (103, 110, 111, 120)] == [
        (103, c10, p1, key(2), paris),
        (110, c10, p1, key(2), paris),
        (111, c10_july, p1_july, key(1), lyon),
        (120, -1, -1, -1, -1),
    ]
    assert [(row["order_number"], row["shipped_date_key"], str(row["revenue"]), str(row["cost"])) for row in facts] == [
        (100, 20040131, "59.97", "30.03"),
        (100, 20040131, "0.01", "1.00"),
        (102, -1, "5.50", "5.00"),
        (103, -1, "23.31", "70.07"),
        (104, -1, "0.00", "10.01"),
        (105, 20040305, "6.00", "1.00"),
        (110, 20040630, "2.00", "10.01"),
        (111, 20040701, "2.00", "11.00"),
        (120, 20040401, "1.00", "None"),
        (99, 20040102, "10.00", "4.00"),
    ]
    assert tables(run(changed, "2004-07-01")) == tables(lake)


class Ledger:
    """The star's history in plain Python: what the tables should be after a series of runs."""

    def __init__(self):
        self.versions = {"customers": defaultdict(list), "products": defaultdict(list)}

    def run(self, shop, as_of):
        for table, number in (("customers", "customer_number"), ("products", "product_code")):
            for row in shop.tables[table]:
                known = self.versions[table][row[number]]
                seen = {name: value for name, value in row.items() if name != "quantity_in_stock"}
                if not known:
                    known.append([BEGINNING, seen])
                elif known[-1][1] != seen:
                    if known[-1][0] >= as_of:
                        known[-1][1] = seen
                    else:
                        known.append([as_of, seen])
        facts = {}
        for line in shop.order_lines:
            customer_since, customer = self.at("customers", line["customer_number"], line["order_date"])
            product_since, product = self.at("products", line["product_code"], line["order_date"])
            amount = line["quantity_ordered"] * line["price_each"]
            rep = customer["sales_rep_employee_number"]
            facts[line["order_number"], line["product_code"]] = (
                key(line["customer_number"], customer_since),
                key(line["product_code"], product_since),
                -1 if rep is None else key(rep),
                key(customer["city"], customer["state"], customer["postal_code"], customer["country"]),
                line["status"],
                amount,
                amount if line["status"] in ("Shipped", "Resolved") else Decimal(0),
                line["quantity_ordered"] * product["buy_price"],
            )
        return facts

    def at(self, table, number, date):
        return [(since, row) for since, row in self.versions[table][number] if since <= date][-1]


@pytest.mark.parametrize("seed", range(2))
def test_random_histories_are_as_plain_python_has_them(run, seed):
    chosen = random.Random(seed)
    shop = Shop().line("Line").office("1").employee(1).employee(2, reports_to=1)
    for number in range(6):
        rep, postal_code, city = chosen.choice([None, 1, 2]), chosen.choice([None, "1"]), chosen.choice(["C", "D"])
        shop.customer(number, sales_rep_employee_number=rep, postal_code=postal_code, city=city)
        shop.product(f"P{number}", buy_price=Decimal(chosen.randint(1, 999)) / 100)
    ledger, number = Ledger(), 0
    today = dt.date(2004, 1, 20)
    for _ in range(2):
        for _ in range(chosen.randint(0, 9)):
            number += 1
            date = today - dt.timedelta(chosen.randint(0, 40))
            lines = [(f"P{product}", chosen.randint(1, 9), f"{chosen.randint(1, 9999) / 100:.2f}")
                     for product in chosen.sample(range(6), chosen.randint(1, 4))]  # fmt: skip
            shop.order(number, str(date), chosen.randrange(6), chosen.choice(["Shipped", "In Process"]), lines)
        for order in shop.tables["orders"]:
            if chosen.random() < 0.3:
                order["status"] = chosen.choice(["Shipped", "Resolved", "Cancelled", "Disputed"])
        for customer in shop.tables["customers"]:
            if chosen.random() < 0.3:
                customer["city"] = chosen.choice(["C", "D", "E"])
        for product in shop.tables["products"]:
            if chosen.random() < 0.2:
                product["buy_price"] = Decimal(chosen.randint(1, 999)) / 100
        lake = run(shop, str(today))
        expected = ledger.run(shop, today)
        names = ("customer_key", "product_key", "employee_key", "location_key", "status", "amount", "revenue", "cost")
        rows = lake.rows("fact_orders")
        assert {
            (row["order_number"], row["product_code"]): tuple(row[name] for name in names) for row in rows
        } == expected
        assert len(rows) == len(expected)
        current = [(row["customer_number"], row["valid_from"]) for row in lake.rows("dim_customers")
                   if row["is_current"] and row["customer_key"] != -1]  # fmt: skip
        assert sorted(current) == [(n, v[-1][0]) for n, v in sorted(ledger.versions["customers"].items())]
        today += dt.timedelta(chosen.randint(0, 15))
