"""The DAG transactions_warehouse on what Spark really wrote, new columns and all; tests/warehouse has the rest."""

import io

import pyarrow.parquet as pq
import pytest

from millrace import contracts, publish, warehouse
from millrace.local import BUCKET_PREFIX

pytestmark = pytest.mark.whole
SLUG = "transactions"
HEADER = "purchase_id,purchase_date,customer_id,product_id,amount,region,status,note"


def run(stack, date):
    errors = []
    result = stack.airflow.run(
        {"dag": f"{SLUG}_warehouse", "logical_date": f"{date}T08:00:00Z"},
        lambda event: errors.append(event.get("error")),
    )
    return result["result"], list(filter(None, errors))


def published(stack):
    """The Parquet files of the table."""
    bucket = f"{BUCKET_PREFIX}-final"
    for folder in publish.partitions_of(stack.glue, SLUG, "transactions_clean").values():
        yield from stack.objects("final", folder.removeprefix(f"s3://{bucket}/")).values()


def ask(stack, sql):
    data, place = stack.aws.client("redshift-data"), {"WorkgroupName": SLUG, "Database": SLUG}
    identifier = data.execute_statement(**place, Sql=sql, WaitTimeSeconds=30)["Id"]
    return warehouse.rows(data.get_statement_result(Id=identifier)["Records"])


def test_what_was_published_is_in_redshift_with_the_same_numbers(stack):
    stack.upload(
        "transactions/2025-02-01.csv",
        f"{HEADER}\n1,2025-01-30,C-1,P0001,10.00,EUROPE,COMPLETED,\n2,2025-01-31,C-2,P0002,,EUROPE,COMPLETED,\n"
        "3,2025-01-31,C-1,P0001,5.50,APAC,REFUNDED,\n4,2025-02-01,C-1,P0001,3.25,APAC,COMPLETED,\n",
    )
    assert stack.run("2025-02-01")[0] == "success"
    assert run(stack, "2025-02-01") == ("success", [])
    assert ask(stack, "SELECT purchase_date, region, purchases, sales FROM daily_sales ORDER BY 1, 2") == [
        ["2025-01-30", "EUROPE", "1", "10.00"],
        ["2025-01-31", "APAC", "1", "0.00"],
        ["2025-01-31", "EUROPE", "1", "0.00"],
        ["2025-02-01", "APAC", "1", "3.25"],
    ]


def test_late_rows_with_a_new_column_are_loaded_and_views_refreshed(stack):
    stack.upload(
        "transactions/2025-02-03.csv",
        f"{HEADER},shop\n9,2025-01-30,C-1,P0001,1.00,EUROPE,COMPLETED,,S1\n",
    )
    assert stack.run("2025-02-03")[0] == "success"
    assert run(stack, "2025-02-03") == ("success", [])
    orders = {tuple(pq.read_schema(io.BytesIO(body)).names) for body in published(stack)}
    known = [column.name for column in contracts.get(SLUG, "transactions_clean").columns]
    assert orders == {tuple(known), (*known, "shop")}, "COPY goes by the order of columns"
    assert ask(stack, "SELECT sales FROM sales_by_region WHERE region = 'EUROPE'") == [["11.00"]]
    assert ask(stack, "SELECT count(*), count(DISTINCT purchase_id) FROM purchases") == [["5", "5"]]
