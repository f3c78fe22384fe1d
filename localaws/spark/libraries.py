"""The Python packages that a job's process sees: links to what this environment has of what Glue's has, and no more.

A job must not find the project's own packages by accident, but in what it was given, as on AWS.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from localaws.cache import used
from localaws.spark.fetch import pip_command
from localaws.spark.runs import SparkError

# Of the packages that Glue 5.0 and EMR give their jobs, those that are likely to be here.
PROVIDED = (
    "boto3",
    "numpy",
    "pandas",
    "pyarrow",
    "pymysql",
    "python-dateutil",
    "pytz",
    "pyyaml",
    "requests",
    "setuptools",
)


def link_provided(folder: Path) -> Path:
    """Make the folder of links to the provided packages, as far as they are installed; it is the folder returned."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _link(PROVIDED, folder)
    return folder


def link_modules(requirements: Sequence[str], folder: Path, cache: Path) -> list[Path]:
    """Folders for the import path that have the required modules.

    What this environment has in a version that fits is linked into ``folder``, and a wheel that needs no more than that
    is unpacked there; the rest is installed by pip, once, into the cache. Raises SparkError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [text for text in requirements if not (_unpack_wheel(text, folder) or _link_installed(text, folder))]
    return [folder, *([_install(missing, cache)] if missing else [])]


def _unpack_wheel(text: str, folder: Path) -> bool:
    """Unpack a wheel of pure Python whose requirements this environment has; False for anything else."""
    if not text.endswith("-none-any.whl") or not Path(text).is_file():
        return False
    with zipfile.ZipFile(text) as wheel:
        described = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        if not described or any(".data/" in name for name in wheel.namelist()):
            return False
        required = HeaderParser().parsestr(wheel.read(described[0]).decode()).get_all("Requires-Dist", [])
        if not all(_link_installed(one, folder) for one in _applicable(required)):
            return False
        wheel.extractall(folder)
    return True


def _applicable(requirements: Iterable[str]) -> list[str]:
    """The requirements that count on this machine, without their conditions."""
    parsed = [Requirement(text) for text in requirements]
    counted = [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [f"{one.name}{one.specifier}" for one in counted]


def _link_installed(text: str, folder: Path) -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return False
    if wanted.url or wanted.extras or text.endswith(".whl"):
        return False
    try:
        installed = metadata.distribution(wanted.name)
    except metadata.PackageNotFoundError:
        return False
    if not wanted.specifier.contains(installed.version, prereleases=True):
        return False
    _link([wanted.name], folder)
    return True


def _link(names: Iterable[str], folder: Path) -> None:
    """Link the installed distributions of these names, and those that they require."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop().lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            source, target = Path(str(found.locate_file(top))), folder / top
            if source.exists() and not target.exists() and source.suffix != ".pth":
                target.symlink_to(source)
        waiting += [Requirement(text).name for text in _applicable(found.requires or ())]


def _install(requirements: Sequence[str], cache: Path) -> Path:
    """The folder in the cache that pip installed exactly these requirements into."""
    described = [f"{sys.version_info[0]}.{sys.version_info[1]}", *(_described(text) for text in sorted(requirements))]
    target = cache / "modules" / hashlib.sha256("\n".join(described).encode()).hexdigest()[:16]
    if target.exists():
        return used(target, "*")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="install-", dir=target.parent))
    try:
        command = [*pip_command(), "install", "--quiet", "--target", str(work), *requirements]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            reason = (ended.stderr or ended.stdout).strip()[-2000:]
            raise SparkError(f"The Python modules {', '.join(requirements)} could not be installed by pip:\n{reason}")
        work.chmod(0o755)
        if not target.exists():
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _described(text: str) -> str:
    """A requirement, or a wheel's content, since a wheel may change under its name."""
    path = Path(text)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else text


def import_path(files: Iterable[Path], folder: Path) -> list[Path]:
    """What the import path needs for these files: wheels and eggs are unpacked, modules copied into ``folder``.

    Raises SparkError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = []
    for number, file in enumerate(files):
        target = folder / str(number)
        if file.is_dir() or file.suffix == ".zip":
            path.append(file)
        elif file.suffix == ".py":
            target.mkdir()
            shutil.copy(file, target)
            path.append(target)
        elif file.suffix in (".whl", ".egg"):
            try:
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(target)
            except zipfile.BadZipFile as error:
                raise SparkError(f"{file.name} is no {file.suffix[1:]}: {error}") from error
            path.append(target)
        else:
            raise SparkError(f"{file.name} cannot be put on the import path: it may be .py, .zip, .whl or .egg.")
    return path
