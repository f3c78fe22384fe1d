"""Airflow's callbacks: what failed or is late is told on EventBridge's bus, where the function ``alerts`` listens.

A callback never fails: where the bus cannot be reached it says so in the log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from millrace.alerts import SOURCE

log = logging.getLogger(__name__)

_ERROR = 4000  # characters; an event has room for 256 KB


def failed(context: Mapping[str, Any]) -> None:
    """A task has failed for good: ``on_failure_callback``."""
    ti = context["ti"]
    error = context.get("exception")
    tell(
        "Task Failed",
        {
            "dag": ti.dag_id,
            "task": ti.task_id,
            "map_index": ti.map_index,
            "run": ti.run_id,
            "try": ti.try_number,
            "since": (ti.start_date or datetime.now(UTC)).isoformat(),
            "error": str(error or "no exception was given")[:_ERROR],
            "link": ti.log_url,
        },
    )


async def late(context: Mapping[str, Any], **_: Any) -> None:
    """A run has missed its deadline: the callback of ``deadline``. It runs in the triggerer."""
    import asyncio

    run, missed = context.get("dag_run") or {}, context.get("deadline") or {}
    dag, name = run.get("dag_id", "?"), run.get("dag_run_id") or run.get("run_id", "?")
    detail = {
        "dag": dag,
        "run": name,
        "deadline": str(missed.get("deadline_time", datetime.now(UTC).isoformat())),
        "link": f"{_airflow()}/dags/{dag}/runs/{name}",
    }
    await asyncio.to_thread(tell, "Run Late", detail)


def deadline(after: timedelta) -> Any:
    """A DAG's ``deadline``: tell if a run has not ended so long after it was queued."""
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=after, callback=AsyncCallback(late))


def tell(kind: str, detail: Mapping[str, Any]) -> None:
    """Put an event of ours on the default bus; never fails, and gives up soon."""
    try:
        import boto3
        from botocore.config import Config

        soon = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
        entry = {"Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail, default=str)}
        answer = boto3.client("events", config=soon).put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise RuntimeError(answer["Entries"][0].get("ErrorMessage"))
    except Exception as error:
        log.warning("nobody could be told of this (%s: %s): %s %s", type(error).__name__, error, kind, dict(detail))


def _airflow() -> str:
    from airflow.sdk import conf

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
