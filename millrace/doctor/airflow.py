"""What Airflow has in an account: the DAGs in the bucket that it reads, and the environment itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from millrace import bundle, dags_bucket, package
from millrace.doctor.finding import Finding, missing, note, ok
from millrace.doctor.place import Place

_MENDING = "docs/deploy.md, and the environment's page in the MWAA console"


def look(place: Place) -> Iterator[Finding]:
    """Look at the DAGs and at MWAA, if it is switched on."""
    if place.installation is None:
        return
    yield _dags(place)
    if "airflow" not in place.parts:
        yield ok("Airflow", "switched off (with.airflow)")
        return
    name = place.installation.airflow
    mwaa = place.client("mwaa")
    try:
        found = mwaa.get_environment(Name=name)["Environment"]
    except mwaa.exceptions.ResourceNotFoundException:
        yield missing("Airflow", f"there is no environment {name}", place.make)
        return
    status, error = found["Status"], found.get("LastUpdate", {}).get("Error", {}).get("ErrorMessage")
    if status == "AVAILABLE":
        yield ok("Airflow", f"{found['AirflowVersion']}, https://{found['WebserverUrl']}")
    elif status.endswith("ING"):
        yield note("Airflow", f"is {status}, which takes up to half an hour")
    else:
        yield missing("Airflow", f"is {status}", _MENDING)
    if error:
        yield note("Airflow", f"its last update failed: {error}", _MENDING)


def _dags(place: Place) -> Finding:
    """Whether the DAGs in the bucket are this checkout's."""
    with tempfile.TemporaryDirectory() as folder:
        bundle.airflow(Path(folder))
        built = package.contents_of(Path(folder) / "dags")
    found = dags_bucket.compare(place.client("s3"), place.names.bucket("artifacts"), built)
    if len(found.new) == len(built):
        return missing("DAGs", "not in the bucket", place.make)
    if found.new or found.changed or found.gone:
        told = f"{len(found.new)} new, {len(found.changed)} changed, {len(found.gone)} gone"
        return note("DAGs", f"other ones than this checkout's: {told}", place.make)
    return ok("DAGs", f"{len(built)} files in the bucket as here")
