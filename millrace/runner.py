"""Run DAGs for real in a process of its own: ``python -m millrace.runner SLUG``.

It makes Airflow ready, which takes seconds, says so, and waits for JSON lines on standard input, each a run's
configuration. Then it runs the DAG (``dag``, else SLUG), in a fork of this process, so that the next run finds Airflow
ready even if this one is killed, and tells what happens as JSON lines on what was its standard output; all that Airflow
and the tasks print goes to standard error. Its other side is ``millrace.local.Airflow``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pendulum
from airflow import settings
from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk.execution_time.supervisor import in_process_api_server
from airflow.sdk.listener import get_listener_manager
from airflow.utils import db

from millrace.local import STATE

Tell = Callable[[dict[str, Any]], None]


class Progress:
    """Tells of tasks that start and end. Airflow goes by the hooks' argument names."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._started: dict[tuple[str, int], float] = {}

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """A deferred task runs again when it is resumed; its first start counts."""
        self._started.setdefault((task_instance.task_id, task_instance.map_index), time.monotonic())
        self._event(task_instance, "running")

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        """The task ended well."""
        self._event(task_instance, "success")

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        """The task failed, for good or until its next try."""
        state = "retry" if "retry" in str(task_instance.state) else "failed"
        self._event(task_instance, state, error=message(error))

    def _event(self, task_instance: Any, state: str, **more: Any) -> None:
        key = (task_instance.task_id, task_instance.map_index)
        seconds = time.monotonic() - self._started[key]
        self._tell({"task": key[0], "map_index": key[1], "state": state, "seconds": seconds, **more})


def message(error: Any) -> str:
    """What went wrong in a task, in a line or two: of a Lambda function's failure, what the function said."""
    details: Any = error.args[1] if len(getattr(error, "args", ())) == 2 else None
    if isinstance(details, dict) and "Payload" in details:
        answer = json.loads(details["Payload"])
        return f"{error.args[0]}: {answer.get('errorType')}: {answer.get('errorMessage')}"
    return str(error)


def prepare(slug: str) -> Any:
    """Make Airflow ready to run DAGs at once; returns all by id. Raises RuntimeError if one can't be imported."""
    database = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    if not database.exists():
        # Made once and then copied, since making it takes seconds.
        made = STATE / f"airflow-{version('apache-airflow')}.db"
        if made.exists():
            shutil.copy(made, database)
        else:
            db.initdb()
            copy = made.with_suffix(f".{os.getpid()}")
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("VACUUM INTO ?", (str(copy),))
            copy.rename(made)
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        raise RuntimeError(f"DAGs cannot be imported: {bag.import_errors}")
    if slug not in bag.dags:
        raise RuntimeError(f"there is no DAG {slug!r}; there are: {', '.join(sorted(bag.dags))}")
    asyncio.run(_warm())
    return bag.dags


async def _warm() -> None:
    """Airflow builds its Execution API on the first request, which takes as long as all the rest.

    Not by the transport that runs use: its thread would not be there in a fork.
    """
    async with httpx.AsyncClient(transport=in_process_api_server().atransport, base_url="http://in-process") as client:
        (await client.get("/health")).raise_for_status()


def followers(dags: dict[str, Any], slug: str) -> list[str]:
    """The DAGs that Airflow runs when this one has published its assets."""
    published = {outlet.uri for task in dags[slug].tasks for outlet in task.outlets}
    scheduled = {name: dag.schedule for name, dag in dags.items() if isinstance(dag.schedule, list)}
    return sorted(name for name, assets in scheduled.items() if published & {asset.uri for asset in assets})


def run(dag: Any, conf: dict[str, Any], tell: Tell) -> None:
    """Run the DAG; the last thing told is ``{"result": state, "tasks": [...]}``, with what small tasks returned."""
    started = time.monotonic()
    date = pendulum.parse(conf.pop("logical_date"))
    dag.deadline = None  # which is Airflow's scheduler's; dag.test cannot make it
    # With the date as its time the run has the same id when it is done again, as after a kill.
    dag_run = dag.test(logical_date=date, run_after=date, run_conf=conf)
    tasks = [
        {
            "task": ti.task_id,
            "map_index": ti.map_index,
            "state": str(ti.state),
            "returned": ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index),
        }
        for ti in dag_run.get_task_instances()
    ]
    tell({"result": str(dag_run.state.value), "seconds": time.monotonic() - started, "tasks": tasks})


def in_a_fork(work: Callable[[], None], tell: Tell) -> None:
    """Do the work in a fork of this process: its id is told first, and last how it ended if it did not end well."""
    alive, lifeline = os.pipe()
    child = os.fork()
    if not child:
        os.close(lifeline)
        threading.Thread(target=lambda: os.read(alive, 1) or os._exit(1), daemon=True).start()
        settings.engine.dispose(close=False)  # the parent's connections are not ours
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(alive)
    try:
        tell({"pid": child})
        if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            tell({"died": status})
    finally:
        os.close(lifeline)  # which ends a run whose parent is asked to end


def main() -> None:
    """Serve runs of one DAG, one for each line on standard input."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(event: dict[str, Any]) -> None:
        out.write(json.dumps(event, default=str) + "\n")

    try:
        dags = prepare(sys.argv[1])
    except Exception as error:
        tell({"error": str(error)})
        raise
    get_listener_manager().add_listener(Progress(tell))
    tasks = [task.task_id for task in dags[sys.argv[1]].topological_sort()]
    tell({"ready": sys.argv[1], "tasks": tasks, "then": followers(dags, sys.argv[1])})
    for line in sys.stdin:
        conf = json.loads(line)
        dag = dags[conf.pop("dag", sys.argv[1])]
        in_a_fork(partial(run, dag, conf, tell), tell)


if __name__ == "__main__":
    main()
