"""Files are staged the same however they are cut: each line once, the newest row of each key, in its partition."""

import datetime as dt
import gzip
import io
import random
import uuid

import pyarrow.parquet as pq
import pytest

from millrace import contracts
from millrace.convert import header
from millrace.spark import objects
from millrace.spark.raw_text import RawFile

RAW, CLEAN, OUTLIERS = (
    contracts.get("transactions", name) for name in ("transactions", "transactions_clean", "transactions_outliers")
)
HEAD = ",".join(column.name for column in RAW.columns)


def raw_file(number, uri, body, etag):
    return RawFile(number, uri, etag, "2025-08-26", len(body), HEAD, header.match(HEAD, RAW), tuple(HEAD.split(",")))


class OneObject:
    """S3 with one object."""

    def __init__(self, body):
        self.body = body

    def get_object(self, Range, **_):
        return {"Body": io.BytesIO(self.body[int(Range.removeprefix("bytes=").removesuffix("-")) :])}


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 50, 400, 10_000])
def test_each_line_is_in_one_part(spark, monkeypatch, size, end):
    from millrace.spark import staging

    chance = random.Random(size)
    body = b"\n".join(b"x" * chance.choice((0, 1, 5, 90)) for _ in range(100)) + end
    monkeypatch.setattr(objects, "client", lambda: OneObject(body))
    monkeypatch.setattr(staging, "_BLOCK_BYTES", 64)
    file = raw_file(0, "s3://b/k.csv", body, "e")
    blocks = [block for task in staging._tasks([file], size) for part in task for block in staging._blocks(part)]
    assert b"".join(text for _, text in blocks) == body
    assert all(body[place : place + len(text)] == text for place, text in blocks)
    assert all(text.endswith(b"\n") for _, text in blocks[:-1])


def test_a_packed_file_is_one_part(spark, monkeypatch):
    from millrace.spark import staging

    body = gzip.compress(b"a\nb\n" * 1000)
    monkeypatch.setattr(objects, "client", lambda: OneObject(body))
    ((part,),) = staging._tasks([raw_file(0, "s3://b/k.csv.GZ", body, "e")], 1)
    assert b"".join(text for _, text in staging._blocks(part)) == b"a\nb\n" * 1000


@pytest.fixture(scope="module")
def files(client):
    """Three files with repeated keys, some in another region or table, and faults; and lines as (file, fields)."""
    s3, bucket, chance = client("s3"), f"s{uuid.uuid4().hex[:10]}", random.Random(3)
    s3.create_bucket(Bucket=bucket)
    found, lines = [], []
    for number in range(3):
        rows = [
            (key, dt.date(2025, chance.choice((1, 2)), 1 + key % 28), f"C{key % 50}", "P0001", f"{key}.50",
             chance.choice(("APAC", "EUROPE")) if key % 100 == 0 else "APAC",
             "OUT" if key % 77 == 0 and number else "COMPLETED", f"note {number} {place}")
            for place, key in enumerate(chance.choices(range(1, 3000), k=2000))
        ]  # fmt: skip
        text = [",".join(map(str, row)) for row in rows]
        text.insert(700, "broken")
        body = "\n".join([HEAD, *text, ""]).encode()
        etag = s3.put_object(Bucket=bucket, Key=f"{number}.csv", Body=body)["ETag"].strip('"')
        found.append(raw_file(number, f"s3://{bucket}/{number}.csv", body, etag))
        lines += [(number, row) for row in rows]
    return s3, bucket, found, lines


def newest(lines):
    """Partition and key → note, of lines in their order."""
    table = {True: "transactions_outliers", False: "transactions_clean"}
    return {((table[row[6] == "OUT"], f"{row[1]:%Y-%m}", row[5]), row[0]): row[7] for _, row in lines}


@pytest.mark.parametrize("small", [False, True])
def test_the_newest_of_each_key_is_written_once_in_its_partition(spark, files, monkeypatch, small):
    from millrace.spark import purchases, staging

    s3, bucket, found, lines = files
    if small:
        for name, value in {
            "_BLOCK_BYTES": 1 << 12,
            "_TASK_BYTES": 1 << 15,
            "_SLICE_BYTES": 1 << 14,
            "_KEYS": 500,
        }.items():
            monkeypatch.setattr(staging, name, value)
    folder = f"s3://{bucket}/{small}/"
    columns = [column.name for column in CLEAN.columns]
    make = purchases.Purchases(b"k", CLEAN, OUTLIERS, ())
    staged = staging.Staging(RAW, (), make, {n: f"{n}.csv" for n in range(3)}, columns, folder).run(
        spark.sparkContext, found
    )
    rows = {}
    for written in staged.written:
        bucket, key = objects.split(written.uri)
        table = pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        assert table.column_names == columns
        assert table["purchase_id"].to_pylist() == sorted(table["purchase_id"].to_pylist())
        mine = {(written.group, row["purchase_id"]): (row["note"], row["source"]) for row in table.to_pylist()}
        assert len(mine) == table.num_rows == sum(written.rows.values()) and not mine.keys() & rows.keys()
        rows |= mine
    expected = newest(lines)
    assert {place: note for place, (note, _) in rows.items()} == expected
    assert all(source == f"{note.split()[1]}.csv" for note, source in rows.values())
    assert (len(staged.written) > len({w.group for w in staged.written})) == (len(staged.read) > 3) == small
    # Nothing is lost on the way: each line is a row, an older one of its key, a fault or a header.
    assert sum(part.lines for part in staged.read) == len(lines) + 2 * 3
    assert sum(sum(written.rows.values()) + sum(written.repeated.values()) for written in staged.written) == len(lines)
    places = [key for _, key in expected]
    assert sorted(staged.again) == sorted({key for key in places if places.count(key) > 1})
