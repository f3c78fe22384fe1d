"""Purchases in Redshift, whenever they were published: for questions that are asked often, by many, or by SQL tools.

**tables**, where there are none yet → **plan**: which published partitions are not loaded as they are now → **load**
them in one transaction: COPY into staging tables, delete, insert, totals by day, region and product → **views** are
made or refreshed → the **numbers** of Redshift and of Athena → they are the **same numbers**, or it fails and says
which differ.

A run loads what differs from what is published, whatever its date: repeated it finds nothing to load, and one that
died leaves the old rows and its work to the next. A warehouse costs by the second, so an installation may do without;
then this DAG stays paused. More: `docs/pipelines/transactions_warehouse.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.hooks.redshift_data import RedshiftDataHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.sdk import DAG, Asset, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from millrace import callbacks, contracts, steps, warehouse

SLUG = "transactions"
TABLE = "transactions_clean"
TABLES = ("purchases", "daily_sales", "loaded_partitions")
VIEWS = ("sales_by_region", "sales_by_product")
LOADED = "SELECT period, region, location FROM loaded_partitions"
PLACE: dict[str, Any] = {"workgroup_name": SLUG, "database": SLUG}
REDSHIFT: dict[str, Any] = {**PLACE, "poll_interval": steps.POLL_SECONDS, "deferrable": True}


def ask(sql: str) -> list[list[str | None]]:
    """The rows of a small query, as texts."""
    done = RedshiftDataHook().execute_query(sql=sql, **PLACE, poll_interval=min(1, steps.POLL_SECONDS))
    return fetch(done.statement_id)


def fetch(statement: str) -> list[list[str | None]]:
    """The rows of a statement that has ended, as texts."""
    pages = RedshiftDataHook().conn.get_paginator("get_statement_result").paginate(Id=statement)
    return warehouse.rows(record for page in pages for record in page["Records"])


def not_loaded() -> list[warehouse.Touched]:
    """What is published otherwise than it is loaded."""
    loaded = {(period, region): location for period, region, location in ask(LOADED)}
    published = warehouse.published(GlueCatalogHook().get_conn(), contracts.get(SLUG, TABLE))
    return warehouse.touched(published, loaded)  # type: ignore[arg-type]  # none of the columns is null


@task
def plan() -> list[str]:
    """The statements that load what is not loaded; skips where there is nothing."""
    found = not_loaded()
    if not found:
        raise AirflowSkipException("all that is published is loaded")
    contract = contracts.get(SLUG, TABLE)
    # No two tries share a folder.
    folder = f"s3://{steps.bucket('processed')}/_warehouse/{SLUG}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}/"
    regions = warehouse.write_plan(S3Hook().get_conn(), folder, found)
    return warehouse.load_statements(contract, GlueCatalogHook().get_conn(), folder, regions)


@task
def plan_views() -> list[str]:
    """For each view the statement that makes it, or that refreshes it where it is there."""
    pages = RedshiftDataHook().conn.get_paginator("list_tables")
    known = {
        table["name"]
        for page in pages.paginate(WorkgroupName=SLUG, Database=SLUG, SchemaPattern="public", TablePattern="sales_by_%")
        for table in page["Tables"]
    }
    made = {view: warehouse.statements(SLUG, view)[0] for view in VIEWS}
    return [f"REFRESH MATERIALIZED VIEW {view}" if view in known else made[view] for view in VIEWS]


@task
def same_numbers(redshift: list[str], athena: str) -> int:
    """Fail where Redshift's numbers are not Athena's; how many were compared."""
    (names, *expected) = steps.rows_of(athena)
    found = fetch(redshift[0])
    if differ := warehouse.differences(found, expected, names):
        if not_loaded():
            raise AirflowSkipException("more was published meanwhile; the run that it starts compares")
        raise AirflowFailException(f"Redshift and Athena differ: {'; '.join(differ)}")
    return len(found)


with DAG(
    dag_id=f"{SLUG}_warehouse",
    description="Published purchases in Redshift, with the same numbers as in Athena",
    doc_md=__doc__,
    schedule=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")],
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    deadline=callbacks.deadline(timedelta(hours=2)),
    tags=["data-lake", SLUG],
):
    tables = RedshiftDataOperator(
        task_id="tables", sql=[f"redshift/{SLUG}/{table}.sql" for table in TABLES], **REDSHIFT
    )
    planned = plan()
    load = RedshiftDataOperator(task_id="load", sql=planned, **REDSHIFT)
    to_view = plan_views.override(trigger_rule="none_failed")()
    views = RedshiftDataOperator.partial(
        task_id="views", map_index_template="{{ task.sql.partition(' VIEW ')[2].split(' ')[0] }}", **REDSHIFT
    ).expand(sql=to_view)
    numbers = RedshiftDataOperator(task_id="numbers", sql=f"redshift/{SLUG}/numbers.sql", **REDSHIFT)
    expected = steps.query(SLUG, "warehouse_numbers", trigger_rule="none_failed")
    tables >> planned
    load >> to_view
    views >> numbers
    load >> expected
    same_numbers(numbers.output, expected.output)
