"""The kinds of resources that may be declared in ``infra/resources/*.yaml``, one class each.

The classes are the format: a field without a default must be declared, another may be, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
