"""The account in which things are made: its clients, its names, and how to make what may be there already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace.resources import Names

_EXISTS = {
    "AlreadyExistsException", "BucketAlreadyOwnedByYou", "ConflictException", "ResourceConflictException",
    "ResourceExistsException", "ResourceInUseException",
}  # fmt: skip


class Account:
    """What every maker needs. built: where packages are built."""

    def __init__(self, client: Callable[[str], Any], prefix: str, built: Path) -> None:
        self.client = functools.cache(client)
        self.built = built
        sts = self.client("sts")
        self.names = Names(prefix, sts.get_caller_identity()["Account"], sts.meta.region_name)

    def arn(self, service: str, name: str) -> str:
        """The ARN of something in this account and region."""
        return f"arn:aws:{service}:{self.names.region}:{self.names.account}:{name}"

    def role(self, name: str) -> str:
        """A role's ARN. An emulator asks for one but checks none; Terraform makes one for each function and job."""
        return f"arn:aws:iam::{self.names.account}:role/{self.names.prefix}-{name}"

    def artifact(self, path: Path, folder: str) -> tuple[str, str]:
        """Put a package, whose name tells its content, into the artifacts bucket unless it is there; (bucket, key)."""
        bucket, key = self.names.bucket("artifacts"), f"{folder}/{path.name}"
        s3 = self.client("s3")
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            s3.upload_file(str(path), bucket, key)
        return bucket, key


def make(create: Callable[..., Any], **arguments: Any) -> bool:
    """Create something; False if it is there already."""
    try:
        create(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _EXISTS:
            raise
        return False
    return True
