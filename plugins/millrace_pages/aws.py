"""What the pages know of the installation: boto3 clients, bucket names, the account."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from airflow.configuration import conf
from botocore.config import Config

# A page that waits is worse than one that says what is not there.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2, "mode": "standard"})


@functools.cache
def client(service: str) -> Any:
    """A boto3 client, made once; clients may be shared by threads."""
    return boto3.client(service, config=_CONFIG)


@functools.cache
def account() -> str:
    """The account's id."""
    return str(client("sts").get_caller_identity()["Account"])


def bucket(name: str) -> str:
    """The full name of a bucket that is declared by its short name."""
    return f"{conf.get('millrace', 'bucket_prefix', fallback='millrace')}-{name}"


def quicksight_user() -> str:
    """The ARN of the QuickSight user for whom dashboards are embedded: a reader that all who log in here share."""
    name = conf.get("millrace", "quicksight_user", fallback="millrace-reader")
    return f"arn:aws:quicksight:{client('quicksight').meta.region_name}:{account()}:user/default/{name}"
