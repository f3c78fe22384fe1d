"""All pipelines on an embedded AWS that goes on running: what ``make up`` and compose have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from millrace import resources
from millrace.local import BUCKET_PREFIX, STATE
from millrace.provision import Provisioner
from millrace.sources import mysql


def provision(client: Callable[[str], Any]) -> Iterator[str]:
    """Provision the common resources and every pipeline, and give each one's slug when it is there.

    client: makes a boto3 client. A pipeline whose source is a database finds one, filled with its sample.
    """
    provisioner = Provisioner(client, BUCKET_PREFIX, STATE / "packages")
    provisioner.common()
    for slug in resources.slugs():
        if resources.pipeline(slug).source.kind == "mysql":
            mysql.seed(client, slug)
        provisioner.pipeline(slug)
        yield slug
