"""CREATE TABLE AS, INSERT INTO, UNLOAD: what is written, what the catalog learns, and that failures leave nothing."""

import gzip
import json

import pyarrow.parquet as pq
import pytest

SOURCE = "(VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, NULL, 'y')) AS s(n, t, p)"


def parquet(athena, key):
    return pq.ParquetFile(athena.store.head("lake", key).path)


def test_create_table_as_makes_a_table_that_can_be_read(athena):
    sql = f"CREATE TABLE made WITH (external_location = 's3://lake/made/') AS SELECT n, t FROM {SOURCE}"
    execution = athena.run(sql)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE_AS_SELECT")
    assert athena.rows("SELECT * FROM made ORDER BY n") == [["1", "a"], ["2", "b"], ["3", None]]
    (key,) = athena.keys("made/")
    table = athena.catalog.get_table(athena.database, "made")
    assert table["StorageDescriptor"]["Columns"] == [{"Name": "n", "Type": "int"}, {"Name": "t", "Type": "varchar(1)"}]
    assert table["StorageDescriptor"]["Location"] == "s3://lake/made/"
    assert parquet(athena, key).metadata.row_group(0).column(0).compression == "GZIP"
    manifest = execution["Statistics"]["DataManifestLocation"]
    identifier = execution["QueryExecutionId"]
    assert manifest == f"s3://results/out/{identifier}-manifest.csv"
    assert athena.text(f"out/{identifier}-manifest.csv") == f"s3://lake/{key}\n"
    answer = athena.call("GetQueryResults", QueryExecutionId=identifier)
    assert (answer["UpdateCount"], answer["ResultSet"]["Rows"]) == (3, [])


def test_without_a_location_the_table_lies_with_the_results(athena):
    identifier = athena.run("CREATE TABLE made AS SELECT 1 AS n")["QueryExecutionId"]
    location = athena.catalog.get_table(athena.database, "made")["StorageDescriptor"]["Location"]
    assert location == f"s3://results/out/tables/{identifier}/"
    assert athena.rows("SELECT n FROM made") == [["1"]]


def test_types_are_written_as_the_catalog_says(athena):
    athena.run(
        "CREATE TABLE made WITH (external_location = 's3://lake/made/', write_compression = 'ZSTD') AS SELECT "
        "CAST(1 AS tinyint) a, CAST(1 AS bigint) b, CAST(1.5 AS decimal(10,2)) c, REAL '0.5' d, 2e0 e, true f, "
        "DATE '2024-01-15' g, TIMESTAMP '2024-01-15 10:00:00.123' h, CAST('x' AS varchar) i, "
        "ARRAY[1] j, MAP(ARRAY['k'], ARRAY[1]) k, CAST(ROW(1, 'y') AS ROW(p integer, q varchar)) l, X'00ff' m"
    )
    (key,) = athena.keys("made/")
    table = athena.catalog.get_table(athena.database, "made")
    assert [column["Type"] for column in table["StorageDescriptor"]["Columns"]] == [
        *("tinyint", "bigint", "decimal(10,2)", "float", "double", "boolean", "date", "timestamp", "string"),
        *("array<int>", "map<varchar(1),int>", "struct<p:int,q:string>", "binary"),
    ]
    schema = parquet(athena, key).schema
    time = schema.column(7)
    assert (time.physical_type, json.loads(time.logical_type.to_json())["timeUnit"]) == ("INT64", "milliseconds")
    assert parquet(athena, key).metadata.row_group(0).column(0).compression == "ZSTD"
    (row,) = athena.rows("SELECT * FROM made")
    assert row[:9] == ["1", "1", "1.50", "0.5", "2.0", "true", "2024-01-15", "2024-01-15 10:00:00.123", "x"]
    assert row[9:] == ["[1]", "{k=1}", "{p=1, q=y}", "00 ff"]


def test_partitioned_tables_are_written_by_folder_and_registered(athena):
    athena.run(
        "CREATE TABLE made WITH (external_location = 's3://lake/made/', partitioned_by = ARRAY['p']) AS "
        f"SELECT n, t, p FROM {SOURCE} UNION ALL SELECT 4, 'd', NULL UNION ALL SELECT 5, 'e', 'a/b=c d'"
    )
    folders = sorted(key.rpartition("/")[0] for key in athena.keys("made/"))
    assert folders == ["made/p=__HIVE_DEFAULT_PARTITION__", "made/p=a%2Fb%3Dc d", "made/p=x", "made/p=y"]
    assert athena.rows("SELECT n, p FROM made ORDER BY n") == [
        ["1", "x"],
        ["2", "x"],
        ["3", "y"],
        ["4", None],
        ["5", "a/b=c d"],
    ]
    assert "p" not in parquet(athena, athena.keys("made/p=x/")[0]).schema_arrow.names


