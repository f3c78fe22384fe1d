"""What a crawler makes of one folder of files: format, columns, serialisation library, parameters."""

import datetime
import decimal
import gzip
import io
import random

import pyarrow as pa
import pyarrow.parquet as pq

TEXT_FORMATS = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)


def formats(table):
    return table["StorageDescriptor"]["InputFormat"], table["StorageDescriptor"]["OutputFormat"]


def test_parquet_columns_take_their_types_from_the_footer(lake):
    point = pa.struct([("X", pa.int32()), ("tags", pa.list_(pa.string()))])
    table = pa.table(
        {
            "A_Boolean": pa.array([True]),
            "tiny": pa.array([1], pa.int8()),
            "small": pa.array([1], pa.int16()),
            "an_int": pa.array([1], pa.int32()),
            "big": pa.array([1], pa.int64()),
            "real": pa.array([1.0], pa.float32()),
            "dbl": pa.array([1.0], pa.float64()),
            "text": pa.array(["x"]),
            "category": pa.array(["x"]).dictionary_encode(),
            "raw": pa.array([b"x"]),
            "day": pa.array([datetime.date(2024, 1, 1)]),
            "at": pa.array([datetime.datetime(2024, 1, 1)], pa.timestamp("us", tz="UTC")),
            "amount": pa.array([decimal.Decimal("1.20")], pa.decimal128(12, 2)),
            "points": pa.array([[{"X": 1, "tags": ["a"]}]], pa.list_(point)),
            "counts": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        }
    )
    body = io.BytesIO()
    pq.write_table(table, body)
    lake.put("t/a.parquet", body.getvalue())

    found = lake.crawl("t/")["t"]

    assert lake.columns("t") == [
        ("a_boolean", "boolean"),
        ("tiny", "tinyint"),
        ("small", "smallint"),
        ("an_int", "int"),
        ("big", "bigint"),
        ("real", "float"),
        ("dbl", "double"),
        ("text", "string"),
        ("category", "string"),
        ("raw", "binary"),
        ("day", "date"),
        ("at", "timestamp"),
        ("amount", "decimal(12,2)"),
        ("points", "array<struct<x:int,tags:array<string>>>"),
        ("counts", "map<string,bigint>"),
    ]
    assert formats(found) == (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    )
    assert found["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    }
    parameters = found["Parameters"]
    assert found["StorageDescriptor"]["Parameters"] == parameters
    assert parameters.pop("averageRecordSize").isdigit()
    assert parameters == {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": lake.crawler,
        "classification": "parquet",
        "compressionType": "none",
        "objectCount": "1",
        "recordCount": "1",
        "sizeKey": str(len(body.getvalue())),
        "typeOfData": "file",
    }


def test_csv_with_a_header(lake):
    body = "Id,Full Name,Score,Since,Empty\n1,ann,1.5,2024-01-01,\n-22,bob,3,2024-01-02,\n"
    lake.put("people/a.csv", body)

    found = lake.crawl("people")["people"]

    assert lake.columns("people") == [
        ("id", "bigint"),
        ("full name", "string"),
        ("score", "double"),
        ("since", "string"),
        ("empty", "string"),
    ]
    assert formats(found) == TEXT_FORMATS
    assert found["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    assert found["Parameters"] == {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": lake.crawler,
        "areColumnsQuoted": "false",
        "averageRecordSize": "38",
        "classification": "csv",
        "columnsOrdered": "true",
        "compressionType": "none",
        "delimiter": ",",
        "objectCount": "1",
        "recordCount": "2",
        "sizeKey": str(len(body)),
        "skip.header.line.count": "1",
        "typeOfData": "file",
    }


def test_csv_whose_first_row_is_as_the_others_has_no_header(lake):
    lake.put("t/a.csv", "ann,London\nbob,Paris\n")
    found = lake.crawl("t/")["t"]
    assert lake.columns("t") == [("col0", "string"), ("col1", "string")]
    assert "skip.header.line.count" not in found["Parameters"]
    assert found["Parameters"]["recordCount"] == "2"


def test_csv_whose_first_row_holds_a_number_has_no_header(lake):
    lake.put("t/a.csv", "1,ann\n2,bob\n")
    lake.crawl("t/")
    assert lake.columns("t") == [("col0", "bigint"), ("col1", "string")]


def test_csv_delimiters(lake):
    for name, delimiter in {"pipe": "|", "tab": "\t", "semicolon": ";", "ctrl_a": "\x01"}.items():
        rows = [["name", "n"], ["a,b", "1"], ["c,d", "2"]]
        lake.put(f"all/{name}/a.txt", "\n".join(delimiter.join(row) for row in rows))
    tables = lake.crawl("all/pipe/", "all/tab/", "all/semicolon/", "all/ctrl_a/")
    delimiters = {name: table["Parameters"]["delimiter"] for name, table in tables.items()}
    assert delimiters == {"pipe": "|", "tab": "\t", "semicolon": ";", "ctrl_a": "\x01"}
    assert {tuple(lake.columns(name)) for name in tables} == {(("name", "string"), ("n", "bigint"))}


def test_quoted_csv_is_read_by_open_csv_serde_as_text(lake):
    lake.put("t/a.csv", 'id,note\n1,"a, b"\n2,"two\nlines"\n')
    found = lake.crawl("t/")["t"]
    assert lake.columns("t") == [("id", "string"), ("note", "string")]
    assert found["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    }
    assert found["Parameters"]["areColumnsQuoted"] == "true"
    assert found["Parameters"]["recordCount"] == "2"


def test_gzip_csv(lake):
    lake.put("t/a.csv.gz", gzip.compress(b"id,name\n1,a\n2,b\n"))
    found = lake.crawl("t/")["t"]
    assert lake.columns("t") == [("id", "bigint"), ("name", "string")]
    assert (found["Parameters"]["compressionType"], found["StorageDescriptor"]["Compressed"]) == ("gzip", True)


def test_gzip_whose_first_megabyte_ends_within_a_record(lake):
    noise = random.Random(1)
    rows = "".join(f'{{"id": {n}, "text": "{noise.randbytes(30).hex()}"}}\n' for n in range(40_000))
    lake.put("t/a.json.gz", gzip.compress(rows.encode(), 1))
    lake.put("t/b.json.gz", gzip.compress(b'{"id": 1, "text": ""}\n') + gzip.compress(b'{"id": 2, "te'))
    lake.crawl("t/")
    assert lake.columns("t") == [("id", "int"), ("text", "string")]


def test_a_large_csv_is_judged_by_its_first_megabyte(lake):
    lake.put("t/a.csv", "id,name\n" + "".join(f"{n},name{n:07}\n" for n in range(200_000)))
    found = lake.crawl("t/")["t"]
    assert lake.columns("t") == [("id", "bigint"), ("name", "string")]
    # 1000 lines were read, of 16 bytes on average; the later ones are longer, so the number is too high.
    assert found["Parameters"]["recordCount"] == str(int(found["Parameters"]["sizeKey"]) // 16)


def test_json_lines(lake):
    lake.put(
        "t/a.json",
        '{"id": 1, "userName": "a", "at": {"lat": 1.5, "n": null}, "tags": ["x"], "big": 1}\n'
        '{"id": 2, "ok": true, "at": {"lat": 2, "n": 3}, "tags": [], "big": 99999999999}\n',
    )
    found = lake.crawl("t/")["t"]
    assert lake.columns("t") == [
        ("id", "int"),
        ("username", "string"),
        ("at", "struct<lat:double,n:int>"),
        ("tags", "array<string>"),
        ("big", "bigint"),
        ("ok", "boolean"),
    ]
    assert found["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"paths": "at,big,id,ok,tags,username"},
    }
    assert (found["Parameters"]["classification"], found["Parameters"]["recordCount"]) == ("json", "2")


def test_a_json_array_is_one_column(lake):
    lake.put("t/a.json", '[{"a": 1}, {"a": 2, "b": "x"}]')
    lake.crawl("t/")
    assert lake.columns("t") == [("array", "array<struct<a:int,b:string>>")]


def test_a_json_record_longer_than_the_first_megabyte(lake):
    lake.put("t/a.json", '{"id": 1, "text": "' + "x" * 1_500_000 + '"}\n{"id": 2, "text": ""}\n')
    lake.crawl("t/")
    assert lake.columns("t") == [("id", "int"), ("text", "string")]


def test_hidden_and_empty_objects_are_passed_over(lake):
    lake.put("t/a.csv", "id,n\n1,2\n")
    for key in ("t/_SUCCESS", "t/.hidden.csv", "t/_temporary/0/b.csv", "t/empty.csv", "t/folder/", "t/x_$folder$"):
        lake.put(key, "" if key in ("t/empty.csv", "t/folder/", "t/x_$folder$") else "other\n")
    found = lake.crawl("t/")["t"]
    assert (found["Parameters"]["objectCount"], found["PartitionKeys"]) == ("1", [])


def test_what_is_no_table_is_left_out_and_said_in_the_log(lake, client):
    lake.put("t/a.csv", "id,n\n1,2\n")
    lake.put("t/readme.txt", "Just a sentence.\n")
    lake.put("t/broken.json", '{"a": 1, "b": 2}\n{"a": 1, "b"\n')
    found = lake.crawl("t/")["t"]
    assert found["Parameters"]["objectCount"] == "1"
    events = client("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=lake.crawler)["events"]
    messages = [event["message"].partition("] ")[2] for event in events]
    readme = f"s3://{lake.bucket}/t/readme.txt"
    assert f"WARN : {readme} holds no table that could be recognised; it is left out" in messages
    assert messages[0] == f"BENCHMARK : Running Start Crawl for Crawler {lake.crawler}"
    assert messages[-1] == "BENCHMARK : Crawler has finished running and is in state READY"


def test_a_format_that_cannot_be_read_fails_the_crawl(lake):
    lake.put("t/a.avro", b"Obj\x01" + b"\0" * 20)
    lake.create("t/")
    last = lake.run()
    assert last["Status"] == "FAILED"
    assert last["ErrorMessage"].startswith(f"UnsupportedFormatException: s3://{lake.bucket}/t/a.avro is Avro, which")


def test_a_broken_parquet_file_fails_the_crawl(lake):
    lake.put("t/a.parquet", b"PAR1 and then nothing of the kind")
    lake.create("t/")
    last = lake.run()
    assert last["Status"] == "FAILED"
    assert "s3://" + lake.bucket + "/t/a.parquet is a broken Parquet file" in last["ErrorMessage"]
