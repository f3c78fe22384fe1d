"""Event source mappings: queues and streams are read, functions invoked with batches, failures handled as AWS does."""
