"""Sync the retail server's folder into the raw bucket: only what is new or has changed.

The folder is Airflow's setting `retail_events_folder` in the section `millrace`, or is given in the form. It must be
mounted where tasks run. Where it is not, as on MWAA, AWS DataSync does the same on the same schedule and this DAG stays
paused. What arrives starts the pipeline `retail_events` by an event, and its DAG by an asset; nothing is deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, Asset, Param, conf, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from millrace import steps

SLUG = "retail_events"
FOLDER = conf.get("millrace", "retail_events_folder", fallback="")


@task(outlets=[Asset(name="retail_events_raw", uri=f"s3://{steps.bucket('raw')}/{SLUG}")])
def sync(params: Any = None) -> dict[str, Any]:
    """Send the new and changed files; no operator compares, so this calls what the command line calls."""
    from millrace import sync

    if not params["folder"]:
        raise AirflowFailException(
            "no folder is given: set retail_events_folder in the section [millrace] of Airflow's configuration"
        )
    found = sync.find(SLUG, Path(params["folder"]))
    outcome = sync.sync(S3Hook().get_conn(), steps.bucket("raw"), found.files)
    if not outcome.sent:
        raise AirflowSkipException(f"nothing is new: {len(outcome.unchanged)} files are unchanged")
    return {"sent": list(outcome.sent), "unchanged": len(outcome.unchanged), "bytes": outcome.size}


with DAG(
    dag_id=f"{SLUG}_sync",
    description="New and changed files of the retail server's folder, into the raw bucket",
    doc_md=__doc__,
    schedule="0 * * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=not FOLDER,
    params={
        "folder": Param(FOLDER, type="string", title="Folder", description="Holds events*.csv and its like."),
    },
    default_args=steps.DEFAULT_ARGS,
    tags=["data-lake", SLUG],
):
    sync()
