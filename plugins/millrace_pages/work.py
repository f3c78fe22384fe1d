"""What AWS did for a task: the statement, the run of a job, the crawl, a function's log. It is asked for when shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from millrace_pages import aws

_LINES = 500  # of a log
_LATE = timedelta(seconds=30)  # what a function writes reaches the log after it has answered


@dataclass(frozen=True)
class Task:
    """What Airflow knows of a task: its operator, times, rendered fields and what it has told (its XComs)."""

    operator: str
    start: datetime | None
    end: datetime | None
    rendered: Mapping[str, Any]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """What is shown of it. facts: names and values; text: code or log, with its heading; console: a path in AWS's."""

    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    heading: str = ""
    text: str = ""
    console: str = ""


def task(dag_id: str, run_id: str, task_id: str, map_index: int) -> Task | None:
    """The task as Airflow's database has it; None if it is not there."""
    names = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    with create_session() as session:
        found = session.scalar(select(TaskInstance).filter_by(**names))
        if found is None:
            return None
        told = session.execute(select(XComModel.key, XComModel.value).filter_by(**names)).all()
        return Task(
            found.operator or "",
            found.start_date,
            found.end_date,
            RenderedTaskInstanceFields.get_templated_fields(found, session=session) or {},
            {key: _read(value) for key, value in told},
        )


def of(task: Task) -> Work | None:
    """What AWS did for the task; None where it has done nothing yet. Raises botocore's ClientError."""
    look = _LOOKS.get(task.operator)
    return look(task) if look else None


def data_set(task: Task) -> str | None:
    """The data set that a task fills or waits for."""
    return task.rendered.get("data_set_id") if task.operator.startswith("QuickSight") else None


def console(path: str) -> str:
    """An address in AWS's console; empty where the account is not one of AWS's."""
    meta = aws.client("athena").meta
    if not path or not (meta.endpoint_url or "").endswith(".amazonaws.com"):
        return ""
    return f"https://{meta.region_name}.console.aws.amazon.com/{path.replace('REGION', meta.region_name)}"


def _statement(task: Task) -> Work | None:
    link = task.told.get("_athena_query_results") or {}
    identifier = link.get("query_execution_id") or task.told.get("return_value")
    if not identifier:
        return None
    found = aws.client("athena").get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
    status, numbers = found["Status"], found.get("Statistics", {})
    facts = {
        "State": status["State"],
        "Reason": status.get("StateChangeReason"),
        "Statement": identifier,
        "Database": found.get("QueryExecutionContext", {}).get("Database"),
        "Workgroup": found.get("WorkGroup"),
        "Submitted": status.get("SubmissionDateTime"),
        "Took": _seconds(numbers.get("TotalExecutionTimeInMillis")),
        "Read": _bytes(numbers.get("DataScannedInBytes")),
        "Result": found.get("ResultConfiguration", {}).get("OutputLocation"),
    }
    return Work(
        "Athena statement",
        facts,
        "SQL",
        found["Query"],
        f"athena/home?region=REGION#/query-editor/history/{identifier}",
    )


def _job_run(task: Task) -> Work | None:
    link = task.told.get("glue_job_run_details") or {}
    job = link.get("job_name") or task.rendered.get("job_name")
    identifier = link.get("job_run_id") or task.told.get("glue_job_run_id")
    if not job or not identifier:
        return None
    run = aws.client("glue").get_job_run(JobName=job, RunId=identifier)["JobRun"]
    facts = {
        "State": run["JobRunState"],
        "Job": job,
        "Run": identifier,
        "Started": run.get("StartedOn"),
        "Took": _seconds(1000 * run["ExecutionTime"]) if run.get("ExecutionTime") else None,
        "Workers": f"{run['NumberOfWorkers']} × {run.get('WorkerType')}" if run.get("NumberOfWorkers") else None,
        "Arguments": json.dumps(run.get("Arguments", {})),
    }
    heading = "Error" if run.get("ErrorMessage") else ""
    where = f"gluestudio/home?region=REGION#/job/{quote(job)}/run/{identifier}"
    return Work("Glue job run", facts, heading, run.get("ErrorMessage", ""), where)


def _crawl(task: Task) -> Work | None:
    name = task.rendered.get("crawler_name")
    if not name:
        return None
    crawler = aws.client("glue").get_crawler(Name=name)["Crawler"]
    last = crawler.get("LastCrawl", {})
    targets = [target["Path"] for target in crawler["Targets"].get("S3Targets", [])]
    facts = {
        "State": crawler["State"],
        "Crawler": name,
        "Database": crawler.get("DatabaseName"),
        "Last crawl": last.get("Status"),
        "Started": last.get("StartTime"),
        "Looks at": ", ".join(targets),
    }
    heading = "Error" if last.get("ErrorMessage") else ""
    where = f"glue/home?region=REGION#/v2/data-catalog/crawlers/view/{quote(name)}"
    return Work("Crawler", facts, heading, last.get("ErrorMessage", ""), where)


def _function_log(task: Task) -> Work | None:
    name = task.rendered.get("function_name")
    if not name or not task.start:
        return None
    group, end = f"/aws/lambda/{name}", (task.end or datetime.now(UTC)) + _LATE
    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=group,
            startTime=int(task.start.timestamp() * 1000),
            endTime=int(end.timestamp() * 1000),
            PaginationConfig={"MaxItems": _LINES},
        )
    )
    lines = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    facts = {
        "Function": name,
        "Log group": group,
        "From": task.start,
        "To": end,
        "Lines": f"the first {_LINES}" if len(lines) == _LINES else len(lines),
    }
    heading = "Log of all that the function did in that time"
    where = f"cloudwatch/home?region=REGION#logsV2:log-groups/log-group/{quote(group, safe='').replace('%', '$25')}"
    return Work("Lambda log", facts, heading, "\n".join(lines), where)


_LOOKS: Mapping[str, Callable[[Task], Work | None]] = {
    "AthenaOperator": _statement,
    "GlueJobInTurnOperator": _job_run,
    "GlueCrawlerRunOperator": _crawl,
    "LambdaInvokeFunctionOperator": _function_log,
}


def _read(value: Any) -> Any:
    """An XCom as it was told: a text may be JSON, or that text itself."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _seconds(milliseconds: float | None) -> str | None:
    return None if milliseconds is None else f"{milliseconds / 1000:,.1f} s"


def _bytes(count: int | None) -> str | None:
    if count is None or count < 1e6:
        return None if count is None else f"{count:,} bytes"
    return f"{count / 1e6:,.1f} MB"
