"""Rows by Parquet's footers, as pyarrow knows them."""

import io
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.spark import footers

TABLES = {
    "none": pa.table({"a": pa.array([], pa.int64())}),
    "few": pa.table({"a": [1, None, 3], "b": ["x", "y", None], "c": [1.5, 2.5, 3.5], "d": [True, False, None]}),
    "nested": pa.table({"s": [{"x": 1, "l": ["p", "q"]}] * 7, "t": pa.array([0] * 7, pa.timestamp("us", "UTC"))}),
    "many": pa.table({"a": range(100_000)}),
    "wide": pa.table({f"column {number} with a long name": [number] * 5 for number in range(3_000)}),
}


@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_file(client, name, version):
    s3, bucket = client("s3"), f"footers-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    body = io.BytesIO()
    pq.write_table(TABLES[name], body, version=version, row_group_size=1_000)
    s3.put_object(Bucket=bucket, Key="one", Body=body.getvalue())
    s3.put_object(Bucket=bucket, Key="two", Body=body.getvalue())
    assert footers.rows(s3, bucket, ["one", "two"]) == 2 * len(TABLES[name])
    assert footers.rows(s3, bucket, []) == 0


def test_other_files_are_refused(client):
    s3, bucket = client("s3"), f"footers-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="text", Body=b"no parquet at all")
    with pytest.raises(footers.NotParquet, match=r"s3://footers-\w+/text is no Parquet file"):
        footers.rows(s3, bucket, ["text"])
