"""The DAGs as Airflow sees them: exact tasks, exact edges, and nothing looked up while they are parsed."""

import json
import os
import re
import subprocess
import sys

import pytest

from millrace.resources import ROOT, slugs


def in_turn(first):
    """What writes a pipeline's tables lies between these: from the task `first` on, one run at a time."""
    return {"take_turn": {first}, "published": {"end_turn"}, "end_turn": set()}


EDGES = {
    "retraced": {
        "wait_for_uploads": {"take_turn"},
        "find_uploads": {"convert"},
        "convert": {"reconcile"},
        "reconcile": {"catalogue", "touched_months", "months_to_build", "memberships"},
        "catalogue": {"touched_months"},
        "touched_months": {"months_to_build", "user_days", "activity", "memberships"},
        "months_to_build": {"user_days", "activity", "checks"},
        "user_days": {"catalogue_build"},
        "activity": {"catalogue_build"},
        "memberships": {"catalogue_build"},
        "catalogue_build": {"checks"},
        "checks": {"gate"},
        "gate": {"publish"},
        "publish": {"monthly", "daily"},
        "monthly": {"refresh_monthly"},
        "daily": {"refresh_daily"},
        "refresh_monthly": {"monthly_refreshed"},
        "refresh_daily": {"daily_refreshed"},
        "monthly_refreshed": {"published"},
        "daily_refreshed": {"published"},
        **in_turn("find_uploads"),
    },
    "signups": {
        "find_uploads": {"convert"},
        "convert": {"reconcile"},
        "reconcile": {"catalogue"},
        "catalogue": {"load"},
        "load": {"ledger"},
        "ledger": {"by_date", "by_status", "checks"},
        "by_date": {"gate"},
        "by_status": {"gate"},
        "checks": {"gate"},
        "gate": {"refresh_by_date", "refresh_by_status"},
        "refresh_by_date": {"by_date_refreshed"},
        "refresh_by_status": {"by_status_refreshed"},
        "by_date_refreshed": {"published"},
        "by_status_refreshed": {"published"},
        **in_turn("find_uploads"),
    },
    "sales": {
        "load": {"ledger", "publish_build"},
        "ledger": {"catalogue"},
        "catalogue": {"checks"},
        "checks": {"gate"},
        "gate": {"publish_build"},
        "publish_build": {
            "by_month",
            "by_country",
            "by_product_line",
            "by_quarter",
            "by_sales_rep",
            "top_customers",
            "repeat_purchase",
        },
        "by_month": {"refresh_by_month"},
        "by_country": {"refresh_by_country"},
        "by_product_line": {"refresh_by_product_line"},
        "refresh_by_month": {"by_month_refreshed"},
        "refresh_by_country": {"by_country_refreshed"},
        "refresh_by_product_line": {"by_product_line_refreshed"},
        "by_month_refreshed": {"published"},
        "by_country_refreshed": {"published"},
        "by_product_line_refreshed": {"published"},
        "by_quarter": {"published"},
        "by_sales_rep": {"published"},
        "top_customers": {"published"},
        "repeat_purchase": {"published"},
        **in_turn("load"),
    },
    "retail_events": {
        "wait_for_files": {"take_turn"},
        "catalogue": {"load"},
        "load": {"ledger"},
        "ledger": {"funnel", "purchases", "category_paths", "quality", "checks"},
        "checks": {"gate"},
        "funnel": {"refresh_funnel"},
        "purchases": {"refresh_funnel"},
        "category_paths": {"refresh_funnel"},
        "quality": {"refresh_funnel"},
        "gate": {"refresh_funnel"},
        "refresh_funnel": {"funnel_refreshed"},
        "funnel_refreshed": {"published"},
        **in_turn("catalogue"),
    },
    "retail_events_sync": {"sync": set()},
    "transactions": {
        "wait_for_files": {"take_turn"},
        "catalogue_raw": {"load"},
        "load": {"ledger", "catalogue_build", "publish_partitions"},
        "ledger": {"catalogue_build"},
        "catalogue_build": {"checks", "evaluate"},
        "checks": {"gate"},
        "gate": {"publish_partitions"},
        "evaluate": {"rules"},
        "rules": {"publish_partitions"},
        "publish_partitions": {"by_day", "by_region", "quality", "by_product", "refunds"},
        "by_day": {"refresh_by_day"},
        "by_region": {"refresh_by_region"},
        "quality": {"refresh_quality"},
        "refresh_by_day": {"by_day_refreshed"},
        "refresh_by_region": {"by_region_refreshed"},
        "refresh_quality": {"quality_refreshed"},
        "by_day_refreshed": {"published"},
        "by_region_refreshed": {"published"},
        "quality_refreshed": {"published"},
        "by_product": {"published"},
        "refunds": {"published"},
        **in_turn("catalogue_raw"),
    },
    "transactions_forecast": {
        "forecast": {"ledger", "catalogue_build", "publish_accuracy", "publish_forecast"},
        "ledger": {"catalogue_build"},
        "catalogue_build": {"forecast_checks"},
        "forecast_checks": {"gate"},
        "gate": {"publish_accuracy"},
        "publish_accuracy": {"forecast_worth"},
        "forecast_worth": {"worth_it"},
        "worth_it": {"publish_forecast"},
        "publish_forecast": {"forecast_by_day", "forecast_by_product", "forecast_accuracy"},
        "forecast_by_day": {"refresh_forecast_by_day"},
        "forecast_by_product": {"refresh_forecast_by_product"},
        "forecast_accuracy": {"refresh_forecast_accuracy"},
        "refresh_forecast_by_day": {"forecast_by_day_refreshed"},
        "refresh_forecast_by_product": {"forecast_by_product_refreshed"},
        "refresh_forecast_accuracy": {"forecast_accuracy_refreshed"},
        "forecast_by_day_refreshed": {"published"},
        "forecast_by_product_refreshed": {"published"},
        "forecast_accuracy_refreshed": {"published"},
        "published": {"end_turn"},
        "take_turn": {"forecast"},
        "end_turn": set(),
    },
    "transactions_live": {
        "find_delivered": {"minutes", "live_days", "look_back", "mark"},
        "live_days": {"look_back"},
        "look_back": {"live_streamed", "live_checks", "once_a_day"},
        "live_streamed": {"live_all"},
        "minutes": {"live_checks"},
        "live_all": {"live_checks"},
        "live_checks": {"gate"},
        "gate": {"refresh_live_by_day", "refresh_live_minutes", "live_merged"},
        "once_a_day": {"live_merged"},
        "live_merged": {"supersede"},
        "supersede": {"mark"},
        "refresh_live_by_day": {"live_by_day_refreshed"},
        "refresh_live_minutes": {"live_minutes_refreshed"},
        "live_by_day_refreshed": {"mark"},
        "live_minutes_refreshed": {"mark"},
        "mark": set(),
    },
    "transactions_warehouse": {
        "tables": {"plan"},
        "plan": {"load"},
        "load": {"plan_views", "warehouse_numbers"},
        "plan_views": {"views"},
        "views": {"numbers"},
        "numbers": {"same_numbers"},
        "warehouse_numbers": {"same_numbers"},
        "same_numbers": set(),
    },
}

