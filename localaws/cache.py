"""Where what takes long to make or fetch is kept for all data folders of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

_KEPT_S = 21 * 86_400  # since it was last used


def cache_folder() -> Path:
    """LOCALAWS_CACHE, or ``~/.cache/localaws``; it may not exist yet."""
    return Path(os.environ.get("LOCALAWS_CACHE") or Path.home() / ".cache" / "localaws").absolute()


def used(folder: Path, like: str) -> Path:
    """Note that a folder of the cache is used; those beside it of names ``like`` that were not in weeks are deleted."""
    os.utime(folder)
    for old in folder.parent.glob(like):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > _KEPT_S:
                shutil.rmtree(old, ignore_errors=True)
    return folder
