"""Build what is deployed: zips for Lambda, a wheel for Glue jobs; the same for the embedded AWS and a real account.

Equal inputs give equal bytes, so a package is named by its inputs and built once. What is built for this machine has
bytecode of its Python; what is built for an account is the same on every machine (but a layer's bytecode, see there).
A folder of packages holds nothing else: what has not been asked for in weeks is deleted from it.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Lambda's own Python, for which a layer is built that is not for this machine.
LAMBDA_PYTHON = "3.12"
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_VERSION = "0.1.0"
_FORMAT = "2"  # part of every package's name: change it when the same inputs shall give other bytes
_KEPT_S = 21 * 86_400  # since a package was last asked for
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_NEVER = ("*/__pycache__/*", "*.pyc", "*~", ".*", "*/.*")
# What a layer leaves out: development files, the installer's notes, and Arrow's parts for Flight RPC and ORC files.
_UNUSED = (
    *_NEVER,
    "python/bin/*",
    "*/tests/*",
    "*/include/*",
    "*/includes/*",
    "python/pyarrow/src/*",
    "*.pxd",
    "*.pyx",
    "*.pxi",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/uv_*.json",
    "*.dist-info/direct_url.json",
    "python/pyarrow/*flight*",
    "python/pyarrow/_orc.*",
    # Second and third names of libraries that are loaded by the name in between.
    "python/pyarrow/libarrow_python*.so",
    "python/pyarrow/libarrow_python*.so.*.*",
)


class PackageError(RuntimeError):
    """A package cannot be built: what, why and what to do next."""


def build_function(name: str, target_dir: Path, target: str = "local") -> Path:
    """Zip ``lambdas/<name>/`` with the package millrace and the contracts; return ``target_dir/<name>-<hash>.zip``.

    target: ``local`` adds bytecode of this Python; any other is without, and the same bytes wherever it is built. The
    handler is at the zip's root (``handler.handler``). What exists already for the same inputs is not built again.
    Raises PackageError where there is no such function.
    """
    source = ROOT / "lambdas" / name
    if not (source / "handler.py").is_file():
        known = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
        raise PackageError(f"there is no lambdas/{name}/handler.py; the functions are: {', '.join(known) or 'none'}")
    contents = {path: file.read_bytes() for path, file in {**_sources(source), **_library()}.items()}
    path = target_dir / f"{name}-{_key(sys.version if target == 'local' else '', *_digests(contents))}.zip"
    if _have(path):
        return path
    if target == "local":
        with tempfile.TemporaryDirectory() as temporary:
            for name_in_zip, content in contents.items():
                copy = Path(temporary) / name_in_zip
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)
            _compile(Path(temporary), "/var/task")
            contents = contents_of(Path(temporary))
    write_zip(contents, path)
    return path


def build_wheel(target_dir: Path) -> Path:
    """The package millrace with the contracts as a wheel, ``target_dir/millrace-<version>+<hash>-py3-none-any.whl``.

    Equal sources give equal bytes; what exists already is not built again. It needs only PyYAML, which Glue has.
    """
    contents = {path: file.read_bytes() for path, file in _library().items()}
    version = f"{_VERSION}+{_key(*_digests(contents))}"
    target = target_dir / f"millrace-{version}-py3-none-any.whl"
    if not _have(target):
        info = f"millrace-{version}.dist-info"
        contents |= {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: millrace\nVersion: {version}\n"
            "Requires-Python: >=3.11\nRequires-Dist: pyyaml\n".encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: millrace\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = [f"{path},sha256={_base64(content)},{len(content)}" for path, content in sorted(contents.items())]
        contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
        write_zip(contents, target)
    return target


def build_layer(name: str, target: str, target_dir: Path) -> Path:
    """Zip the packages that ``lambdas/layers/<name>.txt`` names; return ``target_dir/<name>-<target>-<hash>.zip``.

    target: ``local`` for this machine and its Python, ``x86_64`` or ``arm64`` for Lambda's Python 3.12. Versions are
    those of ``requirements.lock``. Bytecode is added where the target's Python is the one that builds, for a quicker
    start; the name does not tell. What exists already for the same inputs is not built again. Raises PackageError
    where the layer or target is unknown or uv fails.
    """
    requirements = ROOT / "lambdas" / "layers" / f"{name}.txt"
    if not requirements.is_file():
        known = sorted(path.stem for path in requirements.parent.glob("*.txt"))
        raise PackageError(f"there is no lambdas/layers/{name}.txt; the layers are: {', '.join(known) or 'none'}")
    if target != "local" and target not in _PLATFORMS:
        raise PackageError(f"a layer's target is local, {' or '.join(_PLATFORMS)}, not {target!r}")
    wanted, pins = requirements.read_text(encoding="utf-8"), locked()
    machine = f"{sys.version} {platform.machine()} {platform.libc_ver()[0]}" if target == "local" else LAMBDA_PYTHON
    path = target_dir / f"{name}-{target}-{_key(machine, wanted, pins, *_UNUSED)}.zip"
    if not _have(path):
        with tempfile.TemporaryDirectory() as temporary:
            layer = Path(temporary) / "layer"
            _install(wanted, pins, target, layer / "python", Path(temporary))
            _prune(layer)
            if target == "local" or platform.python_version().rpartition(".")[0] == LAMBDA_PYTHON:
                _compile(layer, "/opt")
            write_zip(contents_of(layer), path, compress=True)
    return path


def locked() -> str:
    """The pins of ``requirements.lock``, a line each, without hashes and extras: constraints for an installer."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?(==[^\\\n]*?) *\\?$", lock, re.MULTILINE)
    return "".join(f"{name}{version}\n" for name, version in pins)


