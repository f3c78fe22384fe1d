"""moto's side of the embedded AWS: the operations that moto does for real, and the way to them."""

from __future__ import annotations

import threading

# moto's backends are plain Python objects without locks of their own.
MOTO_LOCK = threading.RLock()
