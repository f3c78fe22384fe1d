"""Terraform with the provider from an offline mirror, on a copy of infra/; without either, these tests skip."""

import json
import os
import platform
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from millrace import package, resources
from millrace.local import BUCKET_PREFIX, STATE
from millrace.resources import ROOT
from tests.infra import checks

# On the embedded AWS: any credentials, the state in a file.
OVERRIDE = """
terraform {
  backend "local" {}
}
provider "aws" {
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 3
}
"""


def mirror():
    """The folder of an offline mirror of providers: TF_PLUGIN_DIR, else one named tf-plugins near the root."""
    if given := os.environ.get("TF_PLUGIN_DIR"):
        return given
    found = [path for depth in ("tf-plugins", "*/tf-plugins", "*/*/tf-plugins") for path in Path("/").glob(depth)]
    return str(found[0]) if found else None


HERE = Path(__file__).parent
SYSTEM = (HERE / "system.tftest.hcl").read_text()
SWITCHES = re.findall(r"(\w+) = true", SYSTEM)


class Terraform:
    """Terraform in a folder that is laid out as the repository is."""

    def __init__(self, folder):
        self.folder = folder / "infra"
        shutil.copytree(ROOT / "infra", self.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        for name in ("dashboards", "datasets", "glue", "sql"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "requirements.lock", folder)
        self.environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1"}

    def __call__(self, *arguments, ok=(0,)):
        done = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=self.environment, text=True, capture_output=True
        )
        assert done.returncode in ok, f"terraform {arguments}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done

    def init(self, *arguments):
        return self("init", "-no-color", "-input=false", f"-plugin-dir={mirror()}", *arguments)


def mocked(terraform, *, off=(), airflow="{}", requirements="stands for it"):
    """The resources that system.tftest.hcl makes on a mocked AWS: everything but what hangs on the switches named.

    airflow: its settings, as Terraform reads them. requirements: what is packed as its requirements.txt.
    """
    text = SYSTEM
    for switch in off:
        assert switch in SWITCHES
        text = text.replace(f" {switch} = true", f" {switch} = false")
    test = terraform.folder / "tests" / "system.tftest.hcl"
    test.write_text(text.replace("= {}", f"= {airflow}"))
    shutil.copy(HERE / "password.tf", terraform.folder / "modules" / "password" / "main.tf")
    _stand_in(terraform.folder.parent / "build")
    (terraform.folder.parent / "build" / "airflow" / "requirements.txt").write_text(requirements)
    said = terraform("test", "-json", "-verbose", "-filter=tests/system.tftest.hcl").stdout
    messages = [json.loads(line) for line in said.splitlines()]
    (state,) = (m["test_state"] for m in messages if m["type"] == "test_state")
    return list(checks.resources_of(state["root_module"]))


@contextmanager
def changed(terraform, module, was, becomes):
    """A module with another text in it, for a while."""
    files = sorted((terraform.folder / "modules" / module).glob("*.tf"))
    (file,) = (file for file in files if was in file.read_text())
    text = file.read_text()
    file.write_text(text.replace(was, becomes))
    try:
        yield
    finally:
        file.write_text(text)


def _stand_in(build):
    """What `millrace package` would leave there, by name only."""
    functions = [*resources.common().functions]
    for slug in resources.slugs():
        functions += resources.pipeline(slug).functions
    (build / "airflow" / "dags").mkdir(parents=True, exist_ok=True)
    for name in ("requirements.txt", "plugins.zip", "dags/.airflowignore"):
        (build / "airflow" / name).write_text("stands for it")
    document = {
        "architecture": "arm64",
        "functions": {function.name: f"packages/{function.name}-1.zip" for function in functions},
        "layers": {name: f"packages/{name}-1.zip" for name in resources.common().layers},
        "wheel": "packages/millrace-1-py3-none-any.whl",
    }
    (build / "packages.json").write_text(json.dumps(document))


@pytest.fixture(scope="session")
def terraform_in():
    """Makes a Terraform in a folder."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    if mirror() is None:
        pytest.skip("there is no offline mirror of providers; TF_PLUGIN_DIR names one")
    return Terraform


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """packages.json with packages that run on this machine."""
    built = STATE / "packages"
    functions = [*resources.common().functions]
    for slug in resources.slugs():
        functions += resources.pipeline(slug).functions
    document = {
        "architecture": "arm64" if platform.machine() == "aarch64" else "x86_64",
        "functions": {f.name: str(package.build_function(f.name, built)) for f in functions},
        "layers": {name: str(package.build_layer(name, "local", built)) for name in resources.common().layers},
        "wheel": str(package.build_wheel(built)),
    }
    file = tmp_path_factory.mktemp("packages") / "packages.json"
    file.write_text(json.dumps(document))
    return file


@pytest.fixture(scope="session")
def settings(packages):
    """Variables of an installation on the embedded AWS."""
    values = {
        "environment": "test",
        "region": "us-east-1",
        "bucket_prefix": BUCKET_PREFIX,
        "packages": str(packages),
        "force_destroy": True,
        "with": {"dashboard": True, "stacks": False, "stream": True},
    }
    return [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()]
