"""What the pipelines have on AWS, read from ``infra/resources/*.yaml`` (and the tables from the contracts)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
_FOLDERS = (
    "dags", "dashboards", "datasets", "docs", "glue", "infra", "lambdas", "millrace", "notebooks", "sql", "tests",
)  # fmt: skip
_FOLDER = ROOT / "infra" / "resources"


@dataclass(frozen=True)
class Function:
    """A Lambda function; its code is ``lambdas/<name>/``. Memory in MB, timeout in seconds."""

    name: str
    description: str
    layers: tuple[str, ...]
    memory_mb: int
    timeout_s: int
    environment: Mapping[str, str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Common:
    """What all pipelines share. Buckets are named by their short name; `workgroup` is Athena's."""

    buckets: Mapping[str, str]
    workgroup: Mapping[str, Any]
    layers: Mapping[str, str]
    functions: tuple[Function, ...]
    data_source: Mapping[str, str]


@dataclass(frozen=True)
class DataSet:
    """A QuickSight data set: the rows of ``sql/<slug>/<query>.sql``; columns by QuickSight type."""

    id: str
    name: str
    query: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Pipeline:
    """What one pipeline has of its own."""

    slug: str
    database: str
    crawler: Mapping[str, str]
    data_sets: tuple[DataSet, ...]

    def query(self, name: str) -> str:
        """The text of one of its queries."""
        return (ROOT / "sql" / self.slug / f"{name}.sql").read_text(encoding="utf-8")


def common() -> Common:
    """The shared resources."""
    declared = _read("common")
    functions = (
        Function(
            name=name,
            description=f["description"],
            layers=tuple(f["layers"]),
            memory_mb=f["memory_mb"],
            timeout_s=f["timeout_s"],
            environment=f["environment"],
            reads=tuple(f["reads"]),
            writes=tuple(f["writes"]),
        )
        for name, f in declared["functions"].items()
    )
    return Common(
        buckets=declared["buckets"],
        workgroup=declared["workgroup"],
        layers=declared["layers"],
        functions=tuple(functions),
        data_source=declared["data_source"],
    )


def slugs() -> list[str]:
    """The pipelines that there are."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem != "common")


def pipeline(slug: str) -> Pipeline:
    """One pipeline's resources. Raises ValueError for one that does not exist."""
    if slug not in slugs():
        raise ValueError(f"there is no pipeline {slug!r}; there are: {', '.join(slugs())}")
    declared = _read(slug)
    data_sets = (DataSet(id=key, **value) for key, value in declared["data_sets"].items())
    return Pipeline(slug, declared["database"], declared["crawler"], tuple(data_sets))


def files(slug: str) -> list[Path]:
    """Every file that belongs to a pipeline, known by the slug that a part of its path begins with, from the root."""
    named = re.compile(rf"(?:.*/)?(?:test_)?{re.escape(slug)}(?![A-Za-z0-9])(?:.*)")
    paths = (path.relative_to(ROOT) for folder in _FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    return sorted(path for path in paths if named.match(path.as_posix()) and path.suffix != ".pyc")


def _read(name: str) -> dict[str, Any]:
    declared: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return declared
