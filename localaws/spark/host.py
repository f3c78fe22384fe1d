"""The runs of scripts on this machine: each a Python process of its own, on a Java process that may be warm."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakValueDictionary

from localaws.cache import cache_folder
from localaws.core import REGION, World
from localaws.spark import defaults
from localaws.spark.fetch import Distribution
from localaws.spark.jvm import Jvm, Kind
from localaws.spark.libraries import import_path, link_modules, link_provided
from localaws.spark.pool import Pool
from localaws.spark.prepare import ready
from localaws.spark.process import Ended, Job, python
from localaws.spark.runs import Outcome, SparkError, SparkRun

_PACKAGES = ("spark.jars.packages", "spark.jars.repositories", "spark.jars.ivy")

log = logging.getLogger(__name__)
_hosts: WeakValueDictionary[Path, SparkHost] = WeakValueDictionary()
_hosts_lock = threading.Lock()


class SparkHost:
    """Runs scripts; one host serves a whole server: ``SparkHost.of(world)``."""

    def __init__(self, world: World, distribution: Distribution | None = None) -> None:
        self._endpoint = world.endpoint
        self._root = world.data / "spark"
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._places = threading.Semaphore(defaults.places())
        self._pool = Pool(self._launch)
        self._distribution = distribution
        self._libraries: Path | None = None
        self._lifeline, self._writer = os.pipe()

    @classmethod
    def of(cls, world: World) -> SparkHost:
        """The host that the engines of a world share."""
        with _hosts_lock:
            host = _hosts.get(world.data)
            if host is None or host._closed.is_set():
                host = _hosts[world.data] = cls(world)
            return host

    def run(self, run: SparkRun, cancel: threading.Event | None = None) -> Outcome:
        """Run a script to its end, or until ``cancel`` is set or its time is over. Blocks; safe from many threads.

        Waits for a free place while too many runs are under way. Raises SparkError where Spark cannot be had, or
        something that the run needs besides.
        """
        cancel = cancel or threading.Event()
        if not run.spark:
            return self._run_in_folder(run, cancel, None)
        kind = _kind(run)
        while not self._places.acquire(timeout=0.1):
            if cancel.is_set():
                return Outcome("stopped", "The run was stopped while it waited for a free place.")
        try:
            jvm = self._pool.take(kind)
            clean = False
            try:
                if run.on_output is not None:
                    say = run.on_output
                    jvm.tell(lambda line: say("stderr", line))
                ended = self._run_in_folder(run, cancel, jvm)
                clean = jvm.alive and ended.clean
                return ended
            finally:
                self._pool.give_back(jvm, clean=clean)
        finally:
            self._places.release()

    def end_java(self) -> None:
        """Let the idle Java processes end by themselves."""
        self._pool.end()

    def close(self) -> None:
        """Kill what runs and what is warm; idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._pool.close()
        # Every job's process that is left ends with its lifeline.
        os.close(self._writer)
        os.close(self._lifeline)
        shutil.rmtree(self._root, ignore_errors=True)

    def _launch(self, kind: Kind) -> Jvm:
        return Jvm(self._spark(), kind, self._root)

    def _spark(self) -> Distribution:
        """Spark, fetched if need be."""
        with self._lock:
            self._root.mkdir(parents=True, exist_ok=True)
            if self._distribution is None:
                self._distribution = ready()
            return self._distribution

    def _provided(self) -> Path:
        """The folder of the libraries that every job has."""
        with self._lock:
            if self._closed.is_set():
                raise SparkError("The server is closed: nothing is run any more.")
            if self._libraries is None:
                self._libraries = link_provided(self._root / "libraries")
            return self._libraries

    def _run_in_folder(self, run: SparkRun, cancel: threading.Event, jvm: Jvm | None) -> Outcome:
        libraries = self._provided()
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._root))
        try:
            for name in ("work", "tmp"):
                (folder / name).mkdir()
            for file in run.files:
                shutil.copy(file, folder / "work")
            path = [
                *import_path(run.py_files, folder / "files"),
                *link_modules(run.modules, folder / "modules", cache_folder()),
                libraries,
            ]
            if jvm is not None:
                path.append(self._spark().python)
            environment = {**self._environment(folder, path), **run.environment}
            description = {
                "script": str(run.script),
                "argv": list(run.argv),
                "preload": run.preload,
                "path": [str(run.script.parent), *map(str, path)],
                "port": jvm.port if jvm else 0,
                "secret": jvm.secret if jvm else "",
                "properties": self._properties(run, folder, path) if jvm else {},
            }
            job = Job(folder, description, environment, self._lifeline, run.on_output or _ignore)
            if run.on_started is not None:
                run.on_started()
            started = time.monotonic()
            ended = job.wait(cancel, run.timeout, lambda: jvm is not None and not jvm.alive)
            return _outcome(ended, jvm, time.monotonic() - started, run)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _environment(self, folder: Path, path: list[Path]) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder / "work"),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(_worker(folder)),
        }

    def _properties(self, run: SparkRun, folder: Path, path: list[Path]) -> Mapping[str, str]:
        usual = defaults.properties(self._endpoint, folder / "tmp", run.name, run.cores or defaults.cores())
        worker = {"spark.executorEnv.PYTHONPATH": os.pathsep.join(str(part) for part in path)}
        for name, value in run.environment.items():
            worker[f"spark.executorEnv.{name}"] = value
        return {**usual, **worker, **run.conf}


