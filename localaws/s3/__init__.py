"""S3: objects are plain files on disk, found through an index in SQLite."""
