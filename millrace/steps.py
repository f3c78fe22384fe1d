"""What the DAGs share: operators' settings and the few Python steps that no operator does.

Nothing here does I/O when a DAG is parsed. Where a setting may differ between installations it is Airflow's own
configuration, section ``millrace``: ``bucket_prefix``; ``poll_seconds``, how often running work is looked at; and
``retry_seconds``, how long a failed task waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.operators.quicksight import QuickSightCreateIngestionOperator
from airflow.providers.amazon.aws.sensors.quicksight import QuickSightSensor
from airflow.sdk import Param, PokeReturnValue, XComArg, conf, task
from airflow.sdk.exceptions import AirflowFailException

from millrace import builds, callbacks, contracts, loads, publish
from millrace.operators import GlueJobInTurnOperator
from millrace.resources import ROOT
from millrace.turns import Holder, Turn

SQL = str(ROOT / "sql")  # beside this package on a laptop and on MWAA
BUCKET_PREFIX = conf.get("millrace", "bucket_prefix", fallback="millrace")
POLL_SECONDS = conf.getfloat("millrace", "poll_seconds", fallback=10)
RUNS = 4  # of a DAG, not counting backfills; all but one of them wait, for uploads or for their turn
_JOB_HOURS = 12
_TURN_SECONDS = 10
_JOB_POLL_SECONDS = max(1, int(POLL_SECONDS))  # a trigger counts in whole seconds

DEFAULT_ARGS = {
    "owner": "data-platform",
    "retries": 2,
    "retry_delay": timedelta(seconds=conf.getint("millrace", "retry_seconds", fallback=60)),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": callbacks.failed,
}

# The day that a run is for: what the form says, else the run's own date (a run by hand may have none).
_DATE = "params.date or (dag_run.logical_date or dag_run.run_after) | ds"
DATE = f"{{{{ {_DATE} }}}}"
# What a run waits for: the table's upload of that day. A run that uploads have started has nothing to wait for.
_AWAITED = "{{{{ '' if dag_run.run_type == 'asset_triggered' else '{table}/*' ~ ({date}) }}}}"
PARAMS = {
    "date": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Date",
        description="Load what was uploaded up to this day, as far as it is not loaded yet. Empty: the run's own date.",
    ),
    "reprocess": Param(
        False,
        type="boolean",
        title="Reprocess",
        description="Load that day's uploads again, even those loaded before, and rebuild every derived table.",
    ),
}
RELOAD = Param(False, type="boolean", title="Reprocess", description="Load all files again.")

# What mapped tasks are called in the UI: by the files that one converts, or by the months that one builds.
_FILES = (
    "{% set files = macros.json.loads(task.payload).files %}{{ files[0].key.split('/', 1)[1] }}"
    "{% if files | length > 1 %} and {{ files | length - 1 }} more{% endif %}"
)
MONTHS = (
    "{% set months = params.get('months') or params['upload_dates'] %}"
    "{{ months | first }}{% if months | length > 1 %} to {{ months | last }}{% endif %}"
)

# How the ends of Glue's runs are waited for.
WAITER: dict[str, Any] = {
    "waiter_delay": _JOB_POLL_SECONDS,
    "waiter_max_attempts": int(_JOB_HOURS * 3600 / _JOB_POLL_SECONDS),
    "execution_timeout": timedelta(hours=_JOB_HOURS),
    "deferrable": True,
}

# With the defaults, botocore would invoke a function that takes over a minute again and again.
LAMBDA = {
    "botocore_config": {
        "read_timeout": 900,
        "connect_timeout": 10,
        "tcp_keepalive": True,
        "retries": {"max_attempts": 0},
    }
}


def bucket(name: str) -> str:
    """The full name of a bucket that is declared by its short name."""
    return f"{BUCKET_PREFIX}-{name}"


def awaited(slug: str, table: str) -> str:
    """The key, with wildcards, of what a run waits for: the table's uploads of the run's day."""
    return f"{slug}/{_AWAITED.format(table=table, date=_DATE)}*"


def athena(slug: str) -> dict[str, Any]:
    """Settings of a pipeline's AthenaOperators."""
    return {"database": slug, "workgroup": "millrace", "sleep_time": POLL_SECONDS, "deferrable": True}


def query(slug: str, name: str, **settings: Any) -> AthenaOperator:
    """The query ``sql/<slug>/<name>.sql``, run in Athena."""
    return AthenaOperator(task_id=name, query=f"{slug}/{name}.sql", **athena(slug), **settings)


def convert(function: str, payloads: XComArg) -> Any:
    """The Lambda function that converts uploads, once for each payload; each is named by its first file."""
    return LambdaInvokeFunctionOperator.partial(
        task_id="convert", function_name=function, map_index_template=_FILES, **LAMBDA
    ).expand(payload=payloads)


