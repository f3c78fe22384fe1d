"""What this machine has of what Millrace runs on: needed by all, or by a part that says so."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from millrace import package
from millrace.doctor.finding import Finding, missing, note, ok
from millrace.resources import ROOT

_PYTHONS = ("3.11", "3.12")
_PORTS = {8080: "Airflow", 4566: "the embedded AWS"}
_NEEDED_GB, _ENOUGH_GB = 1, 5
# Programs that only a part needs: names, for what, and how to get one.
_PROGRAMS = (
    (("mariadbd", "mysqld"), "the source of sales", "apt-get install mariadb-server libmariadb-java"),
    (("chromium",), "the tests of pages", "apt-get install chromium"),
    (("docker",), "docker compose up", "install Docker with Compose; make up does the same without"),
    (("terraform",), "make deploy", "install Terraform 1.11 or newer"),
)
_SYSTEM = os.pathsep.join(("/usr/sbin", "/usr/libexec", "/usr/local/sbin"))


def look() -> Iterator[Finding]:
    """Look at Python, its packages, Spark, programs, ports and the disk."""
    yield _python()
    yield _environment(ROOT / ".venv")
    yield _spark()
    for names, use, how in _PROGRAMS:
        found = next((path for name in names if (path := shutil.which(name) or shutil.which(name, path=_SYSTEM))), None)
        yield ok(names[0], _version(found)) if found else note(names[0], f"not there; only {use} needs it", how)
    for port, use in _PORTS.items():
        yield _port(port, use)
    yield _disk(ROOT)


def _python() -> Finding:
    version = platform.python_version()
    if version.rpartition(".")[0] in _PYTHONS:
        return ok("Python", version)
    return missing("Python", f"{version} is neither {' nor '.join(_PYTHONS)}", "make clean setup PYTHON=python3.12")


def _environment(folder: Path) -> Finding:
    """Whether the packages that run are the locked ones."""
    if Path(sys.prefix).resolve() != folder.resolve():
        return note("environment", f"this Python is {sys.prefix}, not {folder.name}; its packages are not looked at")
    pins = [requirement for line in package.locked().splitlines() if _counts(requirement := Requirement(line))]
    other = [f"{pin.name} {now or 'not there'}" for pin in pins if not pin.specifier.contains(now := _installed(pin))]
    if other:
        told = ", ".join(other[:5]) + (" …" if len(other) > 5 else "")
        return missing("environment", f"{len(other)} of {len(pins)} packages are not as locked: {told}", "make setup")
    return ok("environment", f"{len(pins)} packages as locked")


def _counts(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def _installed(requirement: Requirement) -> str:
    try:
        return importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _spark() -> Finding:
    from localaws.cache import cache_folder  # the embedded AWS, which Glue jobs run on
    from localaws.spark.fetch import present

    if found := present():
        return ok("Spark", f"in {cache_folder()}, with {found.java}")
    return note("Spark", "not fetched yet; the first Glue job does it (0.5 GB)", "make demo p=signups")


def _version(program: str) -> str:
    """The first line of what a program says of its version, or where it is."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        told = ""
    return told.splitlines()[0] if told else program


def _port(port: int, use: str) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            how = "millrace up --port or --aws-port takes another"
            return note(f"port {port}", f"in use; {use} of make up would be there, unless it is already", how)
    return ok(f"port {port}", "free")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 1e9
    told = f"{free:.1f} GB free"
    if free < _NEEDED_GB:
        return missing("disk", told, "make room: rm -r .millrace takes away what demos left")
    if free < _ENOUGH_GB:
        return note("disk", f"{told}; Spark and its data may need {_ENOUGH_GB}")
    return ok("disk", told)
