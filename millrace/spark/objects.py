"""Objects as Spark's Python workers read and write them: by a client of their own, Parquet from and to Arrow."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq


@functools.cache
def client() -> Any:
    """S3's client, one for each process."""
    return boto3.client("s3")


def split(uri: str) -> tuple[str, str]:
    """The bucket and the key of an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read(uri: str) -> Any:
    """A Parquet object's rows."""
    bucket, key = split(uri)
    body = client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return pq.read_table(pa.BufferReader(body), partitioning=None)


def write(rows: Any, uri: str) -> None:
    """Write a table as one Parquet object, with dictionaries for columns that have one in Arrow, dates and amounts."""
    sink = pa.BufferOutputStream()
    kinds = (pa.types.is_dictionary, pa.types.is_date, pa.types.is_decimal)
    few: Any = [field.name for field in rows.schema if any(is_one(field.type) for is_one in kinds)]
    pq.write_table(rows, sink, compression="zstd", compression_level=3, use_dictionary=few, store_schema=False)
    bucket, key = split(uri)
    client().put_object(Bucket=bucket, Key=key, Body=sink.getvalue().to_pybytes())
