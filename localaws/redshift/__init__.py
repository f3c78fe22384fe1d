"""Redshift Serverless and its Data API: SQL that runs, on a DuckDB database for each namespace."""
