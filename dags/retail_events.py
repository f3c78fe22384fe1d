"""Retail events: a shop's events, item properties and category tree, as they are at the source, to be queried.

Files that are synced into the raw bucket (`millrace sync`, or the DAG `retail_events_sync`) are catalogued and loaded
by events as they arrive: S3 → crawler → Spark job. This DAG drives the same chain for what events missed, then looks at
the outcome and tells people:

**wait** for files → **catalogue** the raw files, so that they can be queried as they came → **load** with Spark what is
not in the lake yet, as partitioned, sorted, compressed Parquet → **ledger**: every line is in a table or in the rejects
→ funnel, purchases, category paths, quality, data **checks** → **refresh** the dashboard.

Each file is switched to in one step, and a run may be repeated: a file that is loaded is not loaded again, one that
changed replaces its own rows. How the tables lie and how they are queried: `docs/pipelines/retail_events.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable

from millrace import steps

SLUG = "retail_events"

with DAG(
    dag_id=SLUG,
    description="A shop's events and items, to be queried in the source's own schema",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"),
        assets=[Asset(name=f"{SLUG}_raw", uri=f"s3://{steps.bucket('raw')}/{SLUG}")],  # of retail_events_sync
    ),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    params={"reprocess": steps.RELOAD},
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    wait_for_files = S3KeySensor(
        task_id="wait_for_files",
        bucket_name=steps.bucket("raw"),
        bucket_key=f"{SLUG}/raw_events/*",
        wildcard_match=True,
        poke_interval=300,
        timeout=timedelta(hours=12).total_seconds(),
        deferrable=True,
    )
    load = steps.glue_job(SLUG, arguments={"--rebuild": "{{ params.reprocess }}"})
    ledger = steps.ledger(SLUG, load.output)
    catalogue = steps.crawl(SLUG)
    catalogue >> load

    shown = [steps.query(SLUG, name) for name in ("funnel", "purchases", "category_paths", "quality")]
    checks = steps.query(SLUG, "checks")
    ledger >> [*shown, checks]
    checked = steps.gate([checks.output])
    begin, done = steps.refresh(SLUG, "funnel")
    [*shown, checked] >> begin
    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")]
    )
    done >> published
    steps.turn(SLUG, catalogue, published, after=wait_for_files)
