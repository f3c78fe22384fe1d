"""Everything that an account is given, built whole: what is in it, equal bytes, and that its DAGs need nothing else."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from millrace import package, resources
from millrace.bundle import bundle
from millrace.resources import ROOT

DAGS = """
import millrace, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(millrace.__file__, *sorted(bag.dags))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two builds of the whole, one after another, without the layers, which tests of their own build."""
    folders = [tmp_path_factory.mktemp("build") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "build_layer", lambda name, target, folder: folder / f"{name}-{target}.zip")
        documents = [bundle(folder, "arm64") for folder in folders]
    return folders, documents


def test_equal_sources_give_equal_bytes(built):
    first, second = (package.contents_of(folder) for folder in built[0])
    assert [name for name in first if name != "packages.json" and first[name] != second[name]] == []
    assert first.keys() == second.keys()


def test_terraform_is_told_each_package_as_seen_from_its_folder(built):
    (folder, _), (document, _) = built
    assert json.loads((folder / "packages.json").read_text()) == document
    assert list(document["functions"]) == [function.name for function in resources.functions()]
    assert document["layers"].keys() == resources.common().layers.keys()
    for path in [*document["functions"].values(), document["wheel"]]:
        assert not Path(path).is_absolute() and (ROOT / "infra" / path).is_file()


def test_plugins_are_at_their_zips_root(built):
    with zipfile.ZipFile(built[0][0] / "airflow" / "plugins.zip") as archive:
        names = archive.namelist()
    assert {"millrace_plugin.py", ".airflowignore"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_the_dags_need_nothing_but_what_lies_beside_them(built, tmp_path):
    folder = built[0][0] / "airflow" / "dags"
    done = subprocess.run(
        [sys.executable, "-c", DAGS, str(folder)],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(folder),
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    where, *found = done.stdout.splitlines()[-1].split()
    assert where == str(folder / "millrace" / "__init__.py")
    assert set(resources.slugs()) <= set(found)
