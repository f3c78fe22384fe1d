"""Buckets and Athena's workgroup."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.kinds import Bucket, Workgroup
from millrace.provision.account import Account, make


def make_buckets(account: Account, buckets: Sequence[Bucket]) -> None:
    """Make the buckets; those that tell of their objects do so once a pipeline listens (``events``)."""
    for bucket in buckets:
        make(account.client("s3").create_bucket, Bucket=account.names.bucket(bucket.name))


def make_workgroup(account: Account, declared: Workgroup) -> None:
    """Make the workgroup, which decides where results go and how much a statement may read."""
    athena = account.client("athena")
    if declared.name in {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}:
        return
    athena.create_work_group(
        Name=declared.name,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{account.names.bucket(declared.results)}/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": declared.scan_cutoff_bytes,
        },
    )