def _install(wanted: str, pins: str, target: str, folder: Path, temporary: Path) -> None:
    """Install the packages into the folder with uv, which stands beside this Python."""
    (temporary / "wanted.txt").write_text(wanted, encoding="utf-8")
    (temporary / "pins.txt").write_text(pins, encoding="utf-8")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv) if uv.exists() else shutil.which("uv") or "uv", "pip", "install", "--quiet"]
    command += ["--python", sys.executable, "--target", str(folder), "--no-compile-bytecode"]
    command += ["--requirement", str(temporary / "wanted.txt"), "--constraint", str(temporary / "pins.txt")]
    command += ["--only-binary", ":all:"]
    if target != "local":
        command += ["--python-platform", _PLATFORMS[target], "--python-version", LAMBDA_PYTHON]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise PackageError("uv, which installs a layer's packages, is not there: run `make setup`") from None
    if done.returncode:
        raise PackageError(f"uv could not install the layer's packages for {target}:\n{done.stderr.strip()}")


def _compile(folder: Path, place: str) -> None:
    """Add bytecode that Python takes without a look at the source: a read-only Lambda would compile at each start.

    place: where the folder will lie, which the bytecode names.
    """
    command = [sys.executable, "-S", "-m", "compileall", "-q", "-s", str(folder), "-p", place]
    command += ["--invalidation-mode", "unchecked-hash", str(folder)]
    # The seed orders the constants that are sets.
    subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _files(folder: Path) -> dict[str, Path]:
    """The files under a folder by their path in it."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def contents_of(folder: Path) -> dict[str, bytes]:
    """The files under a folder by their path in it, with their content."""
    return {name: path.read_bytes() for name, path in _files(folder).items()}


def sources_of(folder: Path) -> dict[str, bytes]:
    """The same without what no package holds, such as bytecode and hidden files."""
    return {name: path.read_bytes() for name, path in _sources(folder).items()}


def _library() -> dict[str, Path]:
    """The package millrace, with the contracts where it finds them once it is installed."""
    library = {f"millrace/{name}": path for name, path in _sources(ROOT / "millrace").items()}
    return library | {f"millrace/datasets/{name}": path for name, path in _sources(ROOT / "datasets").items()}


def _sources(folder: Path) -> dict[str, Path]:
    return {name: path for name, path in _files(folder).items() if not _matches(name, _NEVER)}


def _prune(layer: Path) -> None:
    for name, path in _files(layer).items():
        if _matches(name, _UNUSED):
            path.unlink()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _have(package: Path) -> bool:
    """Whether it is built already. What nobody asked for in weeks goes, as each change of a source makes new ones."""
    if found := package.exists():
        package.touch()
    for old in package.parent.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if old.is_file() and time.time() - old.stat().st_mtime > _KEPT_S:
                old.unlink()
    return found


def _digests(contents: Mapping[str, bytes]) -> list[str]:
    return [f"{path} {hashlib.sha256(content).hexdigest()}" for path, content in sorted(contents.items())]


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join([_FORMAT, *parts]).encode()).hexdigest()[:16]


def _base64(content: bytes) -> str:
    """A digest as a wheel's record has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def write_zip(files: Mapping[str, bytes], target: Path, *, compress: bool = False) -> None:
    """Write the zip: sorted, one time and one set of permissions; complete or not at all.

    Small ones are not compressed: what a compressor writes depends on its version.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{target.stem}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for path, content in sorted(files.items()):
                entry = zipfile.ZipInfo(path, _TIMESTAMP)
                entry.external_attr = 0o100644 << 16
                entry.create_system = 3
                entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
                archive.writestr(entry, content, compresslevel=1)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