def _kind(run: SparkRun) -> Kind:
    """The Java process that a run needs. Raises SparkError."""
    for name in _PACKAGES:
        if name in run.conf:
            raise SparkError(f"{name} is refused: nothing is fetched from Maven here. Give the jars themselves.")
    named = [run.conf.get(name, "") for name in ("spark.jars", "spark.driver.extraClassPath")]
    jars = [
        Path(part.removeprefix("file://")) for text in named for part in text.replace(":/", ",/").split(",") if part
    ]
    for jar in jars:
        if not jar.is_file():
            raise SparkError(f"The jar {jar} of the Spark properties is not a file on this machine.")
    options = shlex.split(run.conf.get("spark.driver.extraJavaOptions", ""))
    memory = run.conf.get("spark.driver.memory", "")
    # What a cluster's driver has is no more than this machine's share: jobs ask for what AWS's workers have.
    wanted = min((memory or defaults.driver_memory(), defaults.driver_memory()), key=defaults.memory_bytes)
    return Kind(wanted, tuple(options), (*run.jars, *jars))


def _worker(folder: Path) -> Path:
    """The Python that Spark starts its workers with: as isolated as the job's own process."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(python())} -S -s "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def _outcome(ended: Ended, jvm: Jvm | None, seconds: float, run: SparkRun) -> Outcome:
    if ended.stopped:
        return Outcome("stopped", "The run was stopped.", seconds=seconds)
    if ended.timeout:
        return Outcome("timeout", f"The run did not end in {run.timeout:g} seconds.", seconds=seconds)
    report = ended.report
    if report is None or (jvm is not None and not jvm.alive):
        return Outcome("failed", _death(ended, jvm), seconds=seconds)
    if not report["clean"]:
        log.warning("Java is ended after %s, which it could not be cleared of: %s", run.name, report["unclean"])
    if report["ok"]:
        return Outcome("succeeded", seconds=report["seconds"], clean=report["clean"])
    return Outcome(
        "failed", report["error"], report["traceback"], report["line"], report["seconds"], clean=report["clean"]
    )


def _death(ended: Ended, jvm: Jvm | None) -> str:
    """Why a run ended without saying so."""
    if jvm is not None and not jvm.alive:
        lines = jvm.last_lines()
        if "OutOfMemoryError" in lines:
            return (
                f"java.lang.OutOfMemoryError: Spark's Java process ran out of its {jvm.kind.memory} of memory; set "
                "LOCALAWS_SPARK_MEMORY, such as 8g, and start the server again"
            )
        return f"Spark's Java process ended unexpectedly: {lines[-500:]}"
    if ended.status < 0:
        return f"The script's process was ended by signal {-ended.status}"
    return f"The script's process ended with exit code {ended.status}"


def _ignore(stream: str, line: str) -> None:
    """Nobody wants the output."""
