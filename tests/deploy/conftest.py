"""A checkout of its own with an installation on an embedded AWS of its own, and Terraform or what stands in for it."""

import json
import stat

import pytest

from localaws.server import Server
from millrace import deploy, installation, terraform

SETTINGS = """
environment   = "try"
region        = "us-east-1"
bucket_prefix = "millrace-try" # choose your own
account       = "123456789012"
with = {
  airflow = false # MWAA
  people  = true
}
"""
# Stands in for Terraform where only what is done with it is tested: it notes its arguments, and plans this.
PLAN = {
    "resource_changes": [
        {"address": "aws_s3_bucket.new", "type": "aws_s3_bucket", "mode": "managed", "change": {"actions": ["create"]}},
        {"address": "aws_iam_role.old", "type": "aws_iam_role", "mode": "managed", "change": {"actions": ["delete"]}},
    ]
}
PROGRAM = """#!/bin/sh
echo "$@" >>"{log}"
case "$1" in
  version) echo '{{"terraform_version": "1.11.4"}}' ;;
  show) cat "{plan}" ;;
  {failing}) echo "{said}" >&2; exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """An embedded AWS that no other test uses."""
    with Server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def settings(tmp_path, monkeypatch, own):
    """The installation try: the folder of its settings; clients find the embedded AWS."""
    folder = tmp_path / "infra"
    (folder / "env").mkdir(parents=True)
    (folder / "env" / "try.tfvars").write_text(SETTINGS)
    monkeypatch.setattr(installation, "INFRA", folder)
    monkeypatch.setattr(terraform, "INFRA", folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", own.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setattr(deploy, "BUILD", tmp_path / "build")
    return folder / "env" / "try.tfvars"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a stand-in for Terraform on PATH; gives what it was called with. failing: a command of it that fails."""

    def make(failing="nothing", said="", plan=PLAN):
        program, log = tmp_path / "bin" / "terraform", tmp_path / "calls"
        program.parent.mkdir()
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        program.write_text(PROGRAM.format(log=log, plan=tmp_path / "plan.json", failing=failing, said=said))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        return lambda: [line.split()[0] for line in log.read_text().splitlines()]

    return make
