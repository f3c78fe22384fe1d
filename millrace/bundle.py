"""Build all that a real account is given: ``millrace package``. Equal sources give equal bytes.

::

    build/packages.json            what Terraform reads: the architecture, and where each package is
    build/packages/                Lambda functions and layers, the wheel for Glue jobs
    build/airflow/                 what MWAA reads: dags/ with what they need, plugins.zip, requirements.txt
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from millrace import package, resources
from millrace.resources import ROOT

# What a DAG needs beside it, in the folder that MWAA keeps in step with its workers.
_BESIDE_DAGS = ("millrace", "datasets", "sql", "infra/resources")


def bundle(out: Path, architecture: str) -> dict[str, object]:
    """Build everything into a folder; the document that Terraform reads. architecture: ``x86_64`` or ``arm64``.

    Paths in it are as seen from Terraform's folder, so that its plan is the same wherever the checkout lies.
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
    airflow(out / "airflow")
    (out / "packages.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return document


def airflow(folder: Path) -> None:
    """Lay out what MWAA reads."""
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
    package.write_zip({**plugins, ".airflowignore": ignored_plugins.read_bytes()}, folder / "plugins.zip")
    shutil.copy(ROOT / "requirements.txt", folder / "requirements.txt")
