"""Run a pipeline's real DAG on data of this machine; the embedded AWS and Airflow come up for it and go with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from millrace import sources
from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner
from millrace.results import Results
from millrace.screen import Screen


def run(
    slug: str,
    raw: Path,
    out: Path,
    screen: Screen,
    *,
    sample: Callable[[Path], object] | None = None,
    keep_aws: Path | None = None,
    then: Sequence[str] = (),
) -> int:
    """Run the pipeline on a folder of raw data and write its results into `out`; the exit status.

    sample: makes the raw data, while Airflow comes up, and says what it made. keep_aws: where to leave the embedded
    AWS's data; without it they go with the run. then: DAGs to run after the pipeline's own, and after those that its
    assets start, for the same day.
    Status 0: every task succeeded and every row is accounted for. Raises ValueError where the raw data lack something.
    """
    source = sources.of(slug, raw) if sample is None else None
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    STATE.mkdir(exist_ok=True)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=STATE)))
        with screen.step("embedded AWS") as step:
            aws = stack.enter_context(LocalAws(keep_aws or work / "aws", logs / "localaws.log"))
            step.done(aws.endpoint)
        airflow = stack.enter_context(Airflow(slug, aws, work / "airflow", logs / "airflow.log"))
        if sample is not None:
            with screen.step("sample") as step:
                step.done(str(sample(raw)))
        source = source or sources.of(slug, raw)
        of_run = sources.Run(slug, aws, stack, work, logs, screen)
        source.prepare(of_run)
        with screen.step("provision") as step:
            provisioner = Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages")
            provisioner.common()
            provisioner.pipeline(slug, listens=False)  # the DAG does it all; events would do the same once more
            step.done("what infra/resources declares")
        brought = source.bring(of_run)
        with screen.step("Airflow") as step:
            airflow.wait_ready()
            step.done(f"DAG {slug}, {len(airflow.tasks)} tasks")
        day = {"logical_date": f"{brought.date}T06:00:00Z", "date": brought.date}
        with screen.tasks(airflow.tasks) as watch:
            result = airflow.run(day, watch)
        for dag in (*airflow.followers, *then) if result["result"] == "success" else ():
            with screen.tasks([]) as watch:
                result = _both(result, airflow.run({"dag": dag, **day}, watch))
        results = Results(slug, result, aws, out)
        results.write(brought.keys)
    screen.results(results)
    return 0 if results.complete else 1


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The results of two DAGs' runs as one; it is a success only if both are."""
    return {
        "result": other["result"] if one["result"] == "success" else one["result"],
        "seconds": one["seconds"] + other["seconds"],
        "tasks": [*one["tasks"], *other["tasks"]],
    }
