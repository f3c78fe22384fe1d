"""moto's core, imported once and by one thread.

Its modules import each other in a circle, so that two threads which begin at the same time would each find a part of
it half imported.
"""

from __future__ import annotations

import importlib
import threading

_lock = threading.Lock()


def load() -> None:
    """Import the core; again: nothing."""
    with _lock:
        for name in ("responses", "routing", "parse", "serialize"):
            importlib.import_module(f"moto.core.{name}")
