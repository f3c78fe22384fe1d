"""``spark-submit``: its command line, and a run of what it says on this machine's Spark."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from localaws import glue
from localaws.core import AwsError, World
from localaws.glue.folders import parse_path
from localaws.spark.host import SparkHost
from localaws.spark.runs import Outcome, SparkError, SparkRun

# What a cluster would do with them, one machine does not: how many executors of what size, and where the driver is.
_SIZES = (
    "--num-executors", "--executor-cores", "--executor-memory", "--driver-cores", "--driver-memory",
    "--total-executor-cores", "--master", "--deploy-mode", "--queue", "--driver-java-options",
)  # fmt: skip
_SWITCHES = ("--verbose", "-v", "--supervise")
_REFUSED = {
    "--class": "only Python scripts are run, not classes of a jar",
    "--archives": "archives are not unpacked here; give packages as --py-files",
    "--packages": "nothing is fetched from Maven here; give the jars as --jars",
    "--repositories": "nothing is fetched from Maven here; give the jars as --jars",
    "--properties-file": "files of properties are not read; give each as --conf",
}
_NOT_HERE = ("spark.master", "spark.submit.deployMode")
GLUE_CATALOG = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory"
_FACTORY = "spark.hadoop.hive.metastore.client.factory.class"
_DRIVER_ENV = ("spark.emr-serverless.driverEnv.", "spark.yarn.appMasterEnv.")


class SubmitError(Exception):
    """The command line cannot be carried out; the message says why."""


@dataclass
class Submit:
    """A command line that was read: everything but ``args`` names objects in S3 by their ``s3://`` address."""

    script: str
    args: Sequence[str] = ()
    name: str = ""
    py_files: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)
    conf: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    glue_catalog: bool = False


def read(words: Iterable[str], defaults: Mapping[str, str] | None = None) -> Submit:
    """The command line behind ``spark-submit``; ``defaults`` are properties that ``--conf`` is put over."""
    left = list(words)
    options: dict[str, str] = {}
    conf = dict(defaults or {})
    while left and left[0].startswith("-"):
        name, equals, value = left.pop(0).partition("=")
        if name in _SWITCHES:
            continue
        if name in _REFUSED:
            raise SubmitError(f"spark-submit {name} is refused: {_REFUSED[name]}.")
        if not equals:
            if not left:
                raise SubmitError(f"spark-submit {name} has no value.")
            value = left.pop(0)
        if name in ("--conf", "-c"):
            key, equals, text = value.partition("=")
            if not equals or not key.strip().startswith("spark."):
                raise SubmitError(f"--conf {value!r} is not of the form spark.name=value.")
            conf[key.strip()] = text.strip()
        elif name in ("--py-files", "--files", "--jars", "--name"):
            options[name] = value
        elif name not in _SIZES:
            raise SubmitError(f"spark-submit {name} is not known, or not supported by the embedded AWS.")
    if not left:
        raise SubmitError("spark-submit names no script.")
    return _made(left[0], left[1:], options, conf)


def _made(script: str, args: Sequence[str], options: Mapping[str, str], conf: dict[str, str]) -> Submit:
    if not script.startswith(("s3://", "s3a://", "s3n://")) or not script.endswith(".py"):
        raise SubmitError(f"The script {script!r} is refused: it must be a Python script in S3, s3://bucket/name.py.")
    if "spark.archives" in conf or "spark.yarn.dist.archives" in conf:
        raise SubmitError(f"spark.archives is refused: {_REFUSED['--archives']}.")
    environment = {}
    for key in list(conf):
        for prefix in _DRIVER_ENV:
            if key.startswith(prefix):
                # A Python of an archive's is not there: the driver and the workers have this machine's.
                name, value = key.removeprefix(prefix), conf.pop(key)
                if not name.startswith("PYSPARK_"):
                    environment[name] = value
    factory = conf.pop(_FACTORY, "")
    if factory and factory != GLUE_CATALOG:
        raise SubmitError(f"{_FACTORY}={factory} is refused: the Glue catalog's factory is known only.")
    made = Submit(
        script,
        args,
        options.get("--name") or conf.get("spark.app.name", ""),
        _listed(options.get("--py-files", ""), conf.pop("spark.submit.pyFiles", "")),
        _listed(options.get("--files", ""), conf.pop("spark.files", "")),
        _listed(options.get("--jars", ""), conf.pop("spark.jars", "")),
        {key: value for key, value in conf.items() if key not in _NOT_HERE},
        environment,
        bool(factory),
    )
    for uri in (*made.py_files, *made.files, *made.jars):
        if not uri.startswith(("s3://", "s3a://", "s3n://")):
            raise SubmitError(f"{uri!r} is refused: scripts, files and jars are taken from S3 only.")
    return made


