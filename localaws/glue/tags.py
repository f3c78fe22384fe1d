"""Tags of what is ours: moto keeps them, so that its GetTags, TagResource and UntagResource serve them."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.core import ACCOUNT_ID, REGION
from localaws.glue.catalog import Catalog


def arn(kind: str, name: str) -> str:
    """The ARN of a ``crawler``, ``trigger`` or ``job``."""
    return f"arn:aws:glue:{REGION}:{ACCOUNT_ID}:{kind}/{name}"


def tags_of(catalog: Catalog, resource: str) -> dict[str, str]:
    """The tags of a resource, by its ARN."""
    with catalog.backend() as glue:
        return dict(glue.get_tags(resource))


def add_tags(catalog: Catalog, resource: str, tags: Mapping[str, str] | None) -> None:
    """Give a resource tags."""
    if tags:
        with catalog.backend() as glue:
            glue.tag_resource(resource, dict(tags))


def remove_tags(catalog: Catalog, resource: str) -> None:
    """Take all tags from a resource."""
    with catalog.backend() as glue:
        glue.tagger.delete_all_tags_for_resource(resource)
