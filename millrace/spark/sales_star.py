"""The star schema of ``sales``, from the tables of its source: functions of DataFrames, without input or output.

Sources come as their contracts name the columns, with texts cleaned (`clean`). Each function gives the columns of its
contract, ``datasets/sales/<function>.yaml``. No join of a fact is by anything but a key that is unique on the other
side, so no fact is multiplied: a place, above all, is all of its columns, never its postal code alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from millrace.sales_reads import REVENUE_STATUSES
from millrace.spark.dimensions import clean, date_key, dates, known, with_member
from millrace.spark.lake import Lake
from millrace.spark.scd2 import BEGINNING, FOREVER, UNKNOWN, VALIDITY, keys_as_of, surrogate_key, versions
from millrace.spark.snapshot import Snapshot

PLACE = ("city", "state", "postal_code", "country")
# What a line and a payment are besides their keys; the facts carry it, so months that did not change need no reading.
LINE = (
    "order_number", "order_line_number", "product_code", "customer_number", "order_date", "required_date",
    "shipped_date", "status", "quantity", "price_each",
)  # fmt: skip
PAYMENT = ("customer_number", "check_number", "payment_date", "amount")


def build(state: Snapshot, lake: Lake, as_of: dt.date) -> None:
    """Write a build of all tables, from a state of the source and what is published, and its account.

    as_of: the day from which a change of a customer or product counts that is seen now.
    """
    tables = {name: clean(rows) for name in _WHOLE if (rows := state.rows(name)) is not None}
    customers, employees, offices = tables["customers"], tables["employees"], tables["offices"]

    places = dim_locations(lake.published("dim_locations"), customers, offices)
    lake.write("dim_locations", places, order="location_key")
    sellers = lake.write("dim_employees", dim_employees(employees, offices), order="employee_number")
    buyers = dim_customers(lake.published("dim_customers"), customers, employees, as_of)
    buyers = lake.write("dim_customers", buyers, order="customer_number")
    goods = dim_products(lake.published("dim_products"), tables["products"], tables["productlines"], as_of)
    goods = lake.write("dim_products", goods, order="product_code")

    lines = _with_kept(state, "order_lines", order_lines, lake.published("fact_orders"), LINE, "order_date")
    files = 1 + state.row_count("order_lines") // _FILE_ROWS
    orders = lake.write("fact_orders", fact_orders(lines, buyers, goods), order="order_date", files=files)
    paid = _with_kept(state, "payments", payments, lake.published("fact_payments"), PAYMENT, "payment_date")
    files = 1 + state.row_count("payments") // _FILE_ROWS
    paid = lake.write("fact_payments", fact_payments(paid, buyers), order="payment_date", files=files)

    days = [orders.select(name) for name in ("order_date", "required_date", "shipped_date")]
    first, last = reduce(DataFrame.union, [*days, paid.select("payment_date")]).agg(
        F.min("order_date"), F.max("order_date")
    ).first() or (None, None)  # fmt: skip
    lake.write("dim_dates", dates(orders.sparkSession, first, last), order="date_key")
    assert state.control_totals is not None
    lake.write("control_totals", state.control_totals, order="month")
    written = {
        "fact_orders": ("order_lines", orders),
        "fact_payments": ("payments", paid),
        "dim_customers": ("customers", buyers.where("is_current AND customer_number IS NOT NULL")),
        "dim_products": ("products", goods.where("is_current AND product_code IS NOT NULL")),
        "dim_employees": ("employees", sellers.where("employee_number IS NOT NULL")),
    }
    named = (rows.select(F.lit(table).alias("table")) for table, (_, rows) in written.items())
    found = {row["table"]: row["count"] for row in reduce(DataFrame.union, named).groupBy("table").count().collect()}
    lake.account({table: (state.row_count(name), found.get(table, 0)) for table, (name, _) in written.items()})


def _with_kept(
    state: Snapshot,
    name: str,
    prepare: Callable[[DataFrame], DataFrame],
    published: DataFrame,
    columns: Sequence[str],
    day: str,
) -> DataFrame:
    """The rows that were read, and those of the published fact whose months are as they were."""
    kept = published.where(F.date_format(day, "yyyy-MM").isin(state.unread(name))).select(*columns)
    read = state.rows(name)
    return kept if read is None else kept.unionByName(prepare(read))


def order_lines(read: DataFrame) -> DataFrame:
    """LINE of the order lines that were read."""
    named = clean(read).withColumnRenamed("quantity_ordered", "quantity")
    return named.withColumn("product_code", code("product_code")).select(*LINE)


def payments(read: DataFrame) -> DataFrame:
    """PAYMENT of the payments that were read."""
    return clean(read).select(*PAYMENT)


def code(column: str) -> Column:
    """A business code in capitals: the source's collation takes s10_1678 and S10_1678 for the same."""
    return F.upper(column)


def dim_locations(before: DataFrame, *tables: DataFrame) -> DataFrame:
    """Every place of these tables, and those of the dimension so far, which older facts may refer to."""
    places = reduce(DataFrame.union, (table.select(*PLACE) for table in tables)).distinct()
    places = places.union(before.where(F.col("location_key") != UNKNOWN).select(*PLACE)).distinct()
    keyed = places.select(location_key().alias("location_key"), *PLACE)
    return with_member(keyed, location_key=UNKNOWN, city="(unknown)", country="(unknown)")


def location_key() -> Column:
    """The key of the place that a row's columns name."""
    return surrogate_key(*(F.col(name) for name in PLACE))


