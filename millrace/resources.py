"""What the pipelines have on AWS, read from ``infra/resources/*.yaml`` (and the tables from the contracts).

``millrace.kinds`` has the kinds of resources that may be declared. The embedded AWS is provisioned from what is read
here (``millrace.provision``), and a real account from the same files (Terraform). Texts may refer to what only an
installation knows: ``${bucket:raw}`` is that bucket's full name, ``${prefix}`` what all buckets' names begin with;
``${account}`` and ``${region}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from millrace.declared import DeclarationError, entries, entry
from millrace.kinds import (
    Alarm,
    Bucket,
    Connection,
    Crawler,
    DataSet,
    Firehose,
    Function,
    Job,
    KeyTable,
    Queue,
    Rule,
    Ruleset,
    Secret,
    Source,
    SourceMapping,
    Stream,
    Topic,
    Warehouse,
    Workgroup,
)

ROOT = Path(__file__).parent.parent
_FOLDERS = (
    "dags", "dashboards", "datasets", "docs", "glue", "infra", "lambdas", "millrace", "notebooks", "sql", "tests",
)  # fmt: skip
_FOLDER = ROOT / "infra" / "resources"
_REFERENCE = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")


@dataclass(frozen=True)
class Common:
    """What all pipelines share. Buckets are named by their short name; layers: what each is for."""

    buckets: tuple[Bucket, ...]
    workgroup: Workgroup
    layers: Mapping[str, str]
    functions: tuple[Function, ...]
    data_source: Mapping[str, str]
    reader: Mapping[str, str]
    secrets: tuple[Secret, ...]
    topics: tuple[Topic, ...]
    rules: tuple[Rule, ...]
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class Pipeline:
    """What one pipeline has of its own."""

    slug: str
    source: Source
    database: str
    crawlers: tuple[Crawler, ...]
    functions: tuple[Function, ...]
    jobs: tuple[Job, ...]
    connections: tuple[Connection, ...]
    secrets: tuple[Secret, ...]
    rules: tuple[Rule, ...]
    streams: tuple[Stream, ...]
    queues: tuple[Queue, ...]
    tables: tuple[KeyTable, ...]
    mappings: tuple[SourceMapping, ...]
    firehoses: tuple[Firehose, ...]
    rulesets: tuple[Ruleset, ...]
    warehouses: tuple[Warehouse, ...]
    alarms: tuple[Alarm, ...]
    data_sets: tuple[DataSet, ...]

    def query(self, name: str) -> str:
        """The text of one of its queries."""
        return (ROOT / "sql" / self.slug / f"{name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Names:
    """What an installation's names are made of: the one place in which references are resolved."""

    prefix: str
    account: str
    region: str

    def bucket(self, name: str) -> str:
        """A bucket's full name."""
        return f"{self.prefix}-{name}"

    def resolve(self, value: Any) -> Any:
        """A declared value with each ``${…}`` in its texts replaced. Raises DeclarationError for an unknown one."""
        if isinstance(value, str):
            return _REFERENCE.sub(self._referred, value)
        if isinstance(value, Mapping):
            return {key: self.resolve(item) for key, item in value.items()}
        return [self.resolve(item) for item in value] if isinstance(value, list | tuple) else value

    def _referred(self, match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if kind == "bucket" and name in {bucket.name for bucket in common().buckets}:
            return self.bucket(name)
        if name is None and kind in ("prefix", "account", "region"):
            return str(getattr(self, kind))
        known = "${bucket:NAME}, ${prefix}, ${account} and ${region}"
        raise DeclarationError(f"{match[0]} refers to nothing; known are {known}")


def common() -> Common:
    """The shared resources."""
    own = (
        "buckets",
        "workgroup",
        "layers",
        "functions",
        "data_source",
        "secrets",
        "reader",
        "topics",
        "rules",
        "alarms",
    )
    declared = _read("common", *own)
    return Common(
        buckets=entries(Bucket, "common.yaml: buckets", declared["buckets"]),
        workgroup=entry(Workgroup, "common.yaml: workgroup", declared["workgroup"]),
        layers=declared["layers"],
        functions=entries(Function, "common.yaml: functions", declared["functions"]),
        data_source=declared["data_source"],
        reader=declared["reader"],
        secrets=entries(Secret, "common.yaml: secrets", declared["secrets"]),
        topics=entries(Topic, "common.yaml: topics", declared["topics"]),
        rules=entries(Rule, "common.yaml: rules", declared["rules"]),
        alarms=entries(Alarm, "common.yaml: alarms", declared["alarms"]),
    )


def slugs() -> list[str]:
    """The pipelines that there are."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem != "common")


_SECTIONS: Mapping[str, type[Any]] = {
    "crawlers": Crawler,
    "functions": Function,
    "jobs": Job,
    "connections": Connection,
    "secrets": Secret,
    "rules": Rule,
    "streams": Stream,
    "queues": Queue,
    "tables": KeyTable,
    "mappings": SourceMapping,
    "firehoses": Firehose,
    "rulesets": Ruleset,
    "warehouses": Warehouse,
    "alarms": Alarm,
}


def pipeline(slug: str) -> Pipeline:
    """One pipeline's resources. Raises ValueError for one that does not exist, DeclarationError for a bad one."""
    if slug not in slugs():
        raise ValueError(f"there is no pipeline {slug!r}; there are: {', '.join(slugs())}")
    declared = _read(slug, "source", "database", "data_sets", *_SECTIONS)
    where = f"{slug}.yaml"
    data_sets = (declared["data_sets"] or {}).items()
    return Pipeline(
        slug=slug,
        source=entry(Source, f"{where}: source", declared["source"]),
        database=declared["database"],
        data_sets=tuple(entry(DataSet, f"{where}: data_sets.{key}", value, id=key) for key, value in data_sets),
        **{name: entries(kind, f"{where}: {name}", declared[name]) for name, kind in _SECTIONS.items()},
    )


def functions() -> list[Function]:
    """The functions of all pipelines and those that they share."""
    return [*common().functions, *(function for slug in slugs() for function in pipeline(slug).functions)]


def files(slug: str) -> list[Path]:
    """Every file that belongs to a pipeline, known by the slug that a part of its path begins with, from the root."""
    named = re.compile(rf"(?:.*/)?(?:test_)?{re.escape(slug)}(?![A-Za-z0-9])(?:.*)")
    paths = (path.relative_to(ROOT) for folder in _FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    return sorted(path for path in paths if named.match(path.as_posix()) and path.suffix != ".pyc")


def _read(name: str, *sections: str) -> dict[str, Any]:
    """A file's sections; one that is not in it is None."""
    declared: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    if unknown := declared.keys() - set(sections):
        raise DeclarationError(f"{name}.yaml: unknown section {min(unknown)!r}; known are {', '.join(sections)}")
    return {section: declared.get(section) for section in sections}
