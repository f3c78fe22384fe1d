"""Loads of a published table into Redshift: what to load, by which statements, and whether the numbers are Athena's.

A published partition lies in a folder that no other build has, so a partition whose folder is not the one that was
loaded is loaded again, whole. Nothing here talks to Redshift.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined

from millrace import publish
from millrace.contract_model import Contract
from millrace.resources import ROOT

BATCH = 40  # statements that the Data API takes as one transaction
_END = re.compile(r";\s*\n")
_GRAINS = {"day": "YYYY-MM-DD", "month": "YYYY-MM"}
# Redshift's types of Glue's; a column that no contract knows is a string.
_TYPES = {"string": "varchar(65535)", "double": "double precision", "int": "integer", "float": "real"}
_DECIMAL = re.compile(r"decimal(\(\d+,\d+\))")
_DIFFERENCES = 10  # that are told one by one

Partition = tuple[str, str]  # period, region


@dataclass(frozen=True)
class Touched:
    """A partition that is not loaded as it is published. location: its folder, None where it is published no more."""

    period: str
    region: str
    location: str | None


def touched(published: Mapping[Partition, str], loaded: Mapping[Partition, str]) -> list[Touched]:
    """The partitions to load, from where each is published and from where it was loaded."""
    return [
        Touched(*partition, published.get(partition))
        for partition in sorted(published.keys() | loaded.keys())
        if published.get(partition) != loaded.get(partition)
    ]


def published(glue: Any, contract: Contract) -> dict[Partition, str]:
    """Where the table's partitions lie now."""
    partitions = publish.partitions_of(glue, contract.pipeline, contract.table)
    return {(period, region): location for (period, region), location in partitions.items()}


def columns(glue: Any, contract: Contract) -> list[str]:
    """The columns of the table's files in order, as Redshift declares them; an older file may lack the last ones."""
    table = glue.get_table(DatabaseName=contract.pipeline, Name=contract.table)["Table"]
    return [f'"{column["Name"]}" {_redshift(column["Type"])}' for column in table["StorageDescriptor"]["Columns"]]


def write_plan(s3: Any, folder: str, found: Sequence[Touched]) -> list[str]:
    """Write what COPY reads, ``touched.csv`` and a manifest for each region, into an s3:// folder; the regions."""
    bucket, prefix = _place(folder)

    def put(name: str, text: str) -> None:
        s3.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=text.encode())

    put("touched.csv", "".join(f"{each.period},{each.region},{each.location or ''}\n" for each in found))
    entries: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        if each.location is not None:
            entries.setdefault(each.region, []).extend(_entries(s3, each.location))
    for region, files in entries.items():
        put(f"{region}.manifest", json.dumps({"entries": files}))
    return sorted(entries)


def statements(slug: str, name: str, **values: Any) -> list[str]:
    """The statements of ``sql/redshift/<slug>/<name>.sql``. Raises ValueError if they do not fit one transaction."""
    text = (ROOT / "sql" / "redshift" / slug / f"{name}.sql").read_text(encoding="utf-8")
    filled = Environment(undefined=StrictUndefined, autoescape=False).from_string(text).render(values)
    found = [each.strip() for each in _END.split(filled + "\n") if each.strip()]
    if len(found) > BATCH:
        raise ValueError(f"{name}.sql makes {len(found)} statements; a transaction of the Data API has at most {BATCH}")
    return found


def load_statements(contract: Contract, glue: Any, folder: str, regions: Sequence[str]) -> list[str]:
    """The transaction that loads what a plan in that folder names."""
    grain = _GRAINS[contract.period or "month"]
    declared = columns(glue, contract)
    return statements(contract.pipeline, "load", folder=folder, grain=grain, columns=declared, regions=regions)


def rows(records: Iterable[Sequence[Mapping[str, Any]]]) -> list[list[str | None]]:
    """Records of GetStatementResult as texts."""
    return [[None if "isNull" in field else str(next(iter(field.values()))) for field in record] for record in records]


def differences(redshift: Sequence[Sequence[Any]], athena: Sequence[Sequence[Any]], names: Sequence[str]) -> list[str]:
    """What differs between two tables of numbers, whose first two columns say of what; empty where nothing does.

    names: those of the columns. Numbers are compared by value: 1.50 is 1.5.
    """
    ours, theirs = _by_place(redshift), _by_place(athena)
    found = []
    for place in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(place), theirs.get(place)
        if one is None or other is None:
            found.append(f"{' '.join(place)} is only in {'Redshift' if other is None else 'Athena'}")
            continue
        cells = zip(names[2:], one, other, strict=True)
        if wrong := [f"{name} {mine}, not {its}" for name, mine, its in cells if mine != its]:
            found.append(f"{' '.join(place)}: {'; '.join(wrong)}")
    if len(found) > _DIFFERENCES:
        found = [*found[:_DIFFERENCES], f"and {len(found) - _DIFFERENCES:,} more"]
    return found


def _by_place(table: Sequence[Sequence[Any]]) -> dict[tuple[str, str], list[Decimal]]:
    found = {(str(part), str(place)): [Decimal(str(cell)) for cell in cells] for part, place, *cells in table}
    if len(found) != len(table):
        raise ValueError("a place is in the numbers twice; look at the query")
    return found


def _entries(s3: Any, location: str) -> list[dict[str, Any]]:
    """A manifest's entries for the objects of a folder."""
    bucket, prefix = _place(location)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [
        {"url": f"s3://{bucket}/{item['Key']}", "mandatory": True, "meta": {"content_length": item["Size"]}}
        for page in pages
        for item in page.get("Contents", [])
        if item["Size"] and item["Key"].endswith(".parquet")
    ]


def _redshift(kind: str) -> str:
    if match := _DECIMAL.fullmatch(kind):
        return f"numeric{match[1]}"
    return _TYPES.get(kind, kind)


def _place(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
