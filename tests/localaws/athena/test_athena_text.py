"""Text tables: LazySimpleSerDe, OpenCSVSerDe, JSON; compression, headers, bad values."""

import bz2
import gzip

import pytest

OPEN_CSV = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'"
OPENX = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"
HIVE_JSON = "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'"


def create(athena, columns, row_format, rest=""):
    athena.run(f"CREATE EXTERNAL TABLE t ({columns}) {row_format} LOCATION 's3://lake/t/' {rest}")


def test_delimited_text_by_position_with_nulls_for_what_is_missing_or_bad(athena):
    create(athena, "i int, s string, d date, x double, b boolean", "ROW FORMAT DELIMITED FIELDS TERMINATED BY ';'")
    athena.put(
        "t/a", '1;"q";2024-01-15;1e3;TRUE\n\\N;;15/01/2024;nope;yes\r\n 3 ;only\n2.7;1_000;2024-02-30;;;too many'
    )
    assert athena.rows("SELECT * FROM t") == [
        ["1", '"q"', "2024-01-15", "1000.0", "true"],
        [None, "", None, None, None],
        ["3", "only", None, None, None],
        [None, "1_000", None, None, None],
    ]


def test_the_default_delimiter_header_null_format_and_escape(athena):
    create(athena, "a string, b int", "", "TBLPROPERTIES ('skip.header.line.count' = '1')")
    athena.put("t/1", "a\x01b\nx\x011\n")
    athena.put("t/2", "a\x01b\ny\x012\n")
    assert athena.rows("SELECT * FROM t ORDER BY b") == [["x", "1"], ["y", "2"]]
    athena.run("DROP TABLE t")
    create(
        athena,
        "a string, b string",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\\\' NULL DEFINED AS 'NA'",
    )
    for key in ("t/1", "t/2"):
        athena.store.delete("lake", key)
    athena.put("t/1", "x\\,y,z\\\\\nNA,\\N\n")
    assert athena.rows("SELECT * FROM t") == [["x,y", "z\\"], [None, "N"]]


def test_collections_in_delimited_text(athena):
    create(
        athena,
        "l array<int>, m map<string,int>, r struct<a:int,b:string>",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' COLLECTION ITEMS TERMINATED BY '|' MAP KEYS TERMINATED BY ':'",
    )
    athena.put("t/1", "1|2|x,k:1|j:2,7|z\n")
    assert athena.rows("SELECT * FROM t") == [["[1, 2, null]", "{k=1, j=2}", "{a=7, b=z}"]]


@pytest.mark.parametrize(("name", "pack"), [("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.csv", bytes)])
def test_compression_goes_by_the_name(athena, name, pack):
    create(athena, "a int", "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','")
    body = pack(b"1\n2\n")
    athena.put(f"t/{name}", body)
    execution = athena.run("SELECT sum(a) AS n FROM t")
    assert execution["Statistics"]["DataScannedInBytes"] == len(body)
    assert athena.rows("SELECT sum(a) AS n FROM t") == [["3"]]


def test_damaged_and_unknown_compression_fail_by_name(athena):
    create(athena, "a int", "")
    athena.put("t/a.gz", gzip.compress(b"1\n" * 1000)[:20])
    assert athena.fails("SELECT * FROM t").startswith("HIVE_CURSOR_ERROR: Error reading s3://lake/t/a.gz")
    athena.put("t/a.gz", gzip.compress(b"1\n"))
    athena.put("t/b.lz4", b"x")
    assert "s3://lake/t/b.lz4: this compression is not supported" in athena.fails("SELECT * FROM t")


def test_bytes_that_are_not_utf8_become_the_replacement_character(athena):
    create(athena, "a string", "")
    athena.put("t/a", b"caf\xe9\n")
    assert athena.rows("SELECT a FROM t") == [["caf\ufffd"]]


