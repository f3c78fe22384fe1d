"""From a raw CSV file to typed Parquet and rejects, by the table's contract."""