def crawl(name: str, task_id: str = "catalogue") -> GlueCrawlerRunOperator:
    """A crawl; one that runs already, started by an event or by a try before, is waited for."""
    return GlueCrawlerRunOperator(
        task_id=task_id,
        crawler_name=name,
        poll_interval=POLL_SECONDS,
        fail_on_already_running=False,
        deferrable=True,
    )


def glue_job(name: str, task_id: str = "load", arguments: Mapping[str, str] | None = None) -> GlueJobInTurnOperator:
    """A run of a Glue job, defined elsewhere. A retry goes on waiting for the run that there is."""
    return GlueJobInTurnOperator(
        task_id=task_id,
        job_name=name,
        script_args=dict(arguments or {}),
        job_poll_interval=POLL_SECONDS,
        resume_glue_job_on_retry=True,
        verbose=False,
        **WAITER,
    )


def refresh(slug: str, query: str) -> tuple[QuickSightCreateIngestionOperator, QuickSightSensor]:
    """Fill a data set's SPICE again: the task that begins, and the one that waits for its end."""
    data_set = f"{slug}-{query.replace('_', '-')}"
    begin = QuickSightCreateIngestionOperator(
        task_id=f"refresh_{query}",
        data_set_id=data_set,
        # No two tries share an id, and a run of the same date again does not either.
        ingestion_id="{{ dag_run.run_after | ts_nodash }}-{{ ti.start_date | ts_nodash }}-{{ ti.try_number }}",
        wait_for_completion=False,
    )
    done = QuickSightSensor(
        task_id=f"{query}_refreshed",
        data_set_id=data_set,
        ingestion_id=f"{{{{ ti.xcom_pull(task_ids='refresh_{query}')['IngestionId'] }}}}",
        mode="reschedule",
        poke_interval=POLL_SECONDS,
    )
    begin >> done
    return begin, done


def published_by(slug: str, step: str, tables: Mapping[str, str]) -> str:
    """The payload for a step of the function ``publish``, a template: the statements that the tables' tasks ran.

    step: catalogue, or publish, in the order of the tables; then the uploads of this load are marked as published.
    tables: each with the partition key, month or part, by which a build makes it anew; "" for one that is whole.
    """
    values = {"month": "build.all_months", "part": "[build.part | string]"}
    # A list, since the tables' order counts and Jinja sorts the keys of a mapping.
    listed = ", ".join(
        f"{{'name': '{table}', 'statements': ti.xcom_pull(task_ids=['{table}']), 'rebuilt': "
        + (f"none if build.rebuild else {{'{key}': {values[key]}}}}}" if key else "none}")
        for table, key in tables.items()
    )
    return (
        "{% set build = ti.xcom_pull(task_ids='months_to_build')[0] %}"
        f"{{{{ {{'step': '{step}', 'pipeline': '{slug}', 'database': '{slug}', 'tables': [{listed}], "
        "'uploads': build.uploads} | tojson }}"
    )


def turn(slug: str, first: Any, last: Any, after: Any = None) -> None:
    """From `first` to `last` one run at a time, of all of the pipeline's runs; `after` is what is waited for before.

    A DAG's max_active_runs does not see to that: backfills are not counted in it, and it would have runs wait for one
    that waits for uploads. The end is a teardown, so a run that fails gives its turn back. The beginning is no setup:
    who clears a task in between would clear it too, and have a new turn for what was built in an old one.
    """
    take = _take_turn(slug)
    if after is not None:
        after >> take
    take >> first
    last >> _end_turn(slug).as_teardown()


@task.sensor(
    task_id="take_turn",
    task_display_name="wait for turn",
    mode="reschedule",
    # Airflow takes a task that is queued again before its scheduler heard of the end of the last poke for a failed one.
    poke_interval=max(POLL_SECONDS, _TURN_SECONDS),
    retries=5,
    timeout=_JOB_HOURS * 3600,
)
def _take_turn(slug: str, ti: Any = None) -> PokeReturnValue:
    """Wait until no other run writes the pipeline's tables; the turn's number."""

    def ended(other: Holder) -> bool:
        alive = ti.get_dr_count(other.dag, run_ids=[other.run], states=["queued", "running"])
        print(f"the turn is that of {other}, which {'runs' if alive else 'has ended'}")
        return not alive

    number = _turn(slug).take(Holder(ti.dag_id, ti.run_id), ended)
    return PokeReturnValue(number is not None, number)


@task(task_id="end_turn", task_display_name="end turn")
def _end_turn(slug: str, ti: Any = None) -> bool:
    """Let the next run."""
    return _turn(slug).end(Holder(ti.dag_id, ti.run_id))


