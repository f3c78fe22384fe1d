"""Purchases as they happen, every five minutes: what the stream brought since last time, for people to see.

Kinesis takes the purchases; a function counts them by minute, and Firehose lays them into the lake. This DAG does
what remains: it looks for what was **delivered** since last time → brings the counted **minutes** into the lake and
keeps the view in which stream and uploads **meet** → **checks** that nothing counts twice → **refreshes** the live
charts → **marks** what it has seen.

What a run does follows from what lies in the lake, not from its date: late runs, repeated ones and such that overlap
end in the same tables, and a run that dies leaves its work to the next. With nothing new the rest is skipped. How all
that fits together: `docs/pipelines/transactions_live.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

from millrace import callbacks, contracts, delivered, steps

SLUG = "transactions"
TABLE = "transactions_live"
REFRESHED = ("live_by_day", "live_minutes")


@task
def find_delivered() -> dict[str, Any]:
    """What Firehose delivered since last time; without anything new the run ends here."""
    found = delivered.since_last(S3Hook().get_conn(), steps.BUCKET_PREFIX, contracts.get(SLUG, TABLE))
    if found is None:
        raise AirflowSkipException("nothing was delivered since last time")
    return found


@task
def mark(found: dict[str, Any]) -> None:
    """Note what this run has seen, for the next one."""
    delivered.mark(S3Hook().get_conn(), steps.BUCKET_PREFIX, contracts.get(SLUG, TABLE), found["seen"])


with DAG(
    dag_id=f"{SLUG}_live",
    description="Live purchases: by minute, and in one view with those that were uploaded",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=15)},
    deadline=callbacks.deadline(timedelta(minutes=30)),
    tags=["data-lake", SLUG],
):
    found = find_delivered()
    minutes = LambdaInvokeFunctionOperator(
        task_id="minutes",
        function_name="transactions_minutes",
        # No two tries write into the same folder.
        payload='{"build": "{{ dag_run.run_after | ts_nodash }}-{{ ti.start_date | ts_nodash }}-{{ ti.try_number }}"}',
        **steps.LAMBDA,
    )
    meet = steps.query(SLUG, "live_all")
    checks = steps.query(SLUG, "live_checks")
    found >> [minutes, meet] >> checks
    checked = steps.gate([checks.output])
    marked = mark(found)
    for name in REFRESHED:
        begin, done = steps.refresh(SLUG, name)
        checked >> begin
        done >> marked
