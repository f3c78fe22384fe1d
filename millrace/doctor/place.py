"""Where the doctor looks: an installation in an account, or the embedded AWS as its own provisioning made it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from millrace import resources
from millrace.installation import Installation
from millrace.local import BUCKET_PREFIX
from millrace.resources import Names, Pipeline


@dataclass(frozen=True)
class Place:
    """What the checks need.

    client: makes a boto3 client, once for each service. parts: what is switched on. target: what packages are built
    for. make: the command that makes what is missing. installation: None on the embedded AWS.
    """

    client: Callable[[str], Any]
    names: Names
    parts: frozenset[str]
    target: str
    make: str
    installation: Installation | None = None

    @functools.cached_property
    def pipelines(self) -> list[Pipeline]:
        """What each pipeline is declared to have."""
        return [resources.pipeline(slug) for slug in resources.slugs()]

    def declared(self, section: str) -> list[Any]:
        """All that is declared in a section, the shared ones too."""
        common = getattr(resources.common(), section, ())
        return [*common, *(thing for pipeline in self.pipelines for thing in getattr(pipeline, section, ()))]

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All that a listing gives."""
        pages = self.client(service).get_paginator(operation).paginate(**arguments)
        return [item for page in pages for item in page.get(key, [])]


def deployed(installation: Installation) -> Place:
    """An installation that Terraform makes."""
    client = functools.cache(installation.client)
    account = client("sts").get_caller_identity()["Account"]
    names = Names(installation.prefix, account, installation.region)
    return Place(
        client, names, installation.parts, "account", f"make deploy env={installation.environment}", installation
    )


def embedded(client: Callable[[str], Any] = boto3.client) -> Place:
    """The embedded AWS with all pipelines. client: makes a boto3 client on it."""
    sts = client("sts")
    names = Names(BUCKET_PREFIX, sts.get_caller_identity()["Account"], sts.meta.region_name)
    make = "make up, or .venv/bin/python -m millrace.provision"
    return Place(functools.cache(client), names, frozenset({"dashboard", "stream", "warehouse"}), "local", make)
