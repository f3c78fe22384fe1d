"""Athena, executed: Trino SQL translated with its types to DuckDB, DDL on the Glue catalog, results where AWS puts them."""
