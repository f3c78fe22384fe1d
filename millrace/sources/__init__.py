"""How raw data comes to a pipeline on this machine: a module for each kind that ``infra/resources`` may declare.

``source: {kind: uploads}`` is the class ``Source`` in ``millrace/sources/uploads.py``, and so on.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from millrace import resources
from millrace.local import LocalAws
from millrace.screen import Screen


@dataclass(frozen=True)
class Run:
    """What a source may use. stack: what is entered there ends with the run. work: a folder that goes with it."""

    slug: str
    aws: LocalAws
    stack: ExitStack
    work: Path
    logs: Path
    screen: Screen


@dataclass(frozen=True)
class Brought:
    """What a source brought. date: the day for which the DAG is run. keys: raw objects that the ledger must know."""

    date: str
    keys: frozenset[str] = frozenset()


class Source(Protocol):
    """A kind of source, in the order in which it is called."""

    def __init__(self, slug: str, raw: Path) -> None:
        """raw: the folder of raw data. Raises ValueError, before anything runs, if it lacks what the pipeline needs."""

    def prepare(self, run: Run) -> None:
        """Start what provisioning must find, such as a database and the secret that says where it is."""

    def bring(self, run: Run) -> Brought:
        """Bring the raw data to where the pipeline expects it, after provisioning."""


def of(slug: str, raw: Path) -> Source:
    """The source of a pipeline's raw data in a folder. Raises ValueError if the folder lacks something."""
    kind = resources.pipeline(slug).source.kind
    try:
        module = importlib.import_module(f"millrace.sources.{kind}")
    except ModuleNotFoundError:
        known = ", ".join(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))
        raise ValueError(f"{slug}.yaml: source.kind: {kind!r} is not known; known are {known}") from None
    source: Source = module.Source(slug, raw)
    return source