def test_open_csv_has_quotes_and_escapes(athena):
    create(athena, "a string, b string, c string", OPEN_CSV)
    athena.put("t/a", '1,"he ""said"", hi",x\r\n2,"esc\\"aped",\n,,"",extra\n')
    assert athena.rows("SELECT * FROM t") == [["1", 'he "said", hi', "x"], ["2", 'esc"aped', ""], ["", "", ""]]


def test_open_csv_with_other_characters(athena):
    properties = "WITH SERDEPROPERTIES ('separatorChar' = '\\t', 'quoteChar' = '\\'', 'escapeChar' = '|')"
    create(athena, "a string, b string", f"{OPEN_CSV} {properties}")
    athena.put("t/a", "'x\ty'\tplain\n'it|'s'\tz\n")
    assert athena.rows("SELECT * FROM t") == [["x\ty", "plain"], ["it's", "z"]]


def test_open_csv_types_fail_on_bad_values(athena):
    create(athena, "n int, d date, ts timestamp", OPEN_CSV)
    athena.put("t/a", '"5","19737","1705312800000"\n')
    assert athena.rows("SELECT * FROM t") == [["5", "2024-01-15", "2024-01-15 10:00:00.000"]]
    athena.put("t/b", '"","1","1"\n')
    assert athena.fails("SELECT n FROM t").startswith("HIVE_BAD_DATA: Error parsing field value '' for field 0")


@pytest.mark.parametrize("serde", [OPENX, HIVE_JSON])
def test_json_lines(athena, serde):
    create(athena, "userid int, name string, tags array<string>, at timestamp, inner struct<a:int,b:double>", serde)
    athena.put(
        "t/a",
        '{"userId": 1, "name": "x\\ny", "tags": ["p", null], "at": "2024-01-15 10:00:00.5", '
        '"inner": {"A": 2, "b": 0.5}}\n'
        '{"name": null, "other": 1}\n',
    )
    assert athena.rows("SELECT * FROM t") == [
        ["1", "x\ny", "[p, null]", "2024-01-15 10:00:00.500", "{a=2, b=0.5}"],
        [None, None, None, None, None],
    ]


def test_json_that_is_malformed_or_of_another_type(athena):
    create(athena, "a int", OPENX)
    athena.put("t/a", '{"a": 1}\nnot json\n')
    assert athena.fails("SELECT a FROM t").startswith("HIVE_BAD_DATA: Error Parsing a row: not a JSON object: not json")
    athena.put("t/a", '{"a": "many"}\n')
    assert "HIVE_BAD_DATA: Error parsing value 'many' of field a" in athena.fails("SELECT a FROM t")
    athena.run("DROP TABLE t")
    create(
        athena, "a int, b int", f"{OPENX} WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true', 'mapping.b' = 'Bee')"
    )
    athena.put("t/a", '{"a": 1, "Bee": 2}\nnot json\n')
    assert athena.rows("SELECT a, b FROM t") == [["1", "2"], [None, None]]


def test_partitions_of_text_have_their_values(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (day date) LOCATION 's3://lake/t/'")
    athena.put("t/day=2024-01-15/a", "1\n2\n")
    athena.put("t/day=2024-01-16/a", "3\n")
    athena.run("MSCK REPAIR TABLE t")
    assert athena.rows("SELECT day, sum(a) AS n FROM t GROUP BY day ORDER BY day") == [
        ["2024-01-15", "3"],
        ["2024-01-16", "3"],
    ]
    execution = athena.run("SELECT a FROM t WHERE day = DATE '2024-01-16'")
    assert execution["Statistics"]["DataScannedInBytes"] == 2


def test_a_serde_that_is_not_here_is_refused(athena):
    athena.run("CREATE EXTERNAL TABLE t (a int) ROW FORMAT SERDE 'org.example.Other' LOCATION 's3://lake/t/'")
    reason = athena.fails("SELECT * FROM t")
    assert reason.startswith("HIVE_UNSUPPORTED_FORMAT: ")
    assert "org.example.Other" in reason
