"""COPY and UNLOAD."""

import bz2
import datetime
import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def table(warehouse):
    warehouse.run(
        "CREATE TABLE t (id int NOT NULL, name varchar(10), amount numeric(10,2), day date, at timestamp, ok bool, "
        "f float8)"
    )
    return warehouse


def rows(table):
    return table.rows("SELECT * FROM t ORDER BY id, name")


def test_parquet_goes_by_position_and_widens(table):
    day, at = datetime.date(2025, 1, 1), datetime.datetime(2025, 1, 1, 1, 2, 3, 500_000)
    for part, number in (("a", 1), ("b", 2)):
        table.put_parquet(
            f"in/{part}.parquet",
            x=pa.array([number, number + 10], pa.int32()),
            y=["é", None],
            z=pa.array([Decimal("1.5"), None], pa.decimal128(5, 1)),
            d=[day, None],
            t=pa.array([at, None], pa.timestamp("us")),
            o=[True, None],
            f=pa.array([1.5, None], pa.float32()),
        )
    assert table.copy("t", "in/", "FORMAT AS PARQUET") == 4
    assert rows(table)[0] == (1, "é", "1.50", "2025-01-01", "2025-01-01 01:02:03.5", True, 1.5)
    assert rows(table)[3] == (12, None, None, None, None, None, None)
    table.put_parquet("two/x.parquet", n=["q"], i=pa.array([5], pa.int16()))
    assert table.copy("t (name, id)", "two/x.parquet", "FORMAT PARQUET") == 1
    assert (5, "q", None, None, None, None, None) in rows(table)


def test_fillrecord_makes_columns_null_that_a_file_lacks_at_its_end(table):
    table.put_parquet("short/1.parquet", id=pa.array([1], pa.int32()), name=["x"])
    table.put_parquet("short/2.parquet", id=pa.array([2], pa.int32()), name=["y"], n=[Decimal("2.50")])
    assert "Unmatched number of columns" in table.fails(
        f"COPY t FROM 's3://{table.bucket}/short/' IAM_ROLE default PARQUET"
    )
    assert table.copy("t", "short/", "FORMAT PARQUET FILLRECORD") == 2
    assert rows(table) == [(1, "x", None, None, None, None, None), (2, "y", "2.50", None, None, None, None)]
    table.put_parquet("long/1.parquet", **{f"c{number}": pa.array([1], pa.int32()) for number in range(8)})
    assert "Table columns: 7, Data columns: 8" in table.fails(
        f"COPY t FROM 's3://{table.bucket}/long/' IAM_ROLE default PARQUET FILLRECORD"
    )
    assert "FILLRECORD of COPY from text" in table.fails(
        f"COPY t FROM 's3://{table.bucket}/short/' IAM_ROLE default CSV FILLRECORD"
    )


def test_a_manifest_says_how_long_columnar_files_are(table):
    table.put_parquet("m/1.parquet", id=pa.array([1], pa.int32()), name=["x"])
    entry = {"url": f"s3://{table.bucket}/m/1.parquet", "mandatory": True}
    table.put("manifest", json.dumps({"entries": [entry]}))
    failed = table.fails(f"COPY t FROM 's3://{table.bucket}/manifest' IAM_ROLE default PARQUET MANIFEST FILLRECORD")
    assert "needs meta with a content_length" in failed
    table.put("manifest", json.dumps({"entries": [entry | {"meta": {"content_length": 1000}}]}))
    assert table.copy("t", "manifest", "PARQUET MANIFEST FILLRECORD") == 1


def test_parquet_that_does_not_fit_loads_nothing(table):
    def copy(key, target="t (id, name)"):
        return table.fails(f"COPY {target} FROM 's3://{table.bucket}/{key}' IAM_ROLE default FORMAT AS PARQUET")

    table.put_parquet("a/1.parquet", id=[1], name=["x"])
    assert "incompatible Parquet schema for column 't.id'. Column type: INT4, Parquet schema: int64" in copy("a/")
    assert "Unmatched number of columns between table and file. Table columns: 7, Data columns: 2" in copy("a/", "t")
    assert "The specified S3 prefix 'none/' does not exist" in copy("none/")
    table.put("bad/x.parquet", "no parquet at all")
    assert "is not a valid Parquet file" in copy("bad/")
    assert "NoSuchBucket" in table.fails("COPY t FROM 's3://no-such-bucket/x' IAM_ROLE default PARQUET")
    table.put_parquet("long/1.parquet", id=pa.array([1], pa.int32()), name=["much too long a name"])
    assert copy("long/") == "ERROR: Value too long for character type"
    assert rows(table) == []


