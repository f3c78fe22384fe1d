"""What a run of a script is given and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Status = Literal["succeeded", "failed", "timeout", "stopped"]
# Called with "stdout" or "stderr" and one line without its end; from several threads, one line at a time.
OnOutput = Callable[[str, str], None]


class SparkError(Exception):
    """Spark cannot be had or started here; the message says why and what to do."""


@dataclass(frozen=True)
class SparkRun:
    """One run of a Python script.

    script: the file, run as ``__main__`` with ``argv`` after its name.
    py_files: .py, .zip, .whl and .egg files and folders, put first on the import path of driver and workers.
    modules: requirements such as ``pyyaml`` or ``pyyaml==6.0.2``, or wheel files: taken from this environment where it
    has them, else installed by pip into the cache.
    files: copied into the script's working directory. preload: a module imported before the script begins.
    jars: put on the class path; such a run gets a JVM of its own.
    conf: Spark properties, over the defaults. environment: variables, over the defaults.
    spark: False runs a plain Python script, without a JVM.
    timeout: seconds, None for none. cores: of this machine, None for all.
    """

    script: Path
    argv: Sequence[str] = ()
    name: str = "job"
    py_files: Sequence[Path] = ()
    modules: Sequence[str] = ()
    jars: Sequence[Path] = ()
    files: Sequence[Path] = ()
    preload: str = ""
    conf: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    spark: bool = True
    timeout: float | None = None
    cores: int | None = None
    on_output: OnOutput | None = None
    on_started: Callable[[], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    error: of a failure, the traceback's last lines, such as ``ValueError: no rows``; of others what happened.
    line: the script's line that failed, 0 if unknown. traceback: whole, empty if there is none.
    seconds: that the script ran, without the wait for a free place and for Spark's start.
    """

    status: Status
    error: str = ""
    traceback: str = ""
    line: int = 0
    seconds: float = 0.0
    clean: bool = False  # whether it left nothing behind in Java

    @property
    def ok(self) -> bool:
        """Whether the script came to its end."""
        return self.status == "succeeded"
