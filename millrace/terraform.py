"""Terraform as this project's commands use it: in ``infra/``, its state in a bucket of the installation's own."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace.installation import INFRA, Installation, settings_file

_KINDS = 8  # kinds of a plan to name
_NO_ACCESS = {"403", "AccessDenied"}


class TerraformError(RuntimeError):
    """Terraform is not there or did not do it; the message has what it said."""


@dataclass(frozen=True)
class Change:
    """What a plan would do to one resource: create, update, delete or replace."""

    address: str
    kind: str
    action: str


class Terraform:
    """Terraform for one installation. plan_file: where its plan is kept between ``plan`` and ``apply``."""

    def __init__(self, installation: Installation, plan_file: Path) -> None:
        self._installation = installation
        self._plan = plan_file.resolve()

    def version(self) -> str:
        """Its version. Raises TerraformError where it is not installed."""
        return str(json.loads(self._run("version", "-json"))["terraform_version"])

    def init(self) -> None:
        """Get the provider and the modules, and look where the state is."""
        settings = {
            "bucket": self._installation.state_bucket,
            "key": f"{self._installation.environment}.tfstate",
            "region": self._installation.region,
            "encrypt": "true",
            "use_lockfile": "true",
        }
        told = [f"-backend-config={name}={value}" for name, value in settings.items()]
        self._run("init", "-no-color", "-input=false", "-reconfigure", *told)

    def plan(self) -> list[Change]:
        """What there is to do, with the packages that are in ``build/``."""
        self._plan.parent.mkdir(parents=True, exist_ok=True)
        settings = f"-var-file={settings_file(self._installation.environment).relative_to(INFRA)}"
        self._run("plan", "-no-color", "-input=false", f"-out={self._plan}", settings)
        return changes(json.loads(self._run("show", "-json", str(self._plan))))

    def apply(self) -> None:
        """Do what was planned, and show it as it is done."""
        self._run("apply", "-no-color", "-input=false", str(self._plan), shown=True)

    def _run(self, *arguments: str, shown: bool = False) -> str:
        """What Terraform printed; what is shown goes to the terminal instead."""
        output = None if shown else subprocess.PIPE
        try:
            done = subprocess.run(
                ["terraform", *arguments], cwd=INFRA, text=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except FileNotFoundError:
            raise TerraformError("terraform is not there; install 1.11 or newer and put it on PATH") from None
        if done.returncode:
            said = (done.stderr or done.stdout or "see above").strip()
            hint = ""
            if "Error acquiring the state lock" in said:
                hint = (
                    "\nAnother deploy is under way; if none is, one broke off: terraform -chdir=infra force-unlock <ID>"
                )
            raise TerraformError(f"terraform {arguments[0]} failed:\n{said}{hint}")
        return done.stdout or ""


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """What a plan in Terraform's JSON would do, as far as it does anything."""
    found = []
    for resource in plan.get("resource_changes", []):
        actions = set(resource["change"]["actions"])
        if resource["mode"] == "managed" and not actions <= {"no-op", "read"}:
            action = "replace" if {"create", "delete"} <= actions else min(actions)
            found.append(Change(resource["address"], resource["type"], action))
    return found


def summary(found: list[Change]) -> list[str]:
    """A plan in a few lines: how many of which kind are to be made or changed; each one that is to go, by its name."""
    lines = []
    for action in ("create", "update", "replace", "delete", "forget"):
        of_it = [change for change in found if change.action == action]
        if of_it:
            kinds = Counter(change.kind.removeprefix("aws_") for change in of_it)
            told = [f"{count} {kind}" for kind, count in kinds.most_common(_KINDS)]
            more = [f"{len(kinds) - _KINDS} kinds more"] if len(kinds) > _KINDS else []
            lines.append(f"{action:8} {len(of_it):4}  {', '.join(told + more)}")
        if action in ("replace", "delete", "forget"):
            lines += [f"               {change.address}" for change in of_it]
    return lines or ["nothing to do"]


def state_is_there(installation: Installation) -> bool:
    """Whether the bucket for the state is there. Raises TerraformError where it is somebody else's."""
    try:
        installation.client("s3").head_bucket(Bucket=installation.state_bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _NO_ACCESS:
            raise TerraformError(
                f"you may not read the bucket {installation.state_bucket}, where Terraform's state is to be: it is "
                f"somebody else's (then choose another bucket_prefix in infra/env/{installation.environment}.tfvars) "
                "or your role lacks s3:ListBucket on it"
            ) from None
        if code not in ("404", "NoSuchBucket"):
            raise
        return False
    return True


def make_state(installation: Installation) -> None:
    """Make the bucket for the state: private, versioned, TLS only. Its objects are encrypted, as all of S3's are."""
    s3, bucket = installation.client("s3"), installation.state_bucket
    where: dict[str, Any] = {}
    if installation.region != "us-east-1":  # which alone takes no name
        where["CreateBucketConfiguration"] = {"LocationConstraint": installation.region}
    s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **where)
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    arn = f"arn:aws:s3:::{bucket}"
    deny = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