CSV = 'id,name,amount,day,at,ok,f\n1,"a, ""b""\nc",1.005,2025-01-01,2025-01-01 10:00:00,t,1e3\n2,,,,,false,\n'


@pytest.mark.parametrize(
    ("pack", "option"), [(bytes, ""), (gzip.compress, "GZIP"), (bz2.compress, "BZIP2")], ids=["plain", "gzip", "bzip2"]
)
def test_csv(table, pack, option):
    table.put("in/x.csv", pack(CSV.encode()))
    assert (
        table.copy("t", "in/", f"FORMAT AS CSV IGNOREHEADER 1 {option} COMPUPDATE OFF STATUPDATE ON REGION 'us-east-1'")
        == 2
    )
    assert rows(table) == [
        (1, 'a, "b"\nc', "1.01", "2025-01-01", "2025-01-01 10:00:00", True, 1000.0),
        (2, "", None, None, None, False, None),
    ]


def test_nulls_and_delimiters_of_text(table):
    table.put("in/x.txt", "1|\\N|2\n2|NIL|3\n3|   |\n")
    assert table.copy("t (id, name, amount)", "in/x.txt") == 3
    assert [row[1] for row in rows(table)] == [None, "NIL", "   "]
    table.run("TRUNCATE t")
    table.copy("t (id, name, amount)", "in/x.txt", "DELIMITER AS '|' NULL AS 'NIL' BLANKSASNULL EMPTYASNULL")
    assert [row[1] for row in rows(table)] == ["\\N", None, None]


def test_bad_rows_count_against_maxerror(table):
    lines = [
        "1,one,1.5",
        "x,two,2",
        "3,name longer than ten,3",
        ",four,4",
        "5,five",
        "6,six,6,6",
        "7,seven,1.2.3",
        "8,ok,8",
    ]
    table.put("in/x.csv", "\n".join(lines) + "\n")
    place = f"COPY t (id, name, amount) FROM 's3://{table.bucket}/in/' IAM_ROLE default CSV"
    error = table.fails(place)
    assert error.startswith(
        "ERROR: Load into table 't' failed.  Check 'sys_load_error_detail' system table for details."
    )
    assert "6 errors, MAXERROR 0; the first: s3://" in error
    assert "MAXERROR 6" in table.fails(f"{place} MAXERROR 6")
    assert rows(table) == []
    assert table.run(f"{place} MAXERROR 7")["ResultRows"] == 2
    assert [row[0] for row in rows(table)] == [1, 8]
    table.put("in/x.csv", "9,name longer than ten,3\n")
    assert table.run(f"{place} TRUNCATECOLUMNS")["ResultRows"] == 1
    assert rows(table)[-1][1] == "name longe"


