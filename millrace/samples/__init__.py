"""Sample uploads for the pipelines, the same bytes for the same seed."""
