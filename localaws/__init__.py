"""The embedded AWS: one endpoint on 127.0.0.1 that executes what other emulators only pretend.

It knows AWS and nothing of any pipeline. Start it with ``python -m localaws``.
"""
