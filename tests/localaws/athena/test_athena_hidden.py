"""The hidden columns ``"$path"`` and ``"$file_size"``."""

import pyarrow as pa
import pytest

PATHS = ["s3://lake/t/day=1/a.parquet", "s3://lake/t/day=1/b+ c's.parquet", "s3://lake/t/day=2/a.parquet"]


@pytest.fixture
def table(athena):
    for number, path in enumerate(PATHS):
        athena.put_parquet(path.removeprefix("s3://lake/"), pa.table({"n": [number, number + 10]}))
    # A file of another schema, which is read by a part of its own.
    athena.put_parquet("t/day=2/z.parquet", pa.table({"n": pa.array([99], pa.int32())}))
    athena.run("CREATE EXTERNAL TABLE t (n bigint) PARTITIONED BY (day int) STORED AS PARQUET LOCATION 's3://lake/t/'")
    athena.run("MSCK REPAIR TABLE t")
    return athena


def test_each_row_knows_its_object(table):
    rows = table.rows('SELECT n, "$path", day FROM t ORDER BY 2, 1')
    expected = [
        [str(n), path, path.split("day=")[1][0]] for number, path in enumerate(PATHS) for n in (number, number + 10)
    ]
    assert rows == [*expected, ["99", "s3://lake/t/day=2/z.parquet", "2"]]


def test_size_alone_and_by_group(table):
    sizes = {f"s3://lake/{info.key}": str(info.size) for info in table.store.list("lake", "t/")}
    rows = table.rows('SELECT t."$path", max("$file_size"), count(*) FROM t GROUP BY "$path"')
    assert {row[0]: row[1] for row in rows} == sizes
    assert sorted(row[2] for row in rows) == ["1", "2", "2", "2"]
    assert table.rows('SELECT DISTINCT "$file_size" FROM t WHERE "$path" LIKE \'%z.parquet\'') == [
        [sizes["s3://lake/t/day=2/z.parquet"]]
    ]


def test_stars_show_lists_and_views_do_not_have_them(table):
    assert table.cells("SELECT * FROM t WHERE n = 99") == [["n", "day"], ["99", "2"]]
    assert table.cells("SELECT x.* FROM t AS x (a, b) WHERE a = 99") == [["a", "b"], ["99", "2"]]
    assert "$" not in "".join(table.lines("SHOW COLUMNS IN t"))
    table.run("CREATE VIEW v AS SELECT * FROM t")
    assert "COLUMN_NOT_FOUND" in table.fails('SELECT "$path" FROM v')
    assert "COLUMN_NOT_FOUND" in table.fails('SELECT "$path" FROM t AS x (a, b)')
    assert "COLUMN_NOT_FOUND" in table.fails('SELECT "$path" FROM (SELECT n FROM t)')
    assert "AMBIGUOUS_NAME" in table.fails('SELECT "$path" FROM t AS a JOIN t AS b ON a.n = b.n')


def test_only_the_objects_that_a_condition_names_are_read(table):
    whole = table.run("SELECT n FROM t")["Statistics"]["DataScannedInBytes"]
    one = table.run(f"SELECT n FROM t WHERE \"$path\" = '{PATHS[0]}'")["Statistics"]["DataScannedInBytes"]
    assert 0 < one < whole
    assert table.rows(f"SELECT n FROM t WHERE \"$path\" = '{PATHS[0]}' ORDER BY n") == [["0"], ["10"]]
    assert table.rows("SELECT n FROM t WHERE \"$path\" = 's3://lake/none'") == []
    assert table.rows('SELECT "$path", n FROM t WHERE "$path" = \'s3://lake/none\'') == []


def test_text_tables_and_joins(athena):
    athena.put("c/one.csv", "1\n2\n")
    athena.put("c/two.csv", "3\n")
    athena.run("CREATE EXTERNAL TABLE c (n int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/c/'")
    assert athena.rows('SELECT n, "$path", "$file_size" FROM c ORDER BY n') == [
        ["1", "s3://lake/c/one.csv", "4"],
        ["2", "s3://lake/c/one.csv", "4"],
        ["3", "s3://lake/c/two.csv", "2"],
    ]
    sql = 'SELECT a."$path", count(*) FROM c AS a JOIN c AS b ON a."$path" = b."$path" GROUP BY 1 ORDER BY 1'
    assert athena.rows(sql) == [["s3://lake/c/one.csv", "4"], ["s3://lake/c/two.csv", "1"]]


def test_a_table_without_objects(athena):
    athena.run("CREATE EXTERNAL TABLE e (n bigint) STORED AS PARQUET LOCATION 's3://lake/e/'")
    assert athena.cells('SELECT "$path", "$file_size", n FROM e') == [["$path", "$file_size", "n"]]
