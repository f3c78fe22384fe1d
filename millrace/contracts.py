"""Contracts: one YAML file per table, ``datasets/<pipeline>/<table>.yaml``, which every reader of the table goes by.

The whole format (``columns`` apart, every key that is not marked with * may be left out)::

    table: user_login_locations          #* the file's name; lower case
    kind: raw                            #* raw (uploaded CSV) or derived (made by SQL or Spark)
    title: User login locations          #*
    grain: one row per login             #* begins with "one row per"
    owner: data platform                 #*
    location: processed/retraced/user_login_locations/   #* <bucket role>/<key prefix>/; s3://<prefix>-processed/…
                                         # of a source: source/<database>/<table>/
    arrives: daily                       # daily (default) or any
    stored: csv                          # what raw files are converted to: parquet (default) or csv
    key: [user_id, login_at]             # columns that identify a row
    partitions: {upload_date: string}    # Hive partition columns, which are not in the files
    max_rejected: 0.05                   # share of rows that may be rejected before the load fails (default 0.05)
    from: signups                        # the raw table whose rows a derived table has: the newest of each key
    where: ["status <> 'test'"]          # conditions (SQL) on that table's columns; rows that fail one are left out
    checks: [user_days_key_is_unique]    # names of the SQL checks that guard the table, or sentences
    csv:                                 # how raw files are read; what is left out is detected
      delimiter: ";"                     # one of , ; | and tab
      encoding: cp1252                   # any Python codec name
      timezone: Europe/Zurich            # of times without a zone (default UTC)
      max_line_bytes: 1048576            # a longer record is rejected
    columns:
      login_at:
        type: timestamp                  #* string, bigint, double, boolean, date, timestamp or decimal(p,s)
        description: When they logged in #*
        aliases: [login_time, "date"]    # other headers; case, spaces, "_", "-" and camelCase never matter
        required: true                   # every row must have a value (default false: empty becomes null)
        missing: ok                      # the whole column may be absent from a file: its values are then null
        allowed: [web, app]              # the only values (string and bigint columns)
        min: 0                           # smallest value (bigint, double, decimal, date, timestamp)
        max: 100                         # largest value
        max_length: 64                   # characters (string)
        pattern: "[A-Z]{2}"              # regular expression (RE2) that the whole string must match
        latest: upload                   # a time or date later than the upload date + 1 day is out of range
        unit: degrees
        pii: identifier                  # how personal it is, free text
        references: companies.company_id # the column of another table of the pipeline whose values it has
        from: email                      # the column of the table ``from`` (default: the same name)
        hash: folded                     # keyed hash in place of the value: of it without blanks around it and in lower
                                         # case (folded), or as it is (exact); string columns
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

_PACKAGE = Path(__file__).resolve().parent
# Within the package where it is deployed, beside it in a checkout.
_INSTALLED = _PACKAGE / "datasets"
DATASETS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "datasets"
KINDS = ("raw", "derived", "source")
ARRIVES = ("daily", "any")
STORED = ("parquet", "csv")
HASHES = ("exact", "folded")
BUCKET_ROLES = ("raw", "processed", "final", "rejects")
PLAIN_TYPES = ("string", "bigint", "double", "boolean", "date", "timestamp")
DELIMITERS = (",", ";", "\t", "|")

Bound = int | float | decimal.Decimal | dt.date | dt.datetime


class ContractError(ValueError):
    """A contract that cannot be read: the message names the file, the key, what is wrong and how to mend it."""


@dataclass(frozen=True)
class Column:
    """One column of a table, as its contract has it."""

    name: str
    type: str
    description: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    missing_ok: bool = False
    allowed: tuple[str | int, ...] | None = None
    min: Bound | None = None
    max: Bound | None = None
    max_length: int | None = None
    pattern: str | None = None
    latest_is_upload: bool = False
    unit: str | None = None
    pii: str | None = None
    references: tuple[str, str] | None = None
    source: str | None = None
    hash: str | None = None

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal column, else None."""
        match = _DECIMAL.fullmatch(self.type)
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True)
class CsvOptions:
    """How raw files are read. None: detected."""

    delimiter: str | None = None
    encoding: str | None = None
    timezone: str = "UTC"
    max_line_bytes: int = 1 << 20