OPERATORS = {
    "retraced": {
        "wait_for_uploads": "S3KeySensor",
        "convert": "LambdaInvokeFunctionOperator",
        "catalogue": "GlueCrawlerRunOperator",
        "touched_months": "AthenaOperator",
        "user_days": "AthenaOperator",
        "activity": "AthenaOperator",
        "memberships": "AthenaOperator",
        "monthly": "AthenaOperator",
        "daily": "AthenaOperator",
        "checks": "AthenaOperator",
        "catalogue_build": "LambdaInvokeFunctionOperator",
        "publish": "LambdaInvokeFunctionOperator",
        "refresh_monthly": "QuickSightCreateIngestionOperator",
        "refresh_daily": "QuickSightCreateIngestionOperator",
        "monthly_refreshed": "QuickSightSensor",
        "daily_refreshed": "QuickSightSensor",
    },
    "signups": {
        "convert": "LambdaInvokeFunctionOperator",
        "catalogue": "GlueCrawlerRunOperator",
        "load": "GlueJobInTurnOperator",
        "by_date": "AthenaOperator",
        "by_status": "AthenaOperator",
        "checks": "AthenaOperator",
        "refresh_by_date": "QuickSightCreateIngestionOperator",
        "refresh_by_status": "QuickSightCreateIngestionOperator",
        "by_date_refreshed": "QuickSightSensor",
        "by_status_refreshed": "QuickSightSensor",
    },
    "sales": {
        "load": "GlueJobInTurnOperator",
        "catalogue": "GlueCrawlerRunOperator",
        "checks": "AthenaOperator",
        "by_month": "AthenaOperator",
        "repeat_purchase": "AthenaOperator",
        "refresh_by_month": "QuickSightCreateIngestionOperator",
        "by_month_refreshed": "QuickSightSensor",
    },
    "retail_events": {
        "wait_for_files": "S3KeySensor",
        "catalogue": "GlueCrawlerRunOperator",
        "load": "GlueJobInTurnOperator",
        "funnel": "AthenaOperator",
        "purchases": "AthenaOperator",
        "category_paths": "AthenaOperator",
        "quality": "AthenaOperator",
        "checks": "AthenaOperator",
        "refresh_funnel": "QuickSightCreateIngestionOperator",
        "funnel_refreshed": "QuickSightSensor",
    },
    "transactions_forecast": {
        "forecast": "GlueJobInTurnOperator",
        "forecast_checks": "AthenaOperator",
        "forecast_worth": "AthenaOperator",
        "forecast_by_day": "AthenaOperator",
        "refresh_forecast_by_day": "QuickSightCreateIngestionOperator",
        "forecast_by_day_refreshed": "QuickSightSensor",
    },
    "transactions_live": {
        "minutes": "LambdaInvokeFunctionOperator",
        "live_all": "AthenaOperator",
        "live_checks": "AthenaOperator",
        "live_days": "AthenaOperator",
        "live_merged": "AthenaOperator",
        "live_streamed": "AthenaOperator",
        "refresh_live_by_day": "QuickSightCreateIngestionOperator",
        "live_minutes_refreshed": "QuickSightSensor",
    },
    "transactions_warehouse": {
        "tables": "RedshiftDataOperator",
        "load": "RedshiftDataOperator",
        "views": "RedshiftDataOperator",
        "numbers": "RedshiftDataOperator",
        "warehouse_numbers": "AthenaOperator",
    },
}

