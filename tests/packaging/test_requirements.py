"""What MWAA installs: resolved as its image of Airflow 3.3.1 does it, on Linux and Python 3.12, under its constraints.

MWAA gives pip Airflow's own constraints of 3.3.1, and above those a few pins that nobody may change. For all that
requirements.txt brings, requirements.lock has the versions of those constraints.
"""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from millrace import bundle, package, wheels
from millrace.resources import ROOT

REQUIREMENTS = (ROOT / "requirements.txt").read_text()
UNREACHABLE = re.compile(r"error sending request|Failed to fetch|dns error|[Cc]onnection (refused|reset|timed out)")


@pytest.fixture
def pypi():
    """Skips where PyPI cannot be reached."""
    try:
        wheels.resolved("pyyaml")
    except package.PackageError as error:
        if UNREACHABLE.search(str(error)):
            pytest.skip(f"PyPI cannot be reached: {str(error).splitlines()[-1]}")
        raise


def test_mwaa_installs_it_and_airflow_stays_as_it_is(pypi):
    resolved, locked = wheels.resolved(REQUIREMENTS), {pin.partition(" ")[0] for pin in package.locked().splitlines()}
    assert {"apache-airflow==3.3.1", "apache-airflow-providers-amazon==9.34.0"} <= resolved <= locked


def test_what_would_move_airflow_is_refused(pypi):
    with pytest.raises(package.PackageError, match="unsatisfiable"):
        wheels.resolved(REQUIREMENTS + "apache-airflow-task-sdk==1.3.0\n")


@pytest.mark.parametrize("requirements", [REQUIREMENTS, wheels.FOUND_THERE + REQUIREMENTS])
def test_mwaa_keeps_its_own_constraints(requirements):
    """It gives them up for a file in which any line, a comment too, has the option for constraints."""
    assert not [line for line in requirements.splitlines() if re.search(r"-c |--constraint ", line)]


@pytest.fixture
def image(tmp_path):
    """A Python that has what MWAA's image has: this environment's packages but for those that the image lacks."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "image"], check=True)
    (there,) = (tmp_path / "image").glob("lib/python*/site-packages")
    has = {name.replace("-", "_") for name in (pin.partition("==")[0] for pin in wheels.resolved(wheels.IMAGE))}
    for path in Path(package.__file__).parents[1].glob(".venv/lib/python*/site-packages/*"):
        name = path.name.partition("-")[0].lower()
        if not path.name.endswith(".dist-info") or name in has or name == "pip":
            (there / path.name).symlink_to(path)
    return tmp_path / "image" / "bin" / "python"


def test_without_internet_all_that_mwaa_lacks_is_in_plugins(pypi, image, tmp_path):
    bundle.airflow(tmp_path / "airflow", wheels.bring(REQUIREMENTS, tmp_path))
    with zipfile.ZipFile(tmp_path / "airflow" / "plugins.zip") as archive:
        archive.extractall(tmp_path / "plugins")
    assert (tmp_path / "plugins" / "millrace_plugin.py").is_file()
    requirements = (tmp_path / "airflow" / "requirements.txt").read_text()
    assert requirements == wheels.FOUND_THERE + REQUIREMENTS
    (tmp_path / "requirements.txt").write_text(
        requirements.replace("/usr/local/airflow/plugins", str(tmp_path / "plugins"))
    )
    (tmp_path / "constraints.txt").write_text(package.locked())
    install = [image, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
    install += ["--requirement", tmp_path / "requirements.txt", "--constraint", tmp_path / "constraints.txt"]
    done = subprocess.run(install, capture_output=True, text=True, check=True)
    found = {each["metadata"]["name"].replace("_", "-") for each in json.loads(done.stdout)["install"]}
    assert found == {"apache-airflow-providers-openlineage", "openlineage-python", "openlineage-sql", "sqlglot",
                     "openlineage-integration-common"}  # fmt: skip
    next((tmp_path / "plugins").glob("openlineage_sql-*.whl")).unlink()
    assert subprocess.run(install, capture_output=True).returncode == 1
