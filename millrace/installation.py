"""An installation in an AWS account: what ``infra/env/<name>.tfvars`` says of it, and whose the credentials are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from millrace.resources import ROOT

INFRA = ROOT / "infra"
_TEXT = re.compile(r'^(\w+)\s*=\s*"([^"]*)"', re.MULTILINE)
_SWITCHES = re.compile(r"^with\s*=\s*\{(.*?)\}", re.MULTILINE | re.DOTALL)
_PRIVATE = re.compile(r"^airflow\s*=\s*\{[^}]*\binternet\s*=\s*false\b", re.MULTILINE)
_SWITCH = re.compile(r"(\w+)\s*=\s*(true|false)\b")
_NEEDED = ("environment", "region", "bucket_prefix")


class InstallationError(RuntimeError):
    """Settings or an account that cannot be used: what, why and what to do next."""


@dataclass(frozen=True)
class Installation:
    """What its settings say.

    account: the only one that it may be in, if they name one. parts: what is switched on. internet: whether its Airflow
    has a way there.
    """

    environment: str
    region: str
    prefix: str
    account: str | None
    parts: frozenset[str]
    internet: bool = True

    @property
    def state_bucket(self) -> str:
        """Where Terraform keeps its state."""
        return f"{self.prefix}-terraform"

    @property
    def airflow(self) -> str:
        """What its Airflow is called."""
        return f"{self.prefix}-{self.environment}"

    def client(self, service: str) -> Any:
        """A boto3 client in its region."""
        return boto3.client(service, region_name=self.region)


def settings_file(name: str) -> Path:
    """Where an installation's settings are."""
    return INFRA / "env" / f"{name}.tfvars"


def read(name: str) -> Installation:
    """An installation by its name, such as dev. Raises InstallationError for settings that do not say enough."""
    path = settings_file(name)
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.tfvars"))
        raise InstallationError(
            f"there is no infra/env/{name}.tfvars; there are: {', '.join(known)}. Copy one and choose a bucket_prefix"
        )
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    texts = dict(_TEXT.findall(text))
    if missing := [key for key in _NEEDED if not texts.get(key)]:
        raise InstallationError(f'infra/env/{name}.tfvars does not say {", ".join(missing)}; write: {missing[0]} = "…"')
    if texts["environment"] != name:  # by which the state is kept: two files would fight over one
        raise InstallationError(f'infra/env/{name}.tfvars says environment = "{texts["environment"]}"; write "{name}"')
    switches = _SWITCHES.search(text)
    parts = frozenset(key for key, value in _SWITCH.findall(switches[1] if switches else "") if value == "true")
    internet = "airflow" not in parts or not _PRIVATE.search(text)
    prefix, account = texts["bucket_prefix"], texts.get("account")
    return Installation(texts["environment"], texts["region"], prefix, account, parts, internet)


def account_of(installation: Installation) -> str:
    """The account that the credentials are of. Raises InstallationError where there are none, or it is another one."""
    try:
        account = str(installation.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise InstallationError(
            f"AWS does not know who you are ({error}); log in (aws sso login), name a profile (AWS_PROFILE) "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    if installation.account not in (None, account):
        raise InstallationError(
            f"your credentials are of the account {account}, but infra/env/{installation.environment}.tfvars says "
            f"{installation.account}; choose other credentials (AWS_PROFILE)"
        )
    return account
