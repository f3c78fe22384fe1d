"""What the pipelines have on AWS, read from ``infra/resources/*.yaml`` (and the tables from the contracts).

The classes below are the format: a field without a default must be declared, another may be, and nothing else. The
embedded AWS is provisioned from it (``millrace.provision``) and so is a real account (Terraform). Texts may refer to
what only an installation knows: ``${bucket:raw}`` is that bucket's full name, ``${prefix}`` what all buckets' names
begin with; ``${account}`` and ``${region}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from millrace.declared import DeclarationError, entries, entry

ROOT = Path(__file__).parent.parent
_FOLDERS = (
    "dags", "dashboards", "datasets", "docs", "glue", "infra", "lambdas", "millrace", "notebooks", "sql", "tests",
)  # fmt: skip
_FOLDER = ROOT / "infra" / "resources"
_REFERENCE = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")


@dataclass(frozen=True)
class Function:
    """A Lambda function; its code is ``lambdas/<name>/``.

    Memory in MB, timeout in seconds. reads, writes: buckets; secrets: names; calls: what else of AWS it may call,
    such as glue:StartCrawler. failures_told: whether EventBridge is told of events that it could not do.
    """

    name: str
    description: str
    memory_mb: int
    timeout_s: int
    layers: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    failures_told: bool = True


@dataclass(frozen=True)
class Bucket:
    """A bucket by its short name. events: whether what arrives in it is told to EventBridge."""

    name: str
    description: str
    events: bool = False


@dataclass(frozen=True)
class Secret:
    """A secret of Secrets Manager. generate: ``hex32`` makes its value when it is made; else someone puts it there."""

    name: str
    description: str
    generate: str | None = None


@dataclass(frozen=True)
class Crawler:
    """A crawler of one bucket into the pipeline's database.

    It crawls its paths, or with ``tables: raw`` the locations of the raw contracts. schedule: AWS's ``cron(…)``.
    table_level: how deep tables lie (the bucket is 1). combine: make one table of compatible schemas.
    new_folders_only: crawl what is new since the last time.
    """

    name: str
    bucket: str
    paths: tuple[str, ...] = ()
    tables: str | None = None
    exclusions: tuple[str, ...] = ()
    table_level: int | None = None
    combine: bool = False
    new_folders_only: bool = False
    table_prefix: str = ""
    schedule: str | None = None


@dataclass(frozen=True)
class Job:
    """A Glue job; its script is ``glue/<script>.py``, by default that of its name. It has the package millrace.

    kind: glueetl or pythonshell. arguments: its default arguments. modules: what else it imports, as pip has it.
    reads, writes: buckets; secrets: names.
    """

    name: str
    description: str
    kind: str = "glueetl"
    script: str | None = None
    glue_version: str = "5.0"
    worker: str = "G.1X"
    workers: int = 2
    timeout_min: int = 60
    max_concurrent_runs: int = 1
    max_retries: int = 0
    bookmarks: bool = False
    connections: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connection:
    """A Glue connection. Its secret is a JSON object with host, port, username and password."""

    name: str
    kind: str
    database: str
    secret: str


@dataclass(frozen=True)
class Target:
    """Where a rule sends that input or else the event: to a function or to a queue.

    A text of the input that begins with ``$.`` is taken from the event, such as ``$.time``.
    """

    function: str | None = None
    queue: str | None = None
    input: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of EventBridge: on events of a pattern, or by a schedule (``rate(…)``, ``cron(…)``)."""

    name: str
    description: str
    targets: tuple[Target, ...]
    pattern: Mapping[str, Any] | None = None
    schedule: str | None = None


@dataclass(frozen=True)
class Firehose:
    """A delivery stream of JSON records into a derived table.

    partitions: for each partition column ``jq``, which says its value, and ``projection``, which tells Athena its
    values (the table's properties ``projection.<column>.*``). A record of which jq makes an error is set apart.
    buffer_s, buffer_mb: what is delivered at the latest. stream: the Kinesis stream that it reads; else records are
    put into it. transform: the function that each record goes through first.
    """

    name: str
    description: str
    table: str
    partitions: Mapping[str, Any]
    buffer_s: int = 30
    buffer_mb: int = 64
    stream: str | None = None
    transform: str | None = None


@dataclass(frozen=True)
class Stream:
    """A Kinesis data stream. retention_h: how long a record can be read again, in hours."""

    name: str
    description: str
    shards: int = 1
    retention_h: int = 24


@dataclass(frozen=True)
class Queue:
    """An SQS queue. retention_d: how long a message waits, in days."""

    name: str
    description: str
    retention_d: int = 14


@dataclass(frozen=True)
class KeyTable:
    """A DynamoDB table, paid by request. key: its partition key and, if it has one, its sort key; both are texts."""

    name: str
    description: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """An SNS topic. emails: who gets its messages by e-mail; each must confirm the subscription on AWS."""

    name: str
    description: str
    emails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm; a rule in common.yaml tells of each. Periods in seconds.

    statistic: Sum, Maximum or the like, or p99. threshold, comparison: when it alarms, over so many periods.
    missing: what a period without data counts as. topic: an SNS topic that CloudWatch tells itself.
    """

    name: str
    description: str
    namespace: str
    metric: str
    threshold: float
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Sum"
    comparison: str = "GreaterThanThreshold"
    period_s: int = 300
    periods: int = 1
    missing: str = "notBreaching"
    topic: str | None = None


@dataclass(frozen=True)
class Ruleset:
    """Glue Data Quality rules (DQDL) for a table of the pipeline's database."""

    name: str
    description: str
    table: str
    rules: tuple[str, ...]

    @property
    def text(self) -> str:
        """The ruleset as Glue takes it."""
        return "Rules = [\n  " + ",\n  ".join(self.rules) + "\n]"


@dataclass(frozen=True)
class SourceMapping:
    """A stream whose records a function is given, shard by shard in order, failed batches in halves.

    batch: records at most; window_s: how long a batch waits for more. retries: of a record that alone still fails;
    then dead_letters, a queue, is told which it was.
    """

    name: str
    stream: str
    function: str
    dead_letters: str
    batch: int = 100
    window_s: int = 0
    retries: int = 3


@dataclass(frozen=True)
class Warehouse:
    """A Redshift Serverless namespace, and a workgroup of the same name that reaches it.

    reads: places that COPY reads, each a bucket and a path in it. rpus: its capacity while it works; rpu_hours: what
    it may use in a day, after which it answers nothing until the next.
    """

    name: str
    description: str
    database: str
    reads: tuple[str, ...]
    rpus: int = 8
    rpu_hours: int = 8


@dataclass(frozen=True)
class DataSet:
    """A QuickSight data set: the rows of ``sql/<slug>/<query>.sql``; columns by QuickSight type.

    bar: the column that the command line draws, over the first column.
    """

    id: str
    name: str
    query: str
    columns: Mapping[str, str]
    bar: str | None = None


@dataclass(frozen=True)
class Source:
    """How this machine brings raw data to the pipeline: ``millrace/sources/<kind>.py``.

    then: DAGs that a demo runs after the pipeline's own.
    """

    kind: str
    then: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workgroup:
    """Athena's workgroup. results: the bucket of results; scan_cutoff_bytes: what a statement may read at most."""

    name: str
    results: str
    scan_cutoff_bytes: int


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
