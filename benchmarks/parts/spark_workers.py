"""What Spark starts its Python workers by, where their CPU is to count; it is Spark's own, which forgets them."""

from __future__ import annotations

import signal
from typing import Any

from pyspark import daemon

_set = signal.signal


def _but_children(number: int, handler: Any) -> Any:
    """Leave ended workers to whoever waits for them; ignored, they would be gone with their times."""
    return None if (number, handler) == (signal.SIGCHLD, signal.SIG_IGN) else _set(number, handler)


if __name__ == "__main__":
    signal.signal = _but_children  # type: ignore[assignment]
    daemon.manager()