def test_more_than_a_hundred_partitions_fail_and_leave_nothing(athena):
    sql = "SELECT x AS n, x AS p FROM unnest(sequence(1, {})) t(x)"
    made = "CREATE TABLE made WITH (external_location = 's3://lake/made/', partitioned_by = ARRAY['p']) AS "
    assert athena.fails(made + sql.format(101)).startswith("HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100")
    assert athena.keys("made/") == []
    assert "TABLE_NOT_FOUND" in athena.fails("SELECT * FROM made")
    athena.run(made + sql.format(100))
    assert athena.rows("SELECT count(*) FROM made") == [["100"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE m AS SELECT 1", "MISSING_COLUMN_NAME"),
        ("CREATE TABLE m AS SELECT NULL AS a", "COLUMN_TYPE_UNKNOWN"),
        ("CREATE TABLE m AS SELECT 1 AS a, 2 AS A", "DUPLICATE_COLUMN_NAME"),
        ("CREATE TABLE m AS SELECT TIMESTAMP '2024-01-01 00:00:00.123456' AS a", "NOT_SUPPORTED: Incorrect timestamp"),
        ("CREATE TABLE m AS SELECT TIME '10:00:00' AS a", "NOT_SUPPORTED: Unsupported Hive type: time"),
        ("CREATE TABLE m WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b", "HIVE_COLUMN_ORDER_MISMATCH"),
        ("CREATE TABLE m WITH (bucketed_by = ARRAY['a']) AS SELECT 1 AS a", "NOT_SUPPORTED: property 'bucketed_by'"),
        ("CREATE TABLE m WITH (format = 'ORC') AS SELECT 1 AS a", "NOT_SUPPORTED: format ORC"),
        ("CREATE TABLE m WITH (table_type = 'ICEBERG') AS SELECT 1 AS a", "NOT_SUPPORTED: Iceberg"),
        ("CREATE TABLE m WITH (write_compression = 'BROTLI') AS SELECT 1 AS a", "NOT_SUPPORTED: compression BROTLI"),
        ("CREATE TABLE m WITH (external_location = 's3://lake/full/') AS SELECT 1 AS a", "HIVE_PATH_ALREADY_EXISTS"),
        ("CREATE TABLE m WITH (external_location = 's3://lake/../x/') AS SELECT 1 AS a", "INVALID_LOCATION"),
        ("CREATE TABLE m WITH (external_location = '/etc/') AS SELECT 1 AS a", "INVALID_LOCATION"),
        ("CREATE TABLE there AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS"),
        ("UNLOAD (SELECT 1 AS a) TO 's3://lake/full/' WITH (format = 'PARQUET')", "HIVE_PATH_ALREADY_EXISTS"),
        ("INSERT INTO there SELECT 'x'", "TYPE_MISMATCH: Insert query has mismatched column types"),
        ("INSERT INTO there SELECT 1, 2", "TYPE_MISMATCH: Insert query has mismatched column types"),
        ("INSERT INTO there (b) SELECT 1", "COLUMN_NOT_FOUND"),
        ("INSERT INTO nowhere SELECT 1", "TABLE_NOT_FOUND"),
        ("INSERT INTO there SELECT 1 / (n - n) FROM (VALUES 1) t(n)", "DIVISION_BY_ZERO"),
    ],
)
def test_what_cannot_be_written_fails_and_leaves_no_object(athena, sql, reason):
    athena.put("full/x", "x")
    athena.run("CREATE EXTERNAL TABLE there (a int) STORED AS PARQUET LOCATION 's3://lake/there/'")
    before = athena.keys()
    assert athena.fails(sql).startswith(reason)
    assert athena.keys() == before
    assert [key for key in athena.keys(bucket="results") if "tables/" in key or "manifest" in key] == []
    assert [table["Name"] for table in athena.catalog.tables(athena.database)] == ["there"]


def test_create_table_if_not_exists_and_with_no_data(athena):
    athena.run("CREATE TABLE made WITH (external_location = 's3://lake/made/') AS SELECT 1 AS n WITH NO DATA")
    assert athena.keys("made/") == []
    assert athena.rows("SELECT * FROM made") == []
    athena.run("CREATE TABLE IF NOT EXISTS made AS SELECT 2 AS n")
    assert athena.rows("SELECT * FROM made") == []


def test_insert_adds_rows_and_registers_new_partitions(athena):
    athena.run(
        "CREATE EXTERNAL TABLE t (a bigint, b string) PARTITIONED BY (p string, q int) STORED AS PARQUET "
        "LOCATION 's3://lake/t/'"
    )
    execution = athena.run("INSERT INTO t VALUES (1, 'x', 'new', 7), (2, NULL, 'new', 8)")
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "INSERT")
    athena.run("INSERT INTO t (q, p, a) SELECT 7, 'new', 3")
    assert athena.rows("SELECT * FROM t ORDER BY a") == [
        ["1", "x", "new", "7"],
        ["2", None, "new", "8"],
        ["3", None, "new", "7"],
    ]
    assert athena.lines("SHOW PARTITIONS t") == ["p=new/q=7", "p=new/q=8"]
    assert len(athena.keys("t/p=new/q=7/")) == 2


