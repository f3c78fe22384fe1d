"""Wheels of what MWAA's image lacks, for an Airflow that has no way to PyPI: as AWS says, they come in plugins.zip."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from millrace import package

# What the image of Airflow 3.3.1 has, with all that these need, and pins of it that nobody may change.
IMAGE = "apache-airflow==3.3.1\napache-airflow-providers-amazon[aiobotocore]==9.34.0\n"
ESSENTIAL = "apache-airflow==3.3.1\ngreenlet==3.5.4\nsqlalchemy==2.0.51\n"
# MWAA unpacks plugins.zip there. It gives up its own constraints for a file with "-c " in it, which this has not.
FOUND_THERE = "--no-index\n--find-links /usr/local/airflow/plugins\n"
_PLATFORM = ["--python-version", "3.12", "--only-binary", ":all:"]


def bring(requirements: str, target_dir: Path) -> list[Path]:
    """The wheels, of the versions and with the hashes of requirements.lock, for MWAA's Python and machines.

    They lie in a folder of target_dir, and those that are there already are not fetched again. Raises PackageError
    where PyPI cannot be reached or the requirements do not go together.
    """
    lacking = sorted(resolved(requirements) - resolved(IMAGE))
    lock = (package.ROOT / "requirements.lock").read_text(encoding="utf-8")
    hashed = "".join(re.findall(rf"^{re.escape(pin)} .*\\\n(?: .*\n)+", lock, re.MULTILINE)[0] for pin in lacking)
    folder = target_dir / f"wheels-{hashlib.sha256(hashed.encode()).hexdigest()[:16]}"
    if not folder.exists():
        target_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target_dir) as temporary:
            wanted, fetched = Path(temporary) / "wanted.txt", Path(temporary) / "wheels"
            wanted.write_text(hashed, encoding="utf-8")
            pip = ["pip", "download", "--quiet", "--no-deps", "--require-hashes", *_PLATFORM]
            _run([*pip, "--platform", "manylinux_2_28_x86_64", "--dest", str(fetched), "--requirement", str(wanted)])
            shutil.move(fetched, folder)
    return sorted(folder.glob("*.whl"))


def resolved(requirements: str) -> set[str]:
    """What MWAA has once requirements are installed, as ``name==version``: on Linux and Python 3.12, under its pins.

    Raises PackageError.
    """
    with tempfile.TemporaryDirectory() as temporary:
        wanted, pins = Path(temporary) / "requirements.txt", Path(temporary) / "constraints.txt"
        wanted.write_text(requirements, encoding="utf-8")
        pins.write_text(package.locked() + ESSENTIAL, encoding="utf-8")
        uv = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-strip-extras", *_PLATFORM]
        uv += ["--python", sys.executable, "--python-platform", "x86_64-manylinux_2_28"]
        text = _run([*uv, "--constraint", str(pins), str(wanted)])
    return {
        f"{name}=={version}" for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)$", text, re.MULTILINE)
    }


def _run(arguments: list[str]) -> str:
    """What a module of this environment printed."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise package.PackageError(f"{' '.join(arguments[:2])}: what MWAA needs cannot be had:\n{done.stderr.strip()}")
    return done.stdout
