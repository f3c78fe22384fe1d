"""Where what takes long to make or fetch is kept for all data folders of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """LOCALAWS_CACHE, or ``~/.cache/localaws``; it may not exist yet."""
    return Path(os.environ.get("LOCALAWS_CACHE") or Path.home() / ".cache" / "localaws").absolute()
