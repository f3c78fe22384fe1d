"""Made once of a fetched Spark: our few Java classes, and an archive of classes with which Java starts faster."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from localaws.cache import cache_folder, used
from localaws.spark import fetch as fetching
from localaws.spark.fetch import Distribution, Say
from localaws.spark.java import version_of
from localaws.spark.jvm import Jvm, Kind
from localaws.spark.runs import SparkError, SparkRun

_SOURCES = Path(__file__).with_name("java")
_MARIADB = "mariadb-java-client"

log = logging.getLogger(__name__)


def ready(say: Say = fetching.to_stderr) -> Distribution:
    """Spark as jobs use it, fetched and prepared if need be. Raises SparkError."""
    found = fetching.fetch(say)
    cache = cache_folder()
    target = cache / f"prepared-{_digest(found)}"
    if not target.exists():
        with fetching.alone(cache, say):
            if not target.exists():
                say("Preparing Spark: once, so that it starts faster")
                _prepare(found, target)
                say("Spark is prepared")
    return _with(found, used(target, "prepared-*"))


def _with(found: Distribution, target: Path) -> Distribution:
    archive = target / "classes.jsa"
    options = (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()
    return replace(found, jars=(*found.jars, target / "classes.jar"), options=options)


def _digest(found: Distribution) -> str:
    """Of all that decides whether the classes and the archive fit."""
    parts = [str(found.java), version_of(found.java)]
    for jar in found.jars:
        at = jar.stat()
        parts.append(f"{jar} {at.st_size} {at.st_mtime_ns}")
    parts += [source.read_text(encoding="utf-8") for source in _sources(found)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _sources(found: Distribution) -> list[Path]:
    """Our Java: MySQL's driver by another name only where MariaDB's is there and MySQL's own is not."""
    names = ["S3CommitProtocol.java"]
    jars = [jar.name for jar in found.jars]
    if any(name.startswith(_MARIADB) for name in jars) and not any(name.startswith("mysql-") for name in jars):
        names.append("MySqlDriver.java")
    return [_SOURCES / name for name in names]


def _prepare(found: Distribution, target: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="prepare-", dir=target.parent))
    try:
        _compile(found, work)
        # The archive remembers where its jars lie, so they lie there before it is made.
        made = work / "made"
        made.mkdir(mode=0o755)
        (work / "classes.jar").rename(made / "classes.jar")
        made.rename(target)
        try:
            _archive(_with(found, target), target / "classes.jsa", work)
        except (SparkError, OSError, subprocess.SubprocessError) as error:
            log.warning("Java starts slower than it could: its class archive could not be made: %s", error)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(found: Distribution, work: Path) -> None:
    classes = work / "classes"
    classes.mkdir()
    jvm = Jvm(found, Kind("512m"), work)
    try:
        ended = _python(found, "compile.py", [str(jvm.port), jvm.secret, str(classes), *map(str, _sources(found))])
    finally:
        jvm.kill()
    if ended.returncode != 0:
        raise SparkError(f"The Java classes in {_SOURCES} could not be compiled:\n{ended.stderr[-2000:]}")
    with zipfile.ZipFile(work / "classes.jar", "w") as jar:
        for path in sorted(classes.rglob("*.class")):
            jar.write(path, path.relative_to(classes))


def _python(found: Distribution, script: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", str(Path(__file__).with_name(script)), *arguments]
    environment = {"PYTHONPATH": str(found.python)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def _archive(found: Distribution, archive: Path, work: Path) -> None:
    """Run the training on a server of its own; Java writes the archive as it ends."""
    from localaws.server import Server
    from localaws.spark.host import SparkHost

    unfinished = work / archive.name
    noting = replace(
        found, options=(f"-XX:ArchiveClassesAtExit={unfinished}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
    )
    with Server(work / "data") as server:
        server.store.create_bucket("training")
        host = SparkHost(server.world, noting)
        try:
            script = Path(__file__).with_name("training.py")
            outcome = host.run(SparkRun(script, ["s3://training"], name="training"))
            if not outcome.ok:
                raise SparkError(f"the training failed: {outcome.error}")
            host.end_java()
        finally:
            host.close()
    if unfinished.exists():
        unfinished.rename(archive)
