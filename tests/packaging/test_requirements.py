"""What MWAA installs: resolved as its image of Airflow 3.3.1 does it, on Linux and Python 3.12, under its constraints.

MWAA gives pip Airflow's own constraints of 3.3.1, and above those a few pins that nobody may change. For all that
requirements.txt brings, requirements.lock has the versions of those constraints.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millrace import package
from millrace.resources import ROOT

REQUIREMENTS = ROOT / "requirements.txt"
ESSENTIAL = {"apache-airflow": "3.3.1", "greenlet": "3.5.4", "sqlalchemy": "2.0.51"}  # of what both have
UNREACHABLE = re.compile(r"error sending request|Failed to fetch|dns error|[Cc]onnection (refused|reset|timed out)")


def pins(text):
    return {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", text, re.MULTILINE)
    }


def resolve(requirements, folder):
    """What uv says that MWAA would install."""
    (folder / "requirements.txt").write_text(requirements)
    essential = "".join(f"{name}=={version}\n" for name, version in ESSENTIAL.items())
    (folder / "constraints.txt").write_text(package.locked() + essential)
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", sys.executable]
    command += ["--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--constraint", folder / "constraints.txt", folder / "requirements.txt"]
    done = subprocess.run(
        command, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, capture_output=True, text=True, timeout=300
    )
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip(f"PyPI cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    return done


def test_mwaa_installs_it_and_airflow_stays_as_it_is(tmp_path):
    done = resolve(REQUIREMENTS.read_text(), tmp_path)
    assert done.returncode == 0, done.stderr
    resolved, locked = pins(done.stdout), pins(package.locked())
    assert resolved["apache-airflow"] == "3.3.1" and resolved["apache-airflow-providers-amazon"] == "9.34.0"
    assert {name: version for name, version in resolved.items() if locked.get(name) != version} == {}


def test_what_would_move_airflow_is_refused(tmp_path):
    done = resolve(REQUIREMENTS.read_text() + "apache-airflow-task-sdk==1.3.0\n", tmp_path)
    assert done.returncode == 1 and "unsatisfiable" in done.stderr


def test_mwaa_keeps_its_own_constraints():
    """It gives them up for a file in which any line, a comment too, has the option for constraints."""
    assert not [line for line in REQUIREMENTS.read_text().splitlines() if re.search(r"-c |--constraint ", line)]
