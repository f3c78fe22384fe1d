"""From a raw CSV file to typed Parquet, or clean CSV, and rejects, by the table's contract."""

import ctypes
import os

# Arrow's default allocator, mimalloc, was seen to crash when it meets a new thread; the C library's takes more memory.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 32 << 20


def _keep_freed_memory() -> None:
    """Have glibc keep the memory of one block for the next: fresh pages for each cost a twentieth of the whole work."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


_keep_freed_memory()
