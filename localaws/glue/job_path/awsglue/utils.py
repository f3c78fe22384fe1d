"""The arguments of a job's script."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

_BOOKMARK = "job-bookmark-option"
_BOOKMARK_CHOICES = ("job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable")
_CONTINUATION = "continuation-option"  # its older name
_CONTINUATION_CHOICES = ("continuation-enabled", "continuation-readonly", "continuation-ignore")
_RANGE = ("job-bookmark-from", "job-bookmark-to")
_RESERVED = (_CONTINUATION, _BOOKMARK, *_RANGE, "JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION", "encryption-type")
_TEMPORARY = ("TempDir", "RedshiftTempDir")  # two names of one


class GlueArgumentError(Exception):
    """An argument that the script asks for is missing, or not what it may be."""


class GlueArgumentParser(argparse.ArgumentParser):
    """Raises GlueArgumentError where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise."""
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, Any]:
    """The values of ``options``, named without their dashes, from ``sys.argv``; other arguments are let be.

    With them come job_bookmark_option, JOB_ID, JOB_RUN_ID and TempDir, whether asked for or not; a dash in a name
    becomes an underscore in the key. Raises GlueArgumentError for what is missing, RuntimeError for a reserved name.
    """
    for name in _RESERVED:
        if name in options:
            raise RuntimeError(f"Using reserved arguments --{name}")
    parser = GlueArgumentParser()
    parser.add_argument(f"--{_BOOKMARK}", choices=_BOOKMARK_CHOICES)
    parser.add_argument(f"--{_CONTINUATION}", choices=_CONTINUATION_CHOICES)
    parser.add_argument("--encryption-type", choices=("sse-s3",))
    for name in (*_RANGE, "JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION", *_TEMPORARY):
        parser.add_argument(f"--{name}")
    for name in options:
        if name not in _TEMPORARY:
            parser.add_argument(f"--{name}", required=True)
    found = vars(parser.parse_known_args(args[1:])[0])
    directory = found["TempDir"] if found["TempDir"] is not None else found["RedshiftTempDir"]
    found["TempDir"] = found["RedshiftTempDir"] = directory
    older = found.pop("continuation_option")
    if found["job_bookmark_option"] is None:
        found["job_bookmark_option"] = (
            _BOOKMARK_CHOICES[_CONTINUATION_CHOICES.index(older)] if older else "job-bookmark-disable"
        )
    return found
