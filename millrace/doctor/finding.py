"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is: as it should be; worth knowing, though nothing needed is missing; something needed is missing."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. mend: what to do about it; empty where nothing is to be done."""

    level: Level
    what: str
    detail: str
    mend: str = ""


def ok(what: str, detail: str) -> Finding:
    """Something as it should be."""
    return Finding(Level.OK, what, detail)


def note(what: str, detail: str, mend: str = "") -> Finding:
    """Something worth knowing."""
    return Finding(Level.NOTE, what, detail, mend)


def missing(what: str, detail: str, mend: str) -> Finding:
    """Something that is needed and is not there or does not work."""
    return Finding(Level.MISSING, what, detail, mend)


def there(what: str, wanted: Collection[str], found: Collection[str], mend: str) -> Iterator[Finding]:
    """Whether all that is wanted is among what was found; nothing to say where nothing is wanted."""
    lacking = sorted(set(wanted) - set(found))
    if lacking:
        yield missing(what, f"{len(lacking)} of {len(set(wanted))} not there: {', '.join(lacking)}", mend)
    elif wanted:
        yield ok(what, f"all {len(set(wanted))} there")
