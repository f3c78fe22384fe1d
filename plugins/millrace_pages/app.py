"""The pages' FastAPI application. Every page needs Airflow's login; static files alone do not.

What a pipeline refused may hold personal data, so rejects are only for those who may run the pipeline's DAG.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from millrace_pages import dashboards, lake, work

_HERE = Path(__file__).parent
_LOGGED_IN = Depends(requires_access_view(AccessView.WEBSITE))
_MAY_READ = Depends(requires_access_dag("GET"))
_MAY_RUN = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
_MAY_READ_LOGS = Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS))

log = logging.getLogger(__name__)
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
app = FastAPI(title="Millrace pages", openapi_url=None, docs_url=None, redoc_url=None)
app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")


@app.get("/dashboards/", dependencies=[_LOGGED_IN])
def list_dashboards(request: Request) -> HTMLResponse:
    """The list of dashboards."""
    return _page(request, "dashboards.html", dashboards=dashboards.published())


@app.get("/dashboards/{dashboard}", dependencies=[_LOGGED_IN])
def show_dashboard(request: Request, dashboard: str) -> HTMLResponse:
    """One dashboard, embedded."""
    found = next((d for d in dashboards.published() if d.id == dashboard), None)
    if found is None:
        raise HTTPException(404, f"There is no published dashboard {dashboard!r}.")
    url = dashboards.embed_url(dashboard, f"{request.url.scheme}://{request.url.netloc}")
    shown = urlsplit(url)
    return _page(request, "dashboard.html", frames=f"{shown.scheme}://{shown.netloc}", dashboard=found, url=url)


@app.get("/data/", dependencies=[_LOGGED_IN])
def list_pipelines(request: Request, user: GetUserDep) -> HTMLResponse:
    """The pipelines whose DAG the user may read and that have a database."""
    allowed = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    found = [(name, text, lake.tables(name)) for name, text in lake.databases() if name in allowed]
    return _page(request, "pipelines.html", pipelines=found)


@app.get("/data/{dag_id}/", dependencies=[_LOGGED_IN, _MAY_READ])
def show_pipeline(request: Request, dag_id: str) -> HTMLResponse:
    """A pipeline's tables and last loads."""
    return _page(request, "pipeline.html", slug=dag_id, tables=lake.tables(dag_id), loads=lake.loads(dag_id))


@app.get("/data/{dag_id}/rejects", dependencies=[_LOGGED_IN, _MAY_RUN])
def show_rejects(request: Request, dag_id: str, key: Annotated[str, Query(max_length=1024)]) -> HTMLResponse:
    """What was refused of one upload, and why."""
    return _page(request, "rejects.html", slug=dag_id, key=key, preview=lake.rejects(_own(dag_id, key)))


@app.get("/data/{dag_id}/rejects.csv", dependencies=[_LOGGED_IN, _MAY_RUN])
def download_rejects(dag_id: str, key: Annotated[str, Query(max_length=1024)]) -> StreamingResponse:
    """The same as a file."""
    pieces = lake.download(_own(dag_id, key))
    first = next(pieces, b"")  # fails here, while an error can still be answered
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in key.rsplit("/", 1)[-1])
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}

    def body() -> Any:
        yield first
        yield from pieces

    return StreamingResponse(body(), media_type="text/csv; charset=utf-8", headers=headers)


@app.get("/did/{dag_id}/{run_id}/{task_id}/{map_index}", dependencies=[_LOGGED_IN, _MAY_READ_LOGS])
def show_work(request: Request, dag_id: str, run_id: str, task_id: str, map_index: int) -> Response:
    """What AWS did for a task; for one that fills a data set, the dashboard that shows it."""
    task = work.task(dag_id, run_id, task_id, map_index)
    if task is None:
        raise HTTPException(404, f"There is no such task in the run {run_id!r} of {dag_id}.")
    root = request.scope.get("root_path", "")
    if (data_set := work.data_set(task)) and (dashboard := dashboards.showing(data_set)):
        return RedirectResponse(f"{root}/dashboards/{quote(dashboard.id, safe='')}", 303)
    done = work.of(task)
    return _page(
        request,
        "work.html",
        airflow=root.removesuffix("/millrace"),
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        work=done,
        console=work.console(done.console) if done else "",
    )


@app.exception_handler(ClientError)
@app.exception_handler(BotoCoreError)
def aws_failed(request: Request, error: Exception) -> HTMLResponse:
    """AWS refused or was not reached: say what and what to do."""
    log.warning("%s: %s", request.url.path, error)
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    missing = code in {"NoSuchKey", "NoSuchBucket", "EntityNotFoundException", "ResourceNotFoundException"}
    return _page(request, "problem.html", status=404 if missing else 502, problem=str(error), missing=missing)


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> HTMLResponse:
    """Not logged in, not allowed or not there."""
    return _page(request, "problem.html", status=error.status_code, problem=str(error.detail), missing=True)


def _own(slug: str, key: str) -> str:
    """The key, if it lies under the pipeline's own prefix."""
    if not key.startswith(f"{slug}/") or ".." in key.split("/"):
        raise HTTPException(404, f"{key!r} is not a rejects file of {slug}.")
    return key


def _page(request: Request, name: str, *, status: int = 200, frames: str = "'none'", **values: Any) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    text = _templates.get_template(name).render(root=root, now=datetime.now(UTC), **values)
    policy = (
        f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src {frames}; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(text, status, headers)
