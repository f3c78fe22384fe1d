"""The pipeline sales from a real MySQL to the notebook: each test goes on from where the one before it ended."""

import json

import pytest

from localaws.core import AwsError
from localaws.rds.mariadb import server_program
from localaws.spark.fetch import jdbc_jars
from millrace import source_tables
from millrace.resources import ROOT, pipeline
from millrace.sources import mysql
from tests.pipeline.conftest import Stack
from tests.spark.test_sales_star import quirky

pytestmark = pytest.mark.whole
SLUG = "sales"
TABLES = (
    "fact_orders", "fact_payments", "dim_customers", "dim_products", "dim_locations", "dim_employees", "dim_dates",
    "control_totals",
)  # fmt: skip
UNTOUCHED = ("fact_payments", "dim_products", "dim_locations", "dim_employees", "dim_dates")


@pytest.fixture(scope="module")
def database(machine):
    """The source, with the small shop that has every quirk."""
    try:
        server_program()
    except AwsError as error:
        pytest.skip(error.message)
    if not jdbc_jars():
        pytest.skip("there is no JDBC driver for MySQL: apt-get install libmariadb-java")
    server = mysql.start(machine.aws.client, SLUG)
    shop = quirky()
    statements = ["CREATE DATABASE classicmodels; USE classicmodels;\n"]
    for contract in source_tables.tables(SLUG):
        rows = [[row[column.name] for column in contract.columns] for row in shop.tables[contract.table]]
        statements += [source_tables.definition(contract), *source_tables.inserts(contract, rows)]
    server.run([b"SET foreign_key_checks = 0;\n", *(statement.encode() for statement in statements)])
    return server


@pytest.fixture(scope="module")
def stack(machine, database):
    return Stack(SLUG, machine)


def everything(stack):
    """All rows of all tables, in a fixed order."""
    return {table: stack.rows(table) for table in TABLES}


def totals(stack):
    return stack.query("SELECT count(*), sum(amount), sum(revenue) FROM fact_orders")


def test_the_star_has_the_sources_rows_and_money(stack):
    state, tasks = stack.run("2024-06-01")
    assert (state, set(tasks.values())) == ("success", {"success"})
    assert totals(stack) == [("7", "139.79", "65.48")]
    assert stack.query("SELECT count(*), sum(amount) FROM fact_payments") == [("2", "65.48")]
    assert [(row[0], row[3], row[4]) for row in stack.query(pipeline(SLUG).query("by_country"))] == [
        ("France", "134.29", "59.98"),
        ("Iceland", "5.50", "5.50"),
    ]
    assert stack.query("SELECT customer_name, phone FROM dim_customers WHERE customer_number = 10") == [
        ("Café Čapek", "1")
    ]
    assert stack.query("SELECT product_description FROM dim_products WHERE product_code = 'S10_1'") == [
        ('It\'s\r\n"old" \\ new',)
    ]


def test_builds_are_catalogued_before_they_are_published(stack):
    (build,) = stack.query("SELECT DISTINCT build FROM built_fact_orders")
    location = stack.glue.get_table(DatabaseName=SLUG, Name="fact_orders")["Table"]["StorageDescriptor"]["Location"]
    assert location == f"s3://millrace-final/sales/fact_orders/build={build[0]}/"


def test_every_question_has_its_answer(stack):
    def ask(name):
        return stack.query(pipeline(SLUG).query(name))

    assert [(row[0], *row[2:]) for row in ask("by_month")] == [
        ("2004-01-01", "59.98", "59.98", "0.00"),
        ("2004-02-01", "68.81", "5.50", "59.98"),
        ("2004-03-01", "11.00", "0.00", "5.50"),
    ]
    assert ask("by_quarter") == [("2004-Q1", "6", "3", "139.79", "65.48", None)]
    assert ask("by_product_line") == [
        ("classic cars", "13", "128.28", "59.97", "29.94"),
        ("Ships", "7", "11.51", "5.51", "-0.49"),
    ]
    assert [(row[0], row[4], row[6]) for row in ask("by_sales_rep")] == [
        ("Ana O'Hara", "5", "59.98"),
        ("(none)", "1", "5.50"),
    ]
    assert [(row[0], row[1], row[5], row[6]) for row in ask("top_customers")] == [
        ("10", "Café Čapek", "59.98", "91.6"),
        ("12", "Customer 12", "5.50", "8.4"),
        ("11", "Customer 11", "0.00", "0.0"),
    ]
    assert [row[:3] for row in ask("repeat_purchase")] == [("1", "1", "50.0"), ("4", "1", "50.0")]


CHANGES = """
UPDATE orders SET status = 'Shipped', shippedDate = '2004-03-09' WHERE orderNumber = 105;
UPDATE customers SET city = 'Lyon', postalCode = '69003' WHERE customerNumber = 10;
INSERT INTO orders VALUES (107, '2004-01-02', '2004-01-09', '2004-01-03', 'Shipped', NULL, 11),
    (108, '2024-06-02', '2024-06-09', NULL, 'On Hold', NULL, 10);
INSERT INTO orderdetails VALUES (107, 'S10_3', 1, 10.00, 1), (108, 'S10_1', 1, 4.00, 1);
"""


