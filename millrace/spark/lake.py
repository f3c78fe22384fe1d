"""The derived tables of a pipeline, as a job reads what is published and writes a build of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace import contracts, loads
from millrace.contracts import Contract


class Lake:
    """The tables of one pipeline. session: a boto3 session; build: names the folders that are written."""

    def __init__(self, spark: SparkSession, session: Any, bucket_prefix: str, slug: str, build: str) -> None:
        self._spark = spark
        self._glue, self._s3 = session.client("glue"), session.client("s3")
        self._prefix = bucket_prefix
        self._slug = slug
        self._build = build

    def published(self, table: str) -> DataFrame:
        """The rows that readers see now, with the contract's columns; none before the first build."""
        contract = contracts.get(self._slug, table)
        definition = self._glue.get_table(DatabaseName=self._slug, Name=table)["Table"]
        location = definition["StorageDescriptor"]["Location"]
        if location.endswith("/build=none/"):
            return self._spark.createDataFrame([], schema(contract))
        return self._spark.read.schema(schema(contract)).parquet(location)

    def write(self, table: str, rows: DataFrame, *, order: str, files: int = 1) -> DataFrame:
        """Write a table's build, its rows in that order; the rows as they were written."""
        contract = contracts.get(self._slug, table)
        folder = f"{contract.uri(self._prefix)}build={self._build}/"
        parts = rows.coalesce(1) if files == 1 else rows.repartitionByRange(files, order)
        conformed(parts, contract).sortWithinPartitions(order).write.mode("overwrite").parquet(
            folder, compression="zstd"
        )
        return self._spark.read.schema(schema(contract)).parquet(folder)

    def account(self, counts: Mapping[str, tuple[int, int]]) -> None:
        """Leave the ledger rows of this build: of each table, rows in the source and rows here."""
        rows = [
            {
                "pipeline": self._slug,
                "table": table,
                "key": self._build,
                "status": "loaded",
                "reason": None,
                "rows_in": rows_in,
                "rows_out": rows_out,
                "rows_rejected": 0,
                "target": f"{contracts.get(self._slug, table).uri(self._prefix)}build={self._build}/",
                "rejects": None,
            }
            for table, (rows_in, rows_out) in counts.items()
        ]
        key = loads.run_key(self._slug, self._build)
        self._s3.put_object(Bucket=f"{self._prefix}-processed", Key=key, Body=json.dumps(rows).encode())


def schema(contract: Contract) -> str:
    """The contract's columns as Spark's DDL."""
    return ", ".join(f"`{column.name}` {column.type}" for column in contract.columns)


def conformed(rows: DataFrame, contract: Contract) -> DataFrame:
    """The contract's columns, in its order and of its types."""
    return rows.select(*(F.col(column.name).cast(column.type) for column in contract.columns))