def _listed(*texts: str) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


class Output:
    """What a run wrote, kept in files until it is put into S3. ``also`` is given each line too."""

    def __init__(self, also: Callable[[str, str], None] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="emr-logs-"))
        self._lock = threading.Lock()
        self._files = {name: (self._folder / name).open("w", encoding="utf-8") for name in ("stdout", "stderr")}
        self._also = also

    def write(self, stream: str, line: str) -> None:
        """A line of ``stdout`` or ``stderr``."""
        with self._lock:
            if not self._files[stream].closed:
                self._files[stream].write(line + "\n")
        if self._also is not None:
            self._also(stream, line)

    def put(self, world: World, place: str, **more: str) -> None:
        """Put ``stdout.gz``, ``stderr.gz`` and more texts below ``s3://bucket/prefix/``; a bucket may be missing."""
        bucket, prefix = parse_path(place)
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        with self._lock:
            for name, file in self._files.items():
                file.close()
                more[name] = (self._folder / name).read_text(encoding="utf-8")
        for name, text in more.items():
            try:
                world.store.put(bucket, f"{folder}{name}.gz", gzip.compress(text.encode(), mtime=0))
            except AwsError:
                # As on AWS: logs that cannot be written fail nothing.
                return

    def close(self) -> None:
        """Forget all."""
        with self._lock:
            for file in self._files.values():
                file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def run(
    world: World,
    submit: Submit,
    output: Output,
    cancel: threading.Event,
    *,
    timeout: float | None = None,
    started: Callable[[], None] | None = None,
) -> Outcome:
    """Run it to its end. Raises SubmitError, SparkError."""
    folder = Path(tempfile.mkdtemp(prefix="emr-run-"))
    try:
        py_files = [_fetch(world, uri, folder / "python") for uri in submit.py_files]
        if submit.glue_catalog:
            py_files.append(Path(next(iter(glue.__path__))) / "job_path")
        described = SparkRun(
            script=_fetch(world, submit.script, folder / "script"),
            argv=submit.args,
            name=submit.name or PurePosixPath(submit.script).name,
            py_files=py_files,
            files=[_fetch(world, uri, folder / "files") for uri in submit.files],
            jars=[_fetch(world, uri, folder / "jars") for uri in submit.jars],
            conf=submit.conf,
            environment=submit.environment,
            preload="awsglue.session_catalog" if submit.glue_catalog else "",
            timeout=timeout,
            on_output=output.write,
            on_started=started,
        )
        return SparkHost.of(world).run(described, cancel)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(world: World, uri: str, folder: Path) -> Path:
    bucket, _, key = uri.partition("://")[2].partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / PurePosixPath(key).name
    try:
        with world.store.open(bucket, key) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except AwsError as error:
        raise SubmitError(f"{uri} cannot be read: {error.message}") from error
    except OSError as error:
        raise SubmitError(f"{uri} is not the name of a file: {error.strerror}") from error
    return target


def failure(error: Exception | Outcome) -> str:
    """Why a run failed, in one line."""
    if isinstance(error, Outcome):
        return error.error or "The script failed."
    return str(error)


__all__ = ["Output", "SparkError", "Submit", "SubmitError", "failure", "read", "run"]
