"""Transactions: purchases, cleaned and redacted, and what was sold by day, region and product.

**wait** for files → **catalogue raw** files as they came → **load**: a Spark job holds their schema against the
contract, takes personal data out, and writes a build of the touched partitions that nobody sees yet → its **ledger**:
each line is a purchase, an outlier, a duplicate or a reject → **catalogue** the build → **check** it, by SQL and by
the **rules** of Glue Data Quality, with limits that warn and limits that stop → **publish** it, which switches readers
to it → questions → **refresh** the dashboard.

A run takes on what is not published yet and may be repeated: it gives the same tables. Late rows make their own period
anew, and no other. What the numbers mean: `docs/pipelines/transactions.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.hooks.glue import GlueDataQualityHook
from airflow.providers.amazon.aws.operators.glue import GlueDataQualityRuleSetEvaluationRunOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, task
from airflow.sdk.exceptions import AirflowFailException

from millrace import callbacks, quality, steps

SLUG = "transactions"
SHOWN = ("by_day", "by_region", "quality")
ASKED = ("by_product", "refunds")
RULESETS = ("transactions_stops", "transactions_warns")


@task
def rules(run: str) -> list[dict[str, str]]:
    """What Glue Data Quality found, rule by rule; fails where a rule that stops is broken."""
    found = quality.checks(GlueDataQualityHook().conn, run)
    broken = [(rule["severity"], f"{rule['check_name']}: {rule['detail']}") for rule in found if rule["ok"] != "true"]
    print(*(f"{severity}: {what}" for severity, what in broken), sep="\n")
    if held := [what for severity, what in broken if severity == "error"]:
        raise AirflowFailException("data quality rules failed, nothing was published: " + "; ".join(held))
    return found


with DAG(
    dag_id=SLUG,
    description="Purchases without personal data, and sales by day, region and product",
    doc_md=__doc__,
    schedule="0 4 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    params={"reprocess": steps.RELOAD},
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    deadline=callbacks.deadline(timedelta(hours=18)),  # of which it may wait twelve for files
    tags=["data-lake", SLUG],
):
    wait_for_files = S3KeySensor(
        task_id="wait_for_files",
        bucket_name=steps.bucket("raw"),
        bucket_key=f"{SLUG}/transactions/*",
        wildcard_match=True,
        poke_interval=300,
        timeout=timedelta(hours=12).total_seconds(),
        deferrable=True,
    )
    load = steps.glue_job(SLUG, arguments={"--rebuild": "{{ params.reprocess }}"})
    catalogue_raw = steps.crawl("transactions_raw", "catalogue_raw")
    catalogue_raw >> load

    ledger = steps.ledger(SLUG, load.output)
    catalogue = steps.catalogue_build(SLUG, load.output)
    checks = steps.query(SLUG, "checks")
    checked = steps.gate([checks.output])
    evaluate = GlueDataQualityRuleSetEvaluationRunOperator(
        task_id="evaluate",
        datasource={"GlueTable": {"DatabaseName": SLUG, "TableName": "built_transactions_clean"}},
        role=f"{steps.BUCKET_PREFIX}-quality",
        rule_set_names=list(RULESETS),
        number_of_workers=2,
        verify_result_status=False,  # the task `rules` does: some of them only warn
        show_results=False,
        **steps.WAITER,
    )
    publish = steps.publish_partitions.override(pre_execute=steps.keep_turn(SLUG))(SLUG, load.output)
    ledger >> catalogue >> checks
    catalogue >> evaluate
    [checked, rules(evaluate.output)] >> publish

    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=SLUG, uri=f"s3://{steps.bucket('final')}/{SLUG}")]
    )
    for name in SHOWN:
        begin, done = steps.refresh(SLUG, name)
        publish >> steps.query(SLUG, name) >> begin
        done >> published
    for name in ASKED:
        publish >> steps.query(SLUG, name) >> published
    steps.turn(SLUG, catalogue_raw, published, after=wait_for_files)