def test_changes_arrive(stack, database):
    database.run([CHANGES.encode()], "classicmodels")
    state, _ = stack.run("2024-06-02")
    assert state == "success"
    assert totals(stack) == [("9", "153.79", "81.48")]
    assert stack.query(
        "SELECT city, CAST(valid_from AS varchar), is_current FROM dim_customers WHERE customer_number = 10 ORDER BY 2"
    ) == [("Paris", "1900-01-01", "false"), ("Lyon", "2024-06-02", "true")]
    places = """SELECT order_number, city FROM fact_orders INNER JOIN dim_locations USING (location_key)
        WHERE order_number IN (105, 108) ORDER BY 1"""
    assert stack.query(places) == [("105", "Paris"), ("108", "Lyon")]


def lines(stack):
    return stack.query("SELECT order_number, product_code, amount, revenue FROM fact_orders ORDER BY 1, 2")


def phones(stack):
    """The customer's versions that the runs of a day make: the last one corrects those before it."""
    of_12 = "FROM dim_customers WHERE customer_number = 12 ORDER BY valid_from"
    return stack.query(f"SELECT phone, CAST(valid_from AS varchar), CAST(valid_to AS varchar) {of_12}")


@pytest.mark.timeout(1800)  # a run for each task
def test_a_run_killed_at_any_task_is_made_good_by_the_next(stack, database):
    before, ((phone, since, _),), others = lines(stack), phones(stack), everything(stack)
    ordered = []

    def arrive(number):
        order = 200 + number
        ordered.append((str(order), "S10_1", "4.00", "4.00"))
        sql = f"""INSERT INTO orders VALUES ({order}, '2004-03-01', '2004-03-09', '2004-03-02', 'Shipped', NULL, 10);
            INSERT INTO orderdetails VALUES ({order}, 'S10_1', 1, 4.00, 1);
            UPDATE customers SET phone = '{number}' WHERE customerNumber = 12;"""
        database.run([sql.encode()], "classicmodels")

    def check(published):
        found = lines(stack)
        count = len(found) - len(before)
        assert found == sorted([*before, *ordered[:count]], key=lambda row: (int(row[0]), row[1]))
        assert phones(stack)[0] == (phone, since, "2024-06-03")
        if published:
            assert count == len(ordered)
            assert phones(stack)[1:] == [(str(count - 1), "2024-06-03", "9999-12-31")]

    tasks = stack.killed_at_every_task("2024-06-03", "publish_build", arrive, check)
    assert {"load", "ledger", "catalogue", "checks", "gate", "publish_build", "by_month", "top_customers"} <= set(tasks)
    now = everything(stack)
    assert {table: now[table] for table in UNTOUCHED} == {table: others[table] for table in UNTOUCHED}
    assert stack.run("2024-06-03")[0] == "success"
    assert everything(stack) == now


def test_a_job_that_is_killed_is_run_again(stack):
    before = everything(stack)
    assert stack.run_whose_job_is_killed("2024-06-03", "sales/fact_orders/") == ["FAILED", "SUCCEEDED"]
    assert everything(stack) == before


def test_a_build_that_is_not_the_sources_stops_the_run_and_nobody_sees_it(stack):
    before = everything(stack)
    errors = []

    def double(event):
        errors.append(event.get("error"))
        if event["task"] == "ledger" and event["state"] == "running":
            (build,) = stack.glue.get_job_runs(JobName=SLUG, MaxResults=1)["JobRuns"]
            folder = f"{SLUG}/fact_orders/build={build['Id']}/"
            (body,) = [body for key, body in stack.objects("final", folder).items() if key.endswith(".parquet")]
            stack.s3.put_object(Bucket="millrace-final", Key=f"{folder}again.parquet", Body=body)

    ((rows, amount, revenue),) = totals(stack)
    state, tasks = stack.run("2024-06-04", double)
    assert (state, tasks.get("gate"), tasks.get("publish_build")) == ("failed", "failed", "upstream_failed"), [
        error for error in errors if error
    ]
    message = "".join(filter(None, errors))
    source = f"source: {rows} rows, amount {amount}, revenue {revenue}; star: {2 * int(rows)} rows"
    assert "fact_orders_equal_the_source" in message and f"months differ; {source}" in message
    assert f"fact_orders_key_is_unique: {rows} lines too many for their key" in message
    assert everything(stack) == before


def test_the_notebook_runs_and_draws_on_these_tables(stack, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    path = ROOT / "notebooks" / "sales.ipynb"
    committed = json.loads(path.read_text())
    assert [cell["outputs"] for cell in committed["cells"] if cell["cell_type"] == "code" and cell["outputs"]] == []
    for name, value in stack.aws.environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    drawn = [output.data["image/svg+xml"] for output in outputs if "image/svg+xml" in output.get("data", {})]
    assert len(drawn) == 6
    assert "Iceland" in drawn[1] and "Ana O'Hara" in drawn[4]
    assert outputs[-1].data["text/plain"].count(totals(stack)[0][2]) == 6
