"""From a raw CSV file to typed Parquet, or clean CSV, and rejects, by the table's contract."""

import os

# Arrow's default allocator, mimalloc, was seen to crash when it meets a new thread; the C library's takes more memory.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
