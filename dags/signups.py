"""Sign-ups: how many, by day and by status.

Uploads are cleaned, catalogued and loaded by events as they arrive: S3 → Lambda `preprocess_csv` → crawler → Glue job.
This DAG does the same for what events missed, then looks at the outcome and tells people:

**find** what is not published yet → **convert** each file by its contract, bad rows set apart → **reconcile** that
every row is in the cleaned file or in the rejects → **catalogue** what was cleaned → **load** it with Spark: rename,
filter, select, hash → **ledger** of what the load did → totals and data **checks** → **refresh** the dashboard.

Where events did it all there is nothing to convert and load, and only the totals, checks and dashboard follow. The same
upload twice changes nothing, in either way. What it gives: `docs/pipelines/signups.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

from millrace import steps

SLUG = "signups"
TOTALS = ("by_date", "by_status")

with DAG(
    dag_id=SLUG,
    description="Sign-ups by day and by status",
    doc_md=__doc__,
    schedule="0 7 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    params=steps.PARAMS,
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    uploads = steps.find_uploads(SLUG, steps.DATE)
    converted = steps.convert("preprocess_csv", uploads)
    reconciled = steps.reconcile(SLUG, converted.output)
    load = steps.glue_job(SLUG, arguments={"--rebuild": "{{ params.reprocess }}"})
    ledger = steps.ledger(SLUG, load.output)
    reconciled >> steps.crawl(SLUG) >> load

    totals = [steps.query(SLUG, name, trigger_rule="none_failed") for name in TOTALS]
    checks = steps.query(SLUG, "checks", trigger_rule="none_failed")
    checked = steps.gate([checks.output])
    ledger >> [*totals, checks]
    totals >> checked

    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")]
    )
    for name in TOTALS:
        begin, done = steps.refresh(SLUG, name)
        checked >> begin
        done >> published
    steps.turn(SLUG, uploads, published)
