"""A job's beginning and end, between which its bookmark lies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .bookmarks import BOOKMARK
from .context import GlueContext
from .utils import getResolvedOptions


class Job:
    """``job.init(args["JOB_NAME"], args)`` first, ``job.commit()`` last."""

    def __init__(self, glue_context: GlueContext) -> None:
        self._glue_context = glue_context
        self._initialized = False

    def init(self, job_name: str, args: Mapping[str, Any] | None = None) -> None:
        """Begin: sources read from here on leave out what earlier runs read, if bookmarks are enabled."""
        given = {**getResolvedOptions(sys.argv, []), **(args or {})}
        BOOKMARK.open(given["job_bookmark_option"], given.get("JOB_RUN_ID") or "")
        self._initialized = True

    def isInitialized(self) -> bool:
        """Whether it has begun."""
        return self._initialized

    def commit(self) -> None:
        """End: what was read counts as read."""
        if not self._initialized:
            raise RuntimeError("job.commit() was called before job.init()")
        BOOKMARK.commit()