def test_a_manifest_names_its_files(table):
    for number in (1, 2, 3):
        table.put(f"in/{number}.csv", f"{number},n\n")
    entries = [{"url": f"s3://{table.bucket}/in/{number}.csv", "mandatory": True} for number in (1, 3)]
    table.put("m.json", json.dumps({"entries": [*entries, {"url": f"s3://{table.bucket}/gone", "mandatory": False}]}))
    assert table.copy("t (id, name)", "m.json", "CSV MANIFEST") == 2
    table.put("m.json", json.dumps({"entries": [{"url": f"s3://{table.bucket}/gone", "mandatory": True}]}))
    place = f"COPY t (id, name) FROM 's3://{table.bucket}/m.json' IAM_ROLE default CSV MANIFEST"
    assert "is mandatory and missing" in table.fails(place)
    table.put("m.json", "[]")
    assert "is not valid" in table.fails(place)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("COPY t FROM 's3://b/k' CSV", "needs IAM_ROLE"),
        ("COPY t FROM 's3://b/k' IAM_ROLE default JSON 'auto'", "COPY of the format JSON"),
        ("COPY t FROM 's3://b/k' IAM_ROLE default CSV ACCEPTINVCHARS", "ACCEPTINVCHARS of COPY"),
        ("COPY t FROM 'dynamodb://x' IAM_ROLE default", "COPY from dynamodb"),
        ("COPY t FROM 's3://b/k' IAM_ROLE default CSV FROBNICATE", 'syntax error at or near "FROBNICATE"'),
        ("COPY t FROM 's3://b/k' IAM_ROLE default CSV DELIMITER '||'", "a single character"),
        ("COPY t FROM 's3://b/k' IAM_ROLE default PARQUET MAXERROR 3", "not valid for COPY from columnar"),
        ("COPY t (nope) FROM 's3://b/k' IAM_ROLE default CSV", 'column "nope" of relation "t" does not exist'),
        ("UNLOAD ('SELECT 1') TO 's3://bucket/k' FORMAT PARQUET", "needs IAM_ROLE"),
        ("UNLOAD ('SELECT 1') TO 's3://bucket/k' IAM_ROLE default", "delimited text"),
        ("UNLOAD ('DELETE FROM t') TO 's3://bucket/k' IAM_ROLE default PARQUET", "is not supported"),
    ],
)
def test_options_that_cannot_be_are_refused(table, sql, reason):
    assert reason in table.fails(sql)


def unload(table, query, key, options):
    text = query.replace("'", "''")
    return table.run(f"UNLOAD ('{text}') TO 's3://{table.bucket}/{key}' IAM_ROLE 'arn:aws:iam::1:role/r' {options}")


def test_unload_parquet_whole_and_by_partitions(table):
    table.run("INSERT INTO t (id, name, amount) VALUES (1, 'a/b', 1.5), (2, NULL, 2.5), (3, 'a/b', 3.5)")
    query = "SELECT id, amount, name FROM t WHERE nvl(name, 'x') <> 'none' ORDER BY id"
    assert unload(table, query, "out/all_", "FORMAT AS PARQUET MANIFEST")["ResultRows"] == 3
    assert table.keys("out/") == ["out/all_0000_part_00.parquet", "out/all_manifest"]
    found = pq.read_table(io.BytesIO(table.get("out/all_0000_part_00.parquet")))
    assert found.to_pylist()[0] == {"id": 1, "amount": Decimal("1.50"), "name": "a/b"}
    assert "Specified unload destination on S3 is not empty" in table.fails(
        f"UNLOAD ('SELECT 1 AS a') TO 's3://{table.bucket}/out/all_' IAM_ROLE default PARQUET"
    )
    unload(table, query, "parts", "PARQUET PARTITION BY (name)")
    assert table.keys("parts") == [
        "parts/name=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet",
        "parts/name=a%2Fb/0000_part_00.parquet",
    ]
    body = pq.ParquetFile(io.BytesIO(table.get("parts/name=a%2Fb/0000_part_00.parquet"))).read()
    assert body.to_pylist() == [{"id": 1, "amount": Decimal("1.50")}, {"id": 3, "amount": Decimal("3.50")}]
    unload(table, "SELECT 9 AS id, 1.5 AS amount, ''q'' AS name".replace("''", "'"), "parts/", "PARQUET CLEANPATH")
    assert table.keys("parts") == ["parts/0000_part_00.parquet"]


def test_what_is_unloaded_can_be_copied_back(table):
    table.run(
        "INSERT INTO t VALUES (1, 'a', 1.5, '2025-01-01', '2025-01-01 10:00:00', true, 2.5), "
        "(2, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    before = rows(table)
    unload(table, "SELECT * FROM t", "back/", "FORMAT PARQUET ALLOWOVERWRITE")
    table.run("DELETE FROM t")
    assert table.copy("t", "back/", "FORMAT PARQUET") == 2
    assert rows(table) == before
    unload(table, "SELECT id, name FROM t ORDER BY id", "csv/", "CSV HEADER GZIP")
    assert gzip.decompress(table.get("csv/0000_part_00.csv.gz")).decode().splitlines()[0].replace('"', "") == "id,name"
    table.run("DELETE FROM t")
    assert table.copy("t (id, name)", "csv/", "CSV IGNOREHEADER 1 GZIP EMPTYASNULL") == 2
    assert [row[:2] for row in rows(table)] == [(1, "a"), (2, None)]
