"""What will be bought in the next four weeks, of each product in each region; weekly.

**forecast**: a Spark job forecasts every series, today and at earlier days (a backtest), holds earlier published
forecasts against what came true, and leaves a build that nobody sees yet → its **ledger** → **catalogue** the build →
**check** that it is whole → **publish the accuracy**, whatever it is → is it **worth** it? A forecast that does not
beat seasonal naive ends the run here, and the last published one stays → **publish** the forecast → **refresh** the
dashboard.

A run may be repeated: the same day and the same sales give the same tables. How it forecasts, and what the numbers
mean: `docs/pipelines/transactions_forecast.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

from millrace import callbacks, steps

SLUG = "transactions"
NAME = f"{SLUG}_forecast"
# Readers take the newest forecast of regions and that of products, so the latter, which is asked for most, comes last.
TABLES = ("forecast_totals", "forecast")
SHOWN = ("forecast_by_day", "forecast_by_product")

with DAG(
    dag_id=NAME,
    description="Demand of the next four weeks by product and region, with intervals, if it is worth publishing",
    doc_md=__doc__,
    schedule="0 5 * * 1",  # after Monday's load
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=steps.RUNS,
    deadline=callbacks.deadline(timedelta(hours=15)),  # of which it may wait twelve for its turn
    params={"date": steps.PARAMS["date"]},
    template_searchpath=steps.SQL,
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    forecast = steps.glue_job(NAME, task_id="forecast", arguments={"--as_of": steps.DATE})
    ledger = steps.ledger(SLUG, forecast.output)
    catalogue = steps.catalogue_build(SLUG, forecast.output)
    checks = steps.query(SLUG, "forecast_checks")
    whole = steps.gate([checks.output])
    ledger >> catalogue >> checks

    publishing = steps.publish_partitions.override
    publish_accuracy = publishing(task_id="publish_accuracy", pre_execute=steps.keep_turn(SLUG))(
        SLUG, forecast.output, ["forecast_accuracy"]
    )
    worth = steps.query(SLUG, "forecast_worth")
    worthy = steps.gate.override(task_id="worth_it")([worth.output])
    publish = publishing(task_id="publish_forecast", pre_execute=steps.keep_turn(SLUG))(
        SLUG, forecast.output, list(TABLES)
    )
    whole >> publish_accuracy >> worth
    worthy >> publish

    published = EmptyOperator(
        task_id="published", outlets=[Asset(name=NAME, uri=f"s3://{steps.bucket('final')}/{SLUG}/forecast")]
    )
    for name in SHOWN:
        begin, done = steps.refresh(SLUG, name)
        publish >> steps.query(SLUG, name) >> begin
        done >> published
    # How good it is, people see even where it is not published.
    accuracy = steps.query(SLUG, "forecast_accuracy", trigger_rule="all_done")
    begin, done = steps.refresh(SLUG, "forecast_accuracy")
    publish >> accuracy >> begin
    done >> published
    steps.turn(SLUG, forecast, published)
