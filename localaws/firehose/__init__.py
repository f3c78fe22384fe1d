"""Firehose, executed: records are buffered on disk, transformed, partitioned, converted and put into S3."""