def keep_turn(slug: str) -> Callable[[Mapping[str, Any]], None]:
    """What a task that publishes does before (``pre_execute``): fail if another run had its turn since this one's."""

    def check(context: Mapping[str, Any]) -> None:
        ti = context["ti"]
        number = ti.xcom_pull(task_ids="take_turn")
        if number is None or not _turn(slug).keep(Holder(ti.dag_id, ti.run_id), number):
            raise AirflowFailException(
                "another run has published since this one began, so what was built here may lack its rows: "
                "nothing is published. Clear this run from the task take_turn on"
            )

    return check


def _turn(slug: str) -> Turn:
    return Turn(S3Hook().get_conn(), bucket("processed"), slug)


@task
def find_uploads(slug: str, date: str, params: Any = None) -> list[str]:
    """The uploads that are not published yet, as payloads for the converter: one a file, or a few files together."""
    s3 = S3Hook().get_conn()
    uploads = loads.pending(s3, BUCKET_PREFIX, slug, upto=date, again=date if params["reprocess"] else None)
    return loads.payloads(slug, bucket("raw"), uploads)


@task
def reconcile(slug: str, answers: Sequence[str], params: Any = None) -> list[dict[str, Any]]:
    """Fail unless every row of every upload is accounted for; else what the SQL needs to know of this load."""
    try:
        load = loads.reconcile(S3Hook().get_conn(), BUCKET_PREFIX, slug, answers)
    except loads.LoadError as error:
        raise AirflowFailException(str(error)) from None
    rebuild = load["replaced"] or params["reprocess"]
    build = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")  # names the folders that are written; no two runs share it
    # Numbers what is added to a table: a run that died and the one that does its work again give it the same number.
    part = 0 if rebuild else load["published"]
    return [{**load, "rebuild": rebuild, "part": part, "build": build, "final_bucket": bucket("final")}]


@task
def ledger(slug: str, run: str) -> list[dict[str, Any]]:
    """The ledger rows that a Glue job's run left; fails where rows are not accounted for."""
    rows = loads.rows_of_run(S3Hook().get_conn(), BUCKET_PREFIX, slug, run)
    if lost := [row for row in rows if row["rows_in"] != row["rows_out"] + row["rows_rejected"]]:
        raise AirflowFailException(f"rows are not accounted for: {lost}")
    return rows


@task
def publish_build(slug: str, build: str, tables: Sequence[str]) -> dict[str, str]:
    """Point tables at the folders of a build, in the order given; the folders."""
    folders = {table: f"{contracts.get(slug, table).uri(BUCKET_PREFIX)}build={build}/" for table in tables}
    glue, s3 = GlueCatalogHook().get_conn(), S3Hook().get_conn()
    for table, folder in folders.items():
        publish.switch(glue, s3, slug, table, [], None, folder)
    return folders


@task
def catalogue_build(slug: str, run: str) -> dict[str, int]:
    """Let queries see the build that a job's run left, as tables ``built_<table>``; how many objects each has."""
    build = builds.load(S3Hook().get_conn(), bucket("processed"), slug, run)
    return builds.catalogue(GlueCatalogHook().get_conn(), build)


@task
def publish_partitions(slug: str, run: str, tables: Sequence[str] | None = None) -> dict[str, int]:
    """Let readers see the build that a job's run left, or tables of it, in their order; of each, its new partitions."""
    s3 = S3Hook().get_conn()
    build = builds.load(s3, bucket("processed"), slug, run).only(tables)
    return builds.publish(GlueCatalogHook().get_conn(), s3, bucket("processed"), build)


@task
def months_to_build(load: Sequence[dict[str, Any]], statements: Sequence[str]) -> list[dict[str, Any]]:
    """The load, once for every hundred months that its rows touch: Athena writes at most 100 partitions at a time."""
    months = [month for (month,) in rows_of(statements[0])[1:]]
    return [{**load[0], "all_months": months, "months": chunk} for chunk in loads.month_chunks(months)]


@task(task_display_name="data checks passed")
def gate(statements: Sequence[str]) -> list[dict[str, str]]:
    """Fail where a data check is broken; else the checks. The statements' rows: check_name, severity, ok, detail."""
    checks = [dict(zip(names, row, strict=True)) for names, *rows in map(rows_of, statements) for row in rows]
    if not checks:
        raise AirflowFailException("the data checks gave no result at all; look at the query in Athena")
    if broken := [
        f"{c['check_name']}: {c['detail']}" for c in checks if c["ok"] != "true" and c["severity"] == "error"
    ]:
        raise AirflowFailException("data checks failed, nothing was refreshed: " + "; ".join(broken))
    return checks


def rows_of(statement: str) -> list[list[str]]:
    """The rows of a succeeded Athena statement as text, the names of the columns first."""
    pages = AthenaHook().get_query_results_paginator(statement) or []
    return [
        [cell.get("VarCharValue", "") for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]
    ]
