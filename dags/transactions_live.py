"""Purchases as they happen, every five minutes: what the stream brought since last time, for people to see.

Kinesis takes the purchases; a function counts them by minute, and Firehose lays them into the lake. This DAG does
what remains: it looks for what was **delivered** since last time → brings the counted **minutes** into the lake and
keeps the view in which stream and uploads **meet**, in the periods that the stream's purchases name → **checks** that
nothing counts twice → **refreshes** the live charts → once a day **supersedes** what uploads have by now → **marks**
what it has seen.

What a run does follows from what lies in the lake, not from its date: late runs, repeated ones and such that overlap
end in the same tables, and a run that dies leaves its work to the next. With nothing new the rest is skipped. How all
that fits together: `docs/pipelines/transactions_live.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.sdk import DAG, XComArg, task
from airflow.sdk.exceptions import AirflowSkipException

from millrace import callbacks, contracts, delivered, steps

SLUG = "transactions"
TABLE = "transactions_live"
PERIODS = "{{ params.periods | first }} to {{ params.periods | last }}"
REFRESHED = ("live_by_day", "live_minutes")


@task
def find_delivered() -> dict[str, Any]:
    """What Firehose delivered since last time; without anything new the run ends here."""
    found = delivered.since_last(S3Hook().get_conn(), steps.BUCKET_PREFIX, contracts.get(SLUG, TABLE))
    if found is None:
        raise AirflowSkipException("nothing was delivered since last time")
    return found


@task
def look_back(found: dict[str, Any], statement: str) -> list[dict[str, Any]]:
    """In which of the uploads' periods the stream's purchases may be; the statement's rows are their days."""
    days = [day for (day,) in steps.rows_of(statement)[1:]]
    return [{**delivered.periods(days, contracts.get(SLUG, "transactions_clean")), "daily": found["daily"]}]


@task
def once_a_day(look: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same for the first run that sees something of a day, else nothing."""
    return [each for each in look if each["daily"]]


@task
def supersede(statements: list[str]) -> int:
    """Leave objects whose purchases uploads have to the bucket's life cycle."""
    return delivered.supersede(S3Hook().get_conn(), [uri for (uri,) in steps.rows_of(statements[0])[1:]])


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
    days = steps.query(SLUG, "live_days")
    look = look_back(found, days.output)

    def ask(name: str, looks: XComArg) -> AthenaOperator:
        """A query that looks back."""
        return AthenaOperator.partial(
            task_id=name, query=f"{SLUG}/{name}.sql", map_index_template=PERIODS, **steps.athena(SLUG)
        ).expand(params=looks)

    streamed, checks = ask("live_streamed", look), ask("live_checks", look)
    merged = ask("live_merged", once_a_day(look))
    found >> [minutes, days]
    streamed >> steps.query(SLUG, "live_all") >> checks
    minutes >> checks
    checked = steps.gate(checks.output)
    superseded = supersede(merged.output)
    marked = mark.override(trigger_rule="none_failed_min_one_success")(found)  # most runs supersede nothing
    checked >> merged
    superseded >> marked
    for name in REFRESHED:
        begin, done = steps.refresh(SLUG, name)
        checked >> begin
        done >> marked
