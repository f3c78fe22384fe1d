"""Provision the embedded AWS from the declarations: what Terraform makes in a real account.

Every step may be run again: what is there already is brought up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace import resources
from millrace.provision import (
    alarms,
    catalog,
    dashboards,
    events,
    firehoses,
    functions,
    jobs,
    quality,
    secrets,
    storage,
    streams,
    topics,
    warehouses,
)
from millrace.provision.account import Account


class Provisioner:
    """Makes what is declared in the account that the clients reach.

    client: makes a boto3 client of a service. prefix: that of the buckets' names. built: where packages are built.
    """

    def __init__(self, client: Callable[[str], Any], prefix: str, built: Path) -> None:
        self._account = Account(client, prefix, built)

    def common(self) -> None:
        """Buckets, secrets, the Athena workgroup, layers, functions, alerts and QuickSight's data source."""
        declared = resources.common()
        storage.make_buckets(self._account, declared.buckets)
        storage.make_workgroup(self._account, declared.workgroup)
        secrets.make(self._account, declared.secrets)
        functions.make(self._account, declared.functions)
        topics.make(self._account, declared.topics)
        events.make_rules(self._account, declared.rules)
        alarms.make(self._account, declared.alarms)
        dashboards.make_source(self._account, declared)

    def pipeline(self, slug: str, *, listens: bool = True) -> None:
        """One pipeline's resources and its derived tables. Without `listens` its rules are made, but disabled."""
        declared = resources.pipeline(slug)
        secrets.make(self._account, declared.secrets)
        catalog.make(self._account, declared)
        functions.make(self._account, declared.functions)
        streams.make(self._account, declared, enabled=listens)
        jobs.make(self._account, declared)
        firehoses.make(self._account, declared)
        quality.make(self._account, declared)
        warehouses.make(self._account, declared.warehouses)
        alarms.make(self._account, declared.alarms)
        dashboards.make(self._account, declared)
        events.make(self._account, declared, enabled=listens)
