"""What was written, looked at: rows, and rows that are like the one before."""

import io
import uuid
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.spark import written
from millrace.spark.written import Counts


@pytest.fixture
def bucket(client):
    name = f"written-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def put(client, bucket):
    def put(key, rows, **how):
        body = io.BytesIO()
        schema = pa.schema([("item", pa.int64()), ("value", pa.string())])
        pq.write_table(pa.Table.from_pylist([{"item": i, "value": v} for i, v in rows], schema), body, **how)
        client("s3").put_object(Bucket=bucket, Key=key, Body=body.getvalue())
        return key

    return put


def test_like_neighbours_are_duplicates_nulls_too(client, bucket, put):
    rows = [(1, "a"), (1, "a"), (1, "b"), (1, None), (1, None), (1, None), (2, None), (2, ""), (None, ""), (None, "")]
    assert written.look(client("s3"), bucket, [put("t/one", rows)]) == Counts(10, 4)


def test_files_of_a_folder_follow_on_and_other_folders_do_not(client, bucket, put):
    keys = [
        put("t/k=1/part-0.c001.parquet", [(2, "b")]),
        put("t/k=1/part-0.c000.parquet", [(1, "a"), (2, "b")]),
        put("t/k=2/part-1.c000.parquet", [(2, "b")]),
        put("t/k=2/part-1.c001.parquet", []),
        put("t/k=2/part-1.c002.parquet", [(2, "b"), (2, "b")]),
    ]
    assert written.look(client("s3"), bucket, keys) == Counts(6, 3)
    assert written.look(client("s3"), bucket, []) == Counts(0, 0)


@pytest.mark.parametrize("group", [1_000, 1_000_000])
def test_of_many_rows_each_beyond_the_first_of_its_kind_counts(client, bucket, put, monkeypatch, group):
    monkeypatch.setattr(written, "_BATCH_ROWS", 700)  # like rows lie across batches
    rows = [(n // 37, None if n % 3 else str(n // 50)) for n in range(20_000)]
    rows.sort(key=lambda row: (row[0], row[1] is not None, row[1]))
    duplicates = sum(count - 1 for count in Counter(rows).values())
    found = written.look(client("s3"), bucket, [put("many", rows, row_group_size=group)])
    assert found == Counts(20_000, duplicates)


def test_other_files_are_refused(client, bucket):
    client("s3").put_object(Bucket=bucket, Key="text", Body=b"no parquet at all")
    with pytest.raises(pa.ArrowInvalid, match="Parquet magic bytes not found"):
        written.look(client("s3"), bucket, ["text"])
