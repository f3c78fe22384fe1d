"""Sales: orders and payments of classicmodels, as a star schema.

The source is a MySQL database that people work with, so it is read gently and in one state:

**load**, a Spark job, reads over JDBC what changed and writes a build of the star schema that nobody sees yet → its
**ledger** → **catalogue** the build → **check** it: rows and revenue must be the source's, to the cent → **publish**
it, which switches readers to it → questions of analysts → **refresh** the dashboard.

A run may be repeated: it gives the same tables. A change of a customer or product counts from the run's day on; facts
keep the version of their own day. What the numbers mean: `docs/pipelines/sales.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

from millrace import steps

SLUG = "sales"
# Facts after the dimensions that they refer to; the control totals, by which the next run knows what it has, last.
TABLES = (
    "dim_locations", "dim_employees", "dim_customers", "dim_products", "dim_dates",
    "fact_orders", "fact_payments", "control_totals",
)  # fmt: skip
SHOWN = ("by_month", "by_country", "by_product_line")
ASKED = ("by_quarter", "by_sales_rep", "top_customers", "repeat_purchase")

with DAG(
    dag_id=SLUG,
    description="Sales by country, product line, period, sales representative and customer",
    doc_md=__doc__,
    schedule="0 5 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    params={"date": steps.PARAMS["date"]},
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    load = steps.glue_job(SLUG, arguments={"--as_of": steps.DATE})
    ledger = steps.ledger(SLUG, load.output)
    catalogue = steps.crawl(SLUG)
    checks = steps.query(SLUG, "checks")
    checked = steps.gate([checks.output])
    publish = steps.publish_build.override(pre_execute=steps.keep_turn(SLUG))(SLUG, load.output, TABLES)
    ledger >> catalogue >> checks
    checked >> publish

    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")]
    )
    for name in SHOWN:
        begin, done = steps.refresh(SLUG, name)
        publish >> steps.query(SLUG, name) >> begin
        done >> published
    for name in ASKED:
        publish >> steps.query(SLUG, name) >> published
    steps.turn(SLUG, load, published)
