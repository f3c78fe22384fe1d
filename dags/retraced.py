"""Retraced: users and companies over time.

Daily CSV uploads say which user belongs to which company and when they accepted its terms, and where users logged in.
This DAG turns them into active users, active companies and potential companies per month and day:

**wait** for the day's uploads → **convert** each new file to Parquet by its contract, bad rows set apart →
**reconcile** that every row is in the table or in the rejects → **catalogue** the new partitions → build what the new
rows add to the tables, and the **activity** of the months that they touch → **catalogue the build**, which nobody sees
yet, and **check** it → **publish** it, which switches readers to it → metrics → **refresh** the dashboard.

A run starts each day, and waits for that day's uploads; one also starts when uploads arrive, and waits for nothing.
Runs may be repeated, caught up and backfilled: a run loads what was uploaded up to its day and is not published yet,
and the same upload twice changes nothing. *Trigger* offers a date, and *reprocess* to load that day's files again.
What the numbers mean: `docs/retraced-numbers.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable

from millrace import arrivals, steps

SLUG = "retraced"
METRICS = ("monthly", "daily")
# The tables of a build, with the partition key by which it makes them anew. Memberships come last: until they are
# published, a run that is done again finds the same months to build.
TABLES = {"user_days": "part", "activity": "month", "memberships": ""}

with DAG(
    dag_id=SLUG,
    description="Active users, active companies and potential companies over time",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"),
        assets=arrivals.uploads(SLUG, steps.bucket("raw")),
    ),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    params=steps.PARAMS,
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    wait_for_uploads = S3KeySensor(
        task_id="wait_for_uploads",
        bucket_name=steps.bucket("raw"),
        bucket_key=steps.awaited(SLUG, "user_login_locations"),
        wildcard_match=True,
        poke_interval=300,
        timeout=timedelta(hours=12).total_seconds(),
        deferrable=True,
    )
    uploads = steps.find_uploads(SLUG, steps.DATE)
    load = steps.reconcile(SLUG, steps.convert("csv_to_parquet", uploads).output)
    catalogue = steps.crawl(SLUG)

    def build(table: str, loads: object) -> AthenaOperator:
        """The statement that writes a derived table's new objects."""
        return AthenaOperator.partial(
            task_id=table, query=f"{SLUG}/{table}.sql", map_index_template=steps.MONTHS, **steps.athena(SLUG)
        ).expand(params=loads)

    touched_months = build("touched_months", load)
    months = steps.months_to_build(load, touched_months.output)
    built = [build("user_days", months), build("activity", months), build("memberships", load)]

    def hand_on(task_id: str, step: str) -> LambdaInvokeFunctionOperator:
        """The build to the checks, or to the readers."""
        return LambdaInvokeFunctionOperator(
            task_id=task_id,
            function_name="publish",
            payload=steps.published_by(SLUG, step, TABLES),
            pre_execute=steps.keep_turn(SLUG),
            **steps.LAMBDA,
        )

    catalogue_build = hand_on("catalogue_build", "catalogue")
    checks = build("checks", months)
    publish = hand_on("publish", "publish")

    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")]
    )
    for name in METRICS:
        refresh, refreshed = steps.refresh(SLUG, name)
        publish >> steps.query(SLUG, name) >> refresh
        refreshed >> published

    steps.turn(SLUG, uploads, published, after=wait_for_uploads)
    load >> catalogue >> touched_months >> built
    for table in built:
        table >> catalogue_build
    catalogue_build >> checks
    steps.gate(checks.output) >> publish
