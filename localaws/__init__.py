"""The embedded AWS: one endpoint on 127.0.0.1 that executes what other emulators only pretend.

It knows AWS and nothing of any pipeline. Start it with ``python -m localaws``.
"""

import os

# Arrow's default allocator, mimalloc, was seen to crash when it meets a new thread; a server has many.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
