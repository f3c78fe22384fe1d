"""The runs of scripts on this machine: each a Python process of its own, on a Java process that may be warm."""

from __future__ import annotations

import threading

from localaws.core import World
from localaws.spark.runs import Outcome, SparkRun


class SparkHost:
    """Runs scripts; one host serves a whole server: ``SparkHost.of(world)``."""

    def __init__(self, world: World) -> None:
        self._world = world

    @classmethod
    def of(cls, world: World) -> SparkHost:
        """The host that the engines of a world share."""
        raise NotImplementedError

    def run(self, run: SparkRun, cancel: threading.Event | None = None) -> Outcome:
        """Run a script to its end, or until ``cancel`` is set or its time is over. Blocks; safe from many threads.

        Waits for a free place while too many runs are under way. Raises SparkError where Spark cannot be had.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Kill what runs and what is warm; idempotent."""