def test_insert_into_a_partition_that_lies_elsewhere_goes_there(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p string) STORED AS PARQUET LOCATION 's3://lake/t/'")
    athena.run("ALTER TABLE t ADD PARTITION (p = 'x') LOCATION 's3://lake/away/'")
    athena.run("INSERT INTO t VALUES (1, 'x')")
    assert athena.keys("t/") == []
    assert athena.rows("SELECT * FROM t") == [["1", "x"]]


@pytest.mark.parametrize("serde", ["", "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"])
def test_insert_into_text_tables_reads_back_the_same(athena, serde):
    athena.run(f"CREATE EXTERNAL TABLE t (a int, b string, c timestamp, d boolean) {serde} LOCATION 's3://lake/t/'")
    athena.run(
        "INSERT INTO t VALUES (1, 'x, \"y\"', TIMESTAMP '2024-01-15 10:00:00.5', true), (NULL, NULL, NULL, NULL)"
    )
    assert athena.rows("SELECT * FROM t ORDER BY a NULLS LAST") == [
        ["1", 'x, "y"', "2024-01-15 10:00:00.500", "true"],
        [None, None, None, None],
    ]


def test_unload_parquet_text_and_json(athena):
    query = f"SELECT n, t FROM {SOURCE}"
    athena.run(f"UNLOAD ({query}) TO 's3://lake/u1/' WITH (format = 'PARQUET', compression = 'SNAPPY')")
    (key,) = athena.keys("u1/")
    assert parquet(athena, key).read().to_pydict() == {"n": [1, 2, 3], "t": ["a", "b", None]}
    athena.run(f"UNLOAD ({query}) TO 's3://lake/u2/' WITH (format = 'TEXTFILE', field_delimiter = '|')")
    (key,) = athena.keys("u2/")
    assert key.endswith(".gz")
    with athena.store.open("lake", key) as source:
        assert gzip.decompress(source.read()) == b"1|a\n2|b\n3|\\N\n"
    athena.run(f"UNLOAD ({query}) TO 's3://lake/u3/' WITH (format = 'JSON', compression = 'NONE')")
    (key,) = athena.keys("u3/")
    assert [json.loads(line) for line in athena.text(key, "lake").splitlines()] == [
        {"n": 1, "t": "a"},
        {"n": 2, "t": "b"},
        {"n": 3, "t": None},
    ]


def test_text_that_would_break_its_line_is_not_written(athena):
    for value in ("'a|b'", "'a' || chr(10) || 'b'"):
        sql = f"UNLOAD (SELECT {value} AS v) TO 's3://lake/u/' WITH (format = 'TEXTFILE', field_delimiter = '|')"
        assert athena.fails(sql).startswith("HIVE_WRITER_DATA_ERROR: a value of v holds the delimiter or a line break")
        assert athena.keys("u/") == []


def test_unload_partitioned_takes_the_last_columns_and_allows_unnamed_ones(athena):
    sql = f"UNLOAD (SELECT count(*), p FROM {SOURCE} GROUP BY p) TO 's3://lake/u/' "
    athena.run(sql + "WITH (format = 'PARQUET', partitioned_by = ARRAY['p'])")
    assert sorted(key.rpartition("/")[0] for key in athena.keys("u/")) == ["u/p=x", "u/p=y"]
    assert athena.catalog.tables(athena.database) == []


def test_an_empty_result_writes_no_object(athena):
    execution = athena.run("UNLOAD (SELECT 1 AS a WHERE false) TO 's3://lake/u/' WITH (format = 'PARQUET')")
    assert athena.keys("u/") == []
    assert athena.text(f"out/{execution['QueryExecutionId']}-manifest.csv") == ""


def test_a_put_that_fails_takes_the_others_back(athena, monkeypatch):
    real, calls = athena.store.put, []

    def put(bucket, key, body, **given):
        if bucket == "lake":
            calls.append(key)
            if len(calls) == 2:
                raise OSError("disk full")
        return real(bucket, key, body, **given)

    monkeypatch.setattr(athena.store, "put", put)
    sql = f"UNLOAD (SELECT n, p FROM {SOURCE}) TO 's3://lake/u/' WITH (format = 'PARQUET', partitioned_by = ARRAY['p'])"
    assert "disk full" in athena.fails(sql)
    assert len(calls) == 2
    assert athena.keys("u/") == []


def test_large_results_are_cut_into_files_and_row_groups(athena):
    sql = (
        "SELECT x * 1000 + y AS n, to_hex(sha256(to_utf8(CAST(x * 1000 + y AS varchar)))) AS h "
        "FROM unnest(sequence(1, 300)) a(x) CROSS JOIN unnest(sequence(1, 1000)) b(y)"
    )
    athena.run(f"UNLOAD ({sql}) TO 's3://lake/u/' WITH (format = 'PARQUET', compression = 'ZSTD')")
    files = [parquet(athena, key) for key in athena.keys("u/")]
    assert sum(file.metadata.num_rows for file in files) == 300000
    assert max(file.metadata.row_group(0).num_rows for file in files) <= 130_000
