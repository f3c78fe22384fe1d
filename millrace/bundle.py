"""Build all that a real account is given: ``millrace package``. Equal sources give equal bytes.

::

    build/packages.json            what Terraform reads: the architecture, and where each package is
    build/packages/                Lambda functions and layers, the wheel for Glue jobs
    build/airflow/                 what MWAA reads: dags/ with what they need, plugins.zip, requirements.txt
    build/packages/wheels-…/       what of the requirements goes into plugins.zip, where MWAA cannot reach PyPI
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from millrace import package, resources, wheels
from millrace.resources import ROOT

# What a DAG needs beside it, in the folder that MWAA keeps in step with its workers.
_BESIDE_DAGS = ("millrace", "datasets", "sql", "infra/resources")


def bundle(out: Path, architecture: str, *, internet: bool = True) -> dict[str, object]:
    """Build everything into a folder; the document that Terraform reads. architecture: ``x86_64`` or ``arm64``.

    internet: whether Airflow reaches PyPI; else plugins.zip brings it wheels. Paths in the document are as seen from
    Terraform's folder, so that its plan is the same wherever the checkout lies. Raises PackageError.
    """
    built = out.resolve() / "packages"

    def seen(path: Path) -> str:
        return os.path.relpath(path, ROOT / "infra")

    document: dict[str, object] = {
        "architecture": architecture,
        "functions": {f.name: seen(package.build_function(f.name, built, architecture)) for f in resources.functions()},
        "layers": {name: seen(package.build_layer(name, architecture, built)) for name in resources.common().layers},
        "wheel": seen(package.build_wheel(built)),
    }
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    airflow(out / "airflow", [] if internet else wheels.bring(requirements, built))
    (out / "packages.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return document


def airflow(folder: Path, wheels_brought: Sequence[Path] = ()) -> None:
    """Lay out what MWAA reads. wheels_brought: what it is to install from instead of from PyPI."""
    shutil.rmtree(folder, ignore_errors=True)
    dags = folder / "dags"
    for source in ("dags", *_BESIDE_DAGS):
        target = dags if source == "dags" else dags / source
        for path, content in package.sources_of(ROOT / source).items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)
    ignored = [f"{name.split('/')[0]}/" for name in _BESIDE_DAGS]
    (dags / ".airflowignore").write_text("".join(f"{name}\n" for name in sorted(ignored)), encoding="utf-8")
    plugins, ignored_plugins = package.sources_of(ROOT / "plugins"), ROOT / "plugins" / ".airflowignore"
    brought = {wheel.name: wheel.read_bytes() for wheel in wheels_brought}
    package.write_zip({**plugins, ".airflowignore": ignored_plugins.read_bytes(), **brought}, folder / "plugins.zip")
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    found_there = wheels.FOUND_THERE if brought else ""
    (folder / "requirements.txt").write_text(found_there + requirements, encoding="utf-8")
