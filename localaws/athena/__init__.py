"""Athena, executed: Trino SQL translated with its types to DuckDB, DDL on the Glue catalog, results in S3."""
