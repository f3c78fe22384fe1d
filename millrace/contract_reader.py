"""Read a contract's YAML: what it may hold, key by key, and what is said where it does not."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from millrace.contract_model import (
    ARRIVES,
    BUCKET_ROLES,
    DECIMAL,
    DELIMITERS,
    HASHES,
    KINDS,
    PERIODS,
    PLAIN_TYPES,
    STORED,
    Bound,
    Column,
    Contract,
    ContractError,
    CsvOptions,
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE = re.compile(rf"({_NAME.pattern})\.({_NAME.pattern})")
_ORDERED = ("bigint", "double", "date", "timestamp", "decimal")


def read(path: Path, document: object) -> Contract:
    """The contract that a file's YAML document is; raises ContractError. The pipeline is the name of the folder."""
    return _Reader(path).contract(document)


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
            ("arrives", "stored", "key", "partitions", "period", "max_rejected", "from", "where", "checks", "csv"),
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
            period=self.period(top.get("period"), top.get("partitions", {})),
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

    def period(self, value: object, partitions: Mapping[str, Any]) -> str | None:
        if value is not None and "period" not in partitions:
            raise self.fail("period", "the table is not partitioned by it", "write partitions: {period: string}")
        return None if value is None else self.choice("period", value, PERIODS)

    def type(self, key: str, value: object) -> str:
        kind = str(value).replace(" ", "")
        match = DECIMAL.fullmatch(kind)
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
