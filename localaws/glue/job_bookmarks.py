"""Job bookmarks: what a job has read so far, as its script's ``job.commit()`` left it, one JSON file for each job.

The script's process replaces the file whole: ``{"run": number of commits, "run_id": …, "previous": …, "state": {…}}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from localaws.core import AwsError, Call, Handler

Json = dict[str, Any]


class Bookmarks:
    """The bookmarks in a folder, and the operations on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.operations: Mapping[str, Handler] = {"GetJobBookmark": self._get, "ResetJobBookmark": self._reset}

    def path(self, job: str) -> Path:
        """Where a job's bookmark is kept."""
        return self._folder / f"{quote(job, safe='')}.json"

    def delete(self, job: str) -> None:
        """Forget a job's bookmark, if there is one."""
        self.path(job).unlink(missing_ok=True)

    def _get(self, call: Call) -> Json:
        return {"JobBookmarkEntry": self._entry(call.params["JobName"])}

    def _reset(self, call: Call) -> Json:
        job = call.params["JobName"]
        if call.params.get("RunId"):
            raise AwsError(
                "InvalidInputException",
                "RunId is not taken: only the newest state of a bookmark is kept, so it is reset whole.",
            )
        entry = self._entry(job)
        self.delete(job)
        return {"JobBookmarkEntry": {**entry, "Version": 0, "Run": 0, "Attempt": 0, "JobBookmark": "{}"}}

    def _entry(self, job: str) -> Json:
        try:
            kept = json.loads(self.path(job).read_text(encoding="utf-8"))
        except FileNotFoundError:
            message = f"Continuation for job {job} not found: no run of it has committed a bookmark."
            raise AwsError("EntityNotFoundException", message) from None
        return {
            "JobName": job,
            "Version": kept["run"],
            "Run": kept["run"],
            "Attempt": 0,
            "RunId": kept["run_id"],
            "PreviousRunId": kept["previous"],
            "JobBookmark": json.dumps(kept["state"]),
        }