# Parses the DAGs in a process in which every connection and every look-up of a Variable or Connection is an error.
_PARSE = """
import json, socket, sys, warnings

def refuse(*arguments, **settings):
    raise RuntimeError("a DAG must not look anything up while it is parsed")

socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from airflow.sdk import Connection, Variable
Variable.get = refuse
Connection.get = refuse
from airflow.dag_processing.dagbag import DagBag

def started_by(condition):
    return [asset.name for asset in getattr(condition, "objects", [condition])] if condition else []

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    bag = DagBag(dag_folder=sys.argv[1])
ours = [str(w.message) for w in caught if "/dags/" in w.filename or "/millrace/" in w.filename]
json.dump(
    {
        "errors": bag.import_errors,
        "warnings": ours,
        "dags": {
            dag.dag_id: {
                "edges": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
                "operators": {task.task_id: getattr(task, "task_type", "") for task in dag.tasks},
                "deferrable": sorted(
                    task.task_id
                    for task in dag.tasks
                    if getattr(task, "deferrable", None) or getattr(task, "partial_kwargs", {}).get("deferrable")
                ),
                "schedule": getattr(getattr(dag.timetable, "timetable", None), "expression", str(dag.schedule)),
                "started_by": started_by(dag.timetable.asset_condition),
                "catchup": dag.catchup,
                "max_active_runs": dag.max_active_runs,
                "params": sorted(dag.params),
                "doc": dag.doc_md or "",
                "description": dag.description or "",
                "tags": sorted(dag.tags),
                "forms": {name: dag.params.get_param(name).dump() for name in dag.params},
                "owners": sorted({task.owner for task in dag.tasks}),
                "unnamed": sorted(t.task_id for t in dag.tasks if t.is_mapped and not t.map_index_template),
                "untold": sorted(t.task_id for t in dag.tasks if not getattr(t, "on_failure_callback", None)),
                "deadline_s": [alert.interval.total_seconds() for alert in dag.deadline or ()],
                "outlets": [asset.uri for task in dag.tasks for asset in task.outlets],
            }
            for dag in bag.dags.values()
        },
    },
    open(sys.argv[2], "w"),
)
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("airflow")
    answer = folder / "parsed.json"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))},
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/never-made.db",
    }
    arguments = [sys.executable, "-c", _PARSE, str(ROOT / "dags"), str(answer)]
    subprocess.run(arguments, env=environment, cwd=ROOT, check=True, capture_output=True)
    return json.loads(answer.read_text())


def test_every_pipeline_has_a_dag_and_every_dag_a_pipeline(parsed):
    assert parsed["errors"] == {}
    assert set(slugs()) <= set(parsed["dags"])
    assert {dag for dag in parsed["dags"] if not any(dag == s or dag.startswith(f"{s}_") for s in slugs())} == set()


def test_no_dag_warns_when_it_is_parsed(parsed):
    assert parsed["warnings"] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "dags").glob("*.py")))
def test_people_can_find_and_start_every_dag(parsed, name):
    dag = parsed["dags"][name]
    assert re.match(r"[A-Z].*[.:,].*\n\n", dag["doc"]), "the doc begins with a sentence that says what it is"
    assert 10 < len(dag["description"]) < 100 and not dag["description"].endswith(".")
    assert "data-lake" in dag["tags"] and any(name == tag or name.startswith(f"{tag}_") for tag in dag["tags"])
    assert dag["owners"] == ["data-platform"]
    for form in dag["forms"].values():
        assert form["schema"]["title"] and form["schema"]["type"] and form["description"].endswith(".")
    assert (dag["unnamed"], dag["untold"]) == ([], [])
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", task) for task in dag["edges"])


@pytest.mark.parametrize("slug", sorted(EDGES))
def test_the_tasks_and_their_order(parsed, slug):
    assert {task: set(after) for task, after in parsed["dags"][slug]["edges"].items()} == EDGES[slug]


@pytest.mark.parametrize("slug", sorted(OPERATORS))
def test_what_aws_does_is_done_by_the_operators_for_it(parsed, slug):
    operators = parsed["dags"][slug]["operators"]
    assert {task: operators[task] for task in OPERATORS[slug]} == OPERATORS[slug]


def test_retraced_is_daily_with_a_form(parsed):
    dag = parsed["dags"]["retraced"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("0 6 * * *", False, 4)
    assert dag["params"] == ["date", "reprocess"]
    assert dag["doc"]
    assert dag["outlets"] == ["s3://millrace-final/retraced"]
    assert dag["started_by"] == ["retraced_raw"]
    assert {"wait_for_uploads", "catalogue", "monthly"} <= set(dag["deferrable"])


def test_signups_is_daily_and_its_job_outlives_a_retry(parsed):
    dag = parsed["dags"]["signups"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("0 7 * * *", False, 4)
    assert dag["params"] == ["date", "reprocess"]
    assert {"load", "catalogue", "by_date", "by_status", "checks"} <= set(dag["deferrable"])
    assert dag["outlets"] == ["s3://millrace-final/signups"]


def test_sales_is_daily(parsed):
    dag = parsed["dags"]["sales"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"], dag["params"]) == ("0 5 * * *", False, 4, ["date"])
    assert {"load", "catalogue", "checks", "by_month"} <= set(dag["deferrable"])
    assert dag["outlets"] == ["s3://millrace-final/sales"]


def test_retail_events_is_daily_and_its_sync_hourly(parsed):
    dag, sync = parsed["dags"]["retail_events"], parsed["dags"]["retail_events_sync"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("0 6 * * *", False, 4)
    assert (sync["schedule"], sync["catchup"], sync["max_active_runs"]) == ("0 * * * *", False, 1)
    assert dag["params"] == ["reprocess"] and sync["params"] == ["folder"]
    assert {"wait_for_files", "catalogue", "load", "funnel", "checks"} <= set(dag["deferrable"])
    assert dag["outlets"] == ["s3://millrace-final/retail_events"]
    assert sync["outlets"] == ["s3://millrace-raw/retail_events"]
    assert dag["started_by"] == ["retail_events_raw"]


def test_transactions_live_runs_every_five_minutes_one_run_at_a_time(parsed):
    dag = parsed["dags"]["transactions_live"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("*/5 * * * *", False, 1)
    assert {"live_all", "live_checks", "live_days", "live_merged", "live_streamed"} <= set(dag["deferrable"])


def test_the_warehouse_is_loaded_when_transactions_are_published(parsed):
    dag = parsed["dags"]["transactions_warehouse"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    assert "s3://millrace-final/transactions" in dag["schedule"]
    assert {"tables", "load", "views", "numbers", "warehouse_numbers"} <= set(dag["deferrable"])


def test_transactions_are_told_of_when_they_are_late_or_fail(parsed):
    late = {name: dag["deadline_s"] for name, dag in parsed["dags"].items() if name.startswith("transactions")}
    wanted = {"transactions": [64_800.0], "transactions_live": [1_800.0], "transactions_warehouse": [7_200.0]}
    assert wanted.items() <= late.items()


def test_the_forecast_is_weekly(parsed):
    dag = parsed["dags"]["transactions_forecast"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("0 5 * * 1", False, 4)
    assert dag["params"] == ["date"]
    assert {"forecast", "forecast_checks", "forecast_worth", "forecast_accuracy"} <= set(dag["deferrable"])
    assert dag["outlets"] == ["s3://millrace-final/transactions/forecast"]
