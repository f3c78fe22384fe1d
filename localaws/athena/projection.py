"""Partition projection: partitions that follow from a table's properties instead of the catalog."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from localaws.athena.errors import QueryError
from localaws.athena.locations import parse as parse_location
from localaws.athena.partitions import Condition, Partition, matches, path_of
from localaws.athena.tables import Table

LIMIT = 100_000
STEPS = {"DAYS": timedelta(days=1), "HOURS": timedelta(hours=1), "MINUTES": timedelta(minutes=1)}
JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def enabled(table: Table) -> bool:
    """Whether the table's partitions are projected."""
    return table.properties.get("projection.enabled", "false").lower() == "true"


def partitions(table: Table, conditions: Iterable[Condition]) -> list[Partition]:
    """The projected partitions that may meet the conditions, whether there are objects or not."""
    conditions = list(conditions)
    choices = []
    for key, kind in table.keys:
        own = [one for one in conditions if one.column == key]
        values = _values(table, key, own)
        choices.append([value for value in values if matches([value], [(key, kind)], own)])
    total = 1
    for values in choices:
        total *= len(values)
    if total > LIMIT:
        raise QueryError("NOT_SUPPORTED", f"{table.name}: {total} projected partitions, at most {LIMIT} here")
    names = [key for key, _ in table.keys]
    return [
        Partition(values, parse_location(_location(table, names, values))) for values in itertools.product(*choices)
    ]


def _location(table: Table, names: list[str], values: tuple[str, ...]) -> str:
    template = table.properties.get("storage.location.template")
    if not template:
        return table.location.rstrip("/") + "/" + path_of(names, values)
    found = dict(zip(names, values, strict=True))
    return re.sub(r"\$\{(\w+)\}", lambda match: found.get(match[1].lower(), match[0]), template)


def _values(table: Table, key: str, conditions: list[Condition]) -> list[str]:
    settings = {
        name.removeprefix(f"projection.{key}."): value
        for name, value in table.properties.items()
        if name.startswith(f"projection.{key}.")
    }
    form = settings.get("type", "").lower()
    if form == "enum":
        return [value.strip() for value in settings.get("values", "").split(",")]
    if form == "integer":
        low, high = (int(bound) for bound in _range(table, key, settings))
        digits = int(settings.get("digits", "0"))
        return [str(value).zfill(digits) for value in range(low, high + 1, int(settings.get("interval", "1")))]
    if form == "date":
        return _dates(table, key, settings)
    if form == "injected":
        return _injected(table, key, conditions)
    raise QueryError("INVALID_TABLE_PROPERTY", f"{table.name}: projection.{key}.type {form!r} is not a projection type")


def _range(table: Table, key: str, settings: dict[str, str]) -> tuple[str, str]:
    low, comma, high = settings.get("range", "").partition(",")
    if not comma:
        raise QueryError("INVALID_TABLE_PROPERTY", f"{table.name}: projection.{key}.range needs two bounds")
    return low.strip(), high.strip()


def _dates(table: Table, key: str, settings: dict[str, str]) -> list[str]:
    form = settings.get("format", "")
    python = re.sub("yyyy|MM|dd|HH|mm|ss", lambda match: JAVA[match.group()], form)
    if not form or re.search(r"(?<!%)[A-Za-z]", re.sub(r"%[A-Za-z]", "", python)):
        raise QueryError("NOT_SUPPORTED", f"{table.name}: projection.{key}.format {form!r} is not supported here")
    unit = settings.get("interval.unit", "MINUTES" if "mm" in form else "HOURS" if "HH" in form else "DAYS").upper()
    if "dd" not in form or unit not in STEPS:
        raise QueryError("NOT_SUPPORTED", f"{table.name}: projection.{key} in steps of {unit} is not supported here")
    low, high = (_bound(bound, python) for bound in _range(table, key, settings))
    step = STEPS[unit] * int(settings.get("interval", "1"))
    count = int((high - low) / step) + 1 if high >= low else 0
    if count > LIMIT:
        raise QueryError("NOT_SUPPORTED", f"{table.name}: projection.{key} has {count} values, at most {LIMIT} here")
    return [(low + step * index).strftime(python) for index in range(count)]


def _bound(text: str, form: str) -> datetime:
    relative = re.fullmatch(r"NOW(?:\s*([+-])\s*(\d+)\s*(MINUTE|HOUR|DAY|WEEK)S?)?", text, re.IGNORECASE)
    if relative is None:
        return datetime.strptime(text, form)
    now = datetime.now(UTC).replace(tzinfo=None)
    if relative[1]:
        span = timedelta(**{f"{relative[3].lower()}s": int(relative[2])})
        now = now + span if relative[1] == "+" else now - span
    return datetime.strptime(now.strftime(form), form)


def _injected(table: Table, key: str, conditions: list[Condition]) -> list[str]:
    for one in conditions:
        if one.operator.lower() in ("=", "in"):
            return [str(value) for value in one.values]
    raise QueryError(
        "CONSTRAINT_VIOLATION",
        f"For the injected projected partition column {key}, the WHERE clause must contain "
        f"only static equality conditions, and at least one such condition must be present. ({table.name})",
    )