@dataclass(frozen=True)
class Contract:
    """One table. ``partitions`` has (name, type) of the Hive partition columns, which are not among ``columns``."""

    pipeline: str
    table: str
    kind: str
    title: str
    grain: str
    owner: str
    location: str
    columns: tuple[Column, ...]
    arrives: str = "daily"
    stored: str = "parquet"
    key: tuple[str, ...] = ()
    partitions: tuple[tuple[str, str], ...] = ()
    max_rejected: float = 0.05
    source: str | None = None
    where: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    csv: CsvOptions = field(default_factory=CsvOptions)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def uri(self, bucket_prefix: str) -> str:
        """Where the table lies, ``s3://…/``, for buckets named ``<bucket_prefix>-<role>``."""
        return f"s3://{bucket_prefix}-{self.location}"


def load(path: Path) -> Contract:
    """Read and check one contract; raises ContractError. The pipeline is the name of the file's folder."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ContractError(f"{path}: there is no such contract; write one (see millrace/contracts.py)") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: not YAML: {error}; mend the line it names") from error
    return _Reader(path).contract(document)


@functools.cache
def get(pipeline: str, table: str) -> Contract:
    """The contract of a table of a pipeline, read once per process; raises ContractError."""
    return load(DATASETS / pipeline / f"{table}.yaml")


def of_pipeline(pipeline: str, datasets: Path = DATASETS) -> dict[str, Contract]:
    """All contracts of a pipeline by table name, in order of name; raises ContractError."""
    folder = datasets / pipeline
    if not folder.is_dir():
        raise ContractError(f"{folder}: there is no such folder of contracts; the pipeline's name may be misspelt")
    return {path.stem: load(path) for path in sorted(folder.glob("*.yaml"))}


_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE = re.compile(rf"({_NAME.pattern})\.({_NAME.pattern})")
_ORDERED = ("bigint", "double", "date", "timestamp", "decimal")


class _Reader:
    """Checks one document, key by key; every error says file, key, what and how to mend it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, key: str, problem: str, mend: str) -> ContractError:
        return ContractError(f"{self.path}: {key}: {problem}; {mend}")

    def contract(self, document: object) -> Contract:
        top = self.mapping("the document", document)
        self.only(
            "the document",
            top,
            ("table", "kind", "title", "grain", "owner", "location", "columns"),
            ("arrives", "stored", "key", "partitions", "max_rejected", "from", "where", "checks", "csv"),
        )
        table = self.text("table", top["table"])
        if table != self.path.stem or not _NAME.fullmatch(table):
            raise self.fail("table", f"{table!r} is not the file's name in lower case", f"write {self.path.stem}")
        grain = self.text("grain", top["grain"])
        if not grain.startswith("one row per "):
            raise self.fail("grain", f"{grain!r} does not say what a row is", 'begin with "one row per …"')
        location = self.text("location", top["location"])
        known = ("source",) if top["kind"] == "source" else BUCKET_ROLES
        if location.split("/")[0] not in known or not location.endswith("/") or ".." in location:
            roles = ", ".join(known)
            raise self.fail(
                "location", f"{location!r} is not <bucket role>/<key prefix>/", f"begin with one of {roles}"
            )
        columns = tuple(
            self.column(str(name), value) for name, value in self.mapping("columns", top["columns"]).items()
        )
        names = [column.name for column in columns]
        key = self.texts("key", top.get("key", []))
        partitions = self.partitions(top.get("partitions", {}), names)
        for name in key:
            if name not in (*names, *(partition for partition, _ in partitions)):
                raise self.fail("key", f"{name!r} is not a column", f"choose among {', '.join(names)}")
        share = top.get("max_rejected", 0.05)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise self.fail("max_rejected", f"{share!r} is not a share of rows", "write a number from 0 to 1")
        kind = self.choice("kind", top["kind"], KINDS)
        source = self.optional_text("from", top.get("from"))
        if source and (kind != "derived" or not key):
            raise self.fail("from", "a table with a source is derived and has a key", "set kind: derived and a key")
        return Contract(
            pipeline=self.path.parent.name,
            table=table,
            kind=kind,
            title=self.text("title", top["title"]),
            grain=grain,
            owner=self.text("owner", top["owner"]),
            location=location,
            columns=columns,
            arrives=self.choice("arrives", top.get("arrives", "daily"), ARRIVES),
            stored=self.choice("stored", top.get("stored", "parquet"), STORED),
            key=key,
            partitions=partitions,
            max_rejected=float(share),
            source=source,
            where=self.texts("where", top.get("where", [])),
            checks=self.texts("checks", top.get("checks", [])),
            csv=self.csv(top.get("csv", {})),
        )

    def column(self, name: str, value: object) -> Column:
        where = f"columns.{name}"
        if not _NAME.fullmatch(name):
            raise self.fail(where, "not a column name", "use lower case letters, digits and _, a letter first")
        entry = self.mapping(where, value)
        self.only(
            where,
            entry,
            ("type", "description"),
            (
                "aliases",
                "required",
                "missing",
                "allowed",
                "min",
                "max",
                "max_length",
                "pattern",
                "latest",
                "unit",
                "pii",
                "references",
                "from",
                "hash",
            ),
        )
        kind = self.type(f"{where}.type", entry["type"])
        required, missing = entry.get("required", False), entry.get("missing")
        if not isinstance(required, bool):
            raise self.fail(f"{where}.required", f"{required!r} is neither true nor false", "write true or false")
        if missing not in (None, "ok"):
            raise self.fail(f"{where}.missing", f"{missing!r} means nothing", 'write "ok" or leave it out')
        if required and missing:
            raise self.fail(f"{where}.missing", "a required column cannot be absent", "drop missing or required")
        return Column(
            name=name,
            type=kind,
            description=self.text(f"{where}.description", entry["description"]),
            aliases=self.texts(f"{where}.aliases", entry.get("aliases", [])),
            required=required,
            missing_ok=missing == "ok",
            allowed=self.allowed(f"{where}.allowed", entry.get("allowed"), kind),
            min=self.bound(f"{where}.min", entry.get("min"), kind),
            max=self.bound(f"{where}.max", entry.get("max"), kind),
            max_length=self.length(f"{where}.max_length", entry.get("max_length"), kind),
            pattern=self.pattern(f"{where}.pattern", entry.get("pattern"), kind),
            latest_is_upload=self.latest(f"{where}.latest", entry.get("latest"), kind),
            unit=self.optional_text(f"{where}.unit", entry.get("unit")),
            pii=self.optional_text(f"{where}.pii", entry.get("pii")),
            references=self.reference(f"{where}.references", entry.get("references")),
            source=self.optional_text(f"{where}.from", entry.get("from")),
            hash=self.hash(f"{where}.hash", entry.get("hash"), kind),
        )

    def csv(self, value: object) -> CsvOptions:
        entry = self.mapping("csv", value)
        self.only("csv", entry, (), ("delimiter", "encoding", "timezone", "max_line_bytes"))
        delimiter, encoding = entry.get("delimiter"), entry.get("encoding")
        if delimiter is not None and delimiter not in DELIMITERS:
            raise self.fail("csv.delimiter", f"{delimiter!r} is not supported", 'write one of "," ";" "|" "\\t"')
        if encoding is not None:
            try:
                "".encode(self.text("csv.encoding", encoding))
            except LookupError:
                raise self.fail("csv.encoding", f"{encoding!r} is no codec", "write one such as cp1252") from None
        timezone = self.text("csv.timezone", entry.get("timezone", "UTC"))
        try:
            if timezone != "UTC":  # which needs no time zone database
                ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise self.fail(
                "csv.timezone", f"{timezone!r} is no time zone", "write one such as Europe/Zurich"
            ) from None
        limit = entry.get("max_line_bytes", CsvOptions.max_line_bytes)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1024 <= limit <= 4 << 20:
            raise self.fail("csv.max_line_bytes", f"{limit!r} is out of range", "write 1024 to 4194304")
        return CsvOptions(delimiter, encoding, timezone, limit)

    def partitions(self, value: object, columns: list[str]) -> tuple[tuple[str, str], ...]:
        result = []
        for name, kind in self.mapping("partitions", value).items():
            if name in columns:
                raise self.fail(f"partitions.{name}", "is also a column", "a partition column is not in the files")
            result.append((str(name), self.type(f"partitions.{name}", kind)))
        return tuple(result)

    def type(self, key: str, value: object) -> str:
        kind = str(value).replace(" ", "")
        match = _DECIMAL.fullmatch(kind)
        if match and 1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1]):
            return kind
        return self.choice(key, kind, (*PLAIN_TYPES, "decimal(p,s)"))

    def allowed(self, key: str, value: object, kind: str) -> tuple[str | int, ...] | None:
        if value is None:
            return None
        wanted = {"string": str, "bigint": int}.get(kind)
        if wanted is None or not isinstance(value, list) or not value:
            raise self.fail(key, f"not a list of values of a {kind} column", "list strings or bigints")
        for item in value:
            if type(item) is not wanted:
                raise self.fail(key, f"{item!r} is not a {kind}", "put it in quotes" if kind == "string" else "mend it")
        return tuple(value)

    def bound(self, key: str, value: object, kind: str) -> Bound | None:
        if value is None:
            return None
        base = kind.split("(")[0]
        if base not in _ORDERED:
            raise self.fail(key, f"a {kind} column has no order", "drop it")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if base == "decimal" and number:
            return decimal.Decimal(str(value))
        if base == "double" and number:
            return float(value)  # type: ignore[arg-type]
        if base == "bigint" and type(value) is int:
            return value
        if base == "date" and type(value) is dt.date:
            return value
        if base == "timestamp" and isinstance(value, dt.date):
            moment = value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
            return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
        raise self.fail(key, f"{value!r} is not a {kind}", f"write a plain {kind}")

    def length(self, key: str, value: object, kind: str) -> int | None:
        if value is None:
            return None
        if kind != "string" or type(value) is not int or value < 1:
            raise self.fail(key, f"{value!r} on a {kind} column", "write a number of characters, on a string column")
        return value

    def pattern(self, key: str, value: object, kind: str) -> str | None:
        if value is None:
            return None
        if kind != "string":
            raise self.fail(key, f"a {kind} column has no pattern", "drop it")
        try:
            re.compile(self.text(key, value))
        except re.error as error:
            raise self.fail(key, f"{value!r} is no regular expression: {error}", "mend it") from None
        return str(value)

    def latest(self, key: str, value: object, kind: str) -> bool:
        if value is not None and (value != "upload" or kind not in ("date", "timestamp")):
            raise self.fail(key, f"{value!r} on a {kind} column", 'write "upload", on a date or timestamp column')
        return value is not None

    def hash(self, key: str, value: object, kind: str) -> str | None:
        if value is None:
            return None
        if kind != "string":
            raise self.fail(key, f"a hash is a string, not a {kind}", "set type: string")
        return self.choice(key, value, HASHES)

    def reference(self, key: str, value: object) -> tuple[str, str] | None:
        if value is None:
            return None
        match = _REFERENCE.fullmatch(self.text(key, value))
        if match is None:
            raise self.fail(key, f"{value!r} is not <table>.<column>", "name a column of another table")
        return match[1], match[2]

    def choice(self, key: str, value: object, choices: tuple[str, ...]) -> str:
        if value not in choices:
            raise self.fail(key, f"{value!r} is not known", f"choose among {', '.join(choices)}")
        return str(value)

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.fail(key, f"{value!r} is not a text", "write one, in quotes if YAML takes it for something else")
        return value

    def optional_text(self, key: str, value: object) -> str | None:
        return None if value is None else self.text(key, value)

    def texts(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.fail(key, f"{value!r} is not a list", "write [one, two]")
        return tuple(self.text(key, item) for item in value)

    def mapping(self, key: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, "not a mapping of names to values", "see the format in millrace/contracts.py")
        return value

    def only(self, key: str, entry: Mapping[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
        for name in needed:
            if name not in entry:
                raise self.fail(key, f"{name} is missing", "add it")
        for name in entry:
            if name not in needed + optional:
                raise self.fail(f"{key}.{name}", "unknown key", f"known are {', '.join(needed + optional)}")