def dim_employees(employees: DataFrame, offices: DataFrame) -> DataFrame:
    """The employees as they are now, with their offices."""
    office = offices.select(
        "office_code", F.col("city").alias("office_city"), F.col("country").alias("office_country"), "territory",
        location_key().alias("office_location_key"),
    )  # fmt: skip
    placed = employees.join(F.broadcast(office), "office_code", "left").select(
        employee_key("employee_number").alias("employee_key"),
        "employee_number",
        F.concat_ws(" ", "first_name", "last_name").alias("employee_name"),
        "email",
        "job_title",
        employee_key("reports_to").alias("manager_key"),
        "office_code",
        "office_city",
        "office_country",
        "territory",
        F.coalesce("office_location_key", F.lit(UNKNOWN)).alias("office_location_key"),
    )
    return with_member(
        placed, employee_key=UNKNOWN, employee_name="(none)", manager_key=UNKNOWN, office_location_key=UNKNOWN
    )


def employee_key(number: str) -> Column:
    """The key of the employee of that number; of nobody where it is null."""
    return F.when(F.col(number).isNull(), F.lit(UNKNOWN)).otherwise(surrogate_key(F.col(number))).cast("bigint")


def dim_customers(before: DataFrame, customers: DataFrame, employees: DataFrame, as_of: dt.date) -> DataFrame:
    """The customers' versions. A sales representative who is no employee counts as none."""
    sellers = employees.select(F.col("employee_number").alias("sales_rep_employee_number"), F.lit(True).alias("_known"))
    now = customers.join(F.broadcast(sellers), "sales_rep_employee_number", "left").select(
        "customer_number",
        "customer_name",
        F.nullif(F.concat_ws(" ", "contact_first_name", "contact_last_name"), F.lit("")).alias("contact_name"),
        "phone",
        F.nullif(F.concat_ws(", ", "address_line1", "address_line2"), F.lit("")).alias("address"),
        *PLACE,
        F.when(F.col("_known"), F.col("sales_rep_employee_number")).alias("sales_rep_employee_number"),
        "credit_limit",
    )
    kept = before.where(F.col("customer_key") != UNKNOWN)
    every = versions(kept, now, business_key="customer_number", as_of=as_of)
    keyed = every.withColumns(
        {
            "customer_key": surrogate_key(F.col("customer_number"), F.col("valid_from")),
            "location_key": location_key(),
            "employee_key": employee_key("sales_rep_employee_number"),
        }
    )
    nobody = {"customer_key": UNKNOWN, "location_key": UNKNOWN, "employee_key": UNKNOWN, "customer_name": "(unknown)"}
    return with_member(keyed, **nobody, **_ALWAYS)


def dim_products(before: DataFrame, products: DataFrame, lines: DataFrame, as_of: dt.date) -> DataFrame:
    """The products' versions, with the words for their lines."""
    line = lines.select(
        code("product_line").alias("_line"), F.col("text_description").alias("product_line_description")
    )
    now = products.join(F.broadcast(line), F.col("_line") == code("product_line"), "left").select(
        code("product_code").alias("product_code"), "product_name", "product_line", "product_line_description",
        "product_scale", "product_vendor", "product_description", "buy_price", "msrp",
    )  # fmt: skip
    every = versions(before.where(F.col("product_key") != UNKNOWN), now, business_key="product_code", as_of=as_of)
    keyed = every.withColumn("product_key", surrogate_key(F.col("product_code"), F.col("valid_from")))
    return with_member(keyed, product_key=UNKNOWN, product_name="(unknown)", product_line="(unknown)", **_ALWAYS)


def fact_orders(lines: DataFrame, customers: DataFrame, products: DataFrame) -> DataFrame:
    """The order lines (LINE), each with the versions of its customer and product that its day had."""
    rows = keys_as_of(lines, customers, business_key="customer_number", day="order_date", take=_OF_CUSTOMER)
    product = {"product_key": "product_key", "_buy_price": "buy_price"}
    rows = keys_as_of(rows, products, business_key="product_code", day="order_date", take=product)
    amount = F.col("quantity") * F.col("price_each")
    return known(rows, "customer_key", "employee_key", "location_key", "product_key").select(
        "*",
        date_key("order_date").alias("order_date_key"),
        date_key("required_date").alias("required_date_key"),
        date_key("shipped_date").alias("shipped_date_key"),
        amount.alias("amount"),
        F.when(F.lower("status").isin([status.lower() for status in REVENUE_STATUSES]), amount)
        .otherwise(0)
        .alias("revenue"),
        (F.col("quantity") * F.col("_buy_price")).alias("cost"),
    )


def fact_payments(payments: DataFrame, customers: DataFrame) -> DataFrame:
    """The payments (PAYMENT), each with the version of its customer that its day had."""
    rows = keys_as_of(payments, customers, business_key="customer_number", day="payment_date", take=_OF_CUSTOMER)
    return known(rows, "customer_key", "employee_key", "location_key").withColumn(
        "payment_date_key", date_key("payment_date")
    )


_WHOLE = ("customers", "employees", "offices", "products", "productlines")
_FILE_ROWS = 2_000_000  # of a fact, some 40 MB
_OF_CUSTOMER = {name: name for name in ("customer_key", "employee_key", "location_key")}
_ALWAYS = dict(zip(VALIDITY, (BEGINNING, FOREVER, True), strict=True))
