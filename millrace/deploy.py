"""``millrace deploy``: bring an AWS account to what this checkout says.

Packages are built, Terraform plans and, once somebody agreed, applies; then the DAGs are brought to where Airflow reads
them, so that new DAGs never call old functions; then the doctor looks at it all.
"""

from __future__ import annotations

import sys
from pathlib import Path

from millrace import dags_bucket, doctor, installation, terraform
from millrace.bundle import bundle
from millrace.installation import Installation
from millrace.resources import ROOT
from millrace.screen import Screen
from millrace.terraform import Change, Terraform

BUILD = ROOT / "build"


class DeployError(RuntimeError):
    """A deployment that was not begun or not finished: why and what to do next."""


def deploy(name: str, screen: Screen, *, plan_only: bool, approve: bool, make_state: bool, architecture: str) -> int:
    """Deploy the installation of ``infra/env/<name>.tfvars``; the exit status.

    plan_only: end when the plan is shown. approve: do not ask before it is applied. make_state: do not ask either
    before the bucket for Terraform's state is made. architecture: of Lambda functions, ``x86_64`` or ``arm64``.
    Raises InstallationError, TerraformError, PackageError or DeployError.
    """
    wanted = installation.read(name)
    tool = Terraform(wanted, BUILD / f"{name}.tfplan")
    version = tool.version()
    account = installation.account_of(wanted)
    screen.console.print(f"{name}: account {account}, {wanted.region}, Terraform {version}", markup=False)
    _state(wanted, account, screen, make_state)

    with screen.step("build packages") as step:
        packages = bundle(BUILD, architecture, internet=wanted.internet)
        step.done(f"{len(packages['functions'])} functions for {architecture}")  # type: ignore[arg-type]
    with screen.step("terraform init") as step:
        tool.init()
        step.done(f"state in s3://{wanted.state_bucket}/{name}.tfstate")
    with screen.step("terraform plan") as step:
        changes = tool.plan()
        step.done(f"{len(changes)} changes")
    _show(changes, name, screen)
    if plan_only:
        return 0

    if changes:
        if not (approve or _agreed(f"Apply this to {name} in the account {account}?")):
            raise DeployError("nothing was applied")
        tool.apply()
    with screen.step("bring the DAGs") as step:
        step.done(_bring_dags(wanted, BUILD / "airflow" / "dags"))
    return doctor.examine(name, screen, here=False)


def _state(wanted: Installation, account: str, screen: Screen, make_state: bool) -> None:
    """See that there is a bucket for Terraform's state: made once, and only if somebody agrees."""
    if terraform.state_is_there(wanted):
        return
    if not make_state:
        screen.console.print(f"There is no bucket {wanted.state_bucket} yet, in which Terraform keeps its state.")
        if not _agreed(f"Make it in the account {account}, private and versioned?"):
            raise DeployError("without it nothing can be deployed; millrace deploy --make-state makes it unasked")
    terraform.make_state(wanted)


def _show(changes: list[Change], name: str, screen: Screen) -> None:
    for line in terraform.summary(changes):
        screen.console.print(f"  {line}", markup=False)
    if changes:
        screen.console.print(f"  whole: terraform -chdir=infra show ../build/{name}.tfplan", markup=False)


def _bring_dags(wanted: Installation, folder: Path) -> str:
    """Bring the DAGs into the bucket; what came of it."""
    done = dags_bucket.sync(wanted.client("s3"), f"{wanted.prefix}-artifacts", folder)
    return f"{len(done.new)} new, {len(done.changed)} changed, {len(done.gone)} gone"


def _agreed(question: str) -> bool:
    """Ask somebody; where nobody can answer, nobody agreed."""
    try:
        answer = input(f"{question} yes/no: ")
    except EOFError:
        print("(nobody is there to answer)", file=sys.stderr)
        return False
    return answer.strip().lower() == "yes"
