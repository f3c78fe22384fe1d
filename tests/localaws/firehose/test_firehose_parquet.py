"""JSON to Parquet by a Glue table."""

import base64
import io
import json
import time
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/firehose"
OPENX = {"OpenXJsonSerDe": {}}
COLUMNS = [
    ("id", "bigint"),
    ("small", "tinyint"),
    ("name", "string"),
    ("price", "double"),
    ("amount", "decimal(10,2)"),
    ("ok", "boolean"),
    ("day", "date"),
    ("at", "timestamp"),
    ("tags", "array<string>"),
    ("counts", "map<string,int>"),
    ("place", "struct<City:string,zip:int>"),
]


@pytest.fixture
def converting(stream, client):
    """Makes a table and a stream that converts by it."""

    def make(columns=COLUMNS, reader=OPENX, writer=None, exists=True, prefix="data/!{timestamp:'x'}-", **settings):
        database = f"firehose_{stream.number}"
        glue = client("glue")
        glue.create_database(DatabaseInput={"Name": database})
        stream.table = {
            "Name": "events",
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
                "Location": f"s3://{stream.bucket}/data/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        }
        stream.database = database
        if exists:
            glue.create_table(DatabaseName=database, TableInput=stream.table)
        conversion = {
            "Enabled": True,
            "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": database, "TableName": "events"},
            "InputFormatConfiguration": {"Deserializer": reader},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": writer or {}}},
        }
        stream.create(
            DataFormatConversionConfiguration=conversion,
            Prefix=prefix,
            ErrorOutputPrefix="bad/!{firehose:error-output-type}/",
            **settings,
        )
        return stream

    return make


def test_every_type_is_converted_and_can_be_queried(converting):
    stream = converting()
    first = {
        "ID": 1,
        "small": "7",
        "Name": "Zoë",
        "price": 1.5,
        "amount": 12.345,
        "ok": "TRUE",
        "day": "2025-02-28",
        "at": "2025-02-28T23:59:59.123456Z",
        "tags": ["a", None],
        "counts": {"x": 1},
        "place": {"city": "Bern", "ZIP": 3000, "more": 1},
        "unknown": 1,
    }
    stream.put(first, {"id": 2, "name": {"a": [1]}, "at": "2025-01-02 03:04:05"}, {"id": 3, "at": 1735689600})
    ((key, rows),) = stream.parquet().items()
    assert key.startswith("data/x-stream-") and key.endswith(".parquet")
    assert rows[0] == {
        "id": 1,
        "small": 7,
        "name": "Zoë",
        "price": 1.5,
        "amount": Decimal("12.34"),
        "ok": True,
        "day": date(2025, 2, 28),
        "at": datetime(2025, 2, 28, 23, 59, 59, 123456),
        "tags": ["a", None],
        "counts": [("x", 1)],
        "place": {"city": "Bern", "zip": 3000},
    }
    assert rows[1]["name"] == '{"a":[1]}' and rows[1]["at"] == datetime(2025, 1, 2, 3, 4, 5)
    assert rows[2]["at"] == datetime(2025, 1, 1) and rows[2]["place"] is None
    result = stream.aws.engines["athena"].execute('SELECT id, "at", place.city FROM events ORDER BY 1', stream.database)
    assert list(result.rows)[:2] == [
        (1, datetime(2025, 2, 28, 23, 59, 59, 123000), "Bern"),
        (2, datetime(2025, 1, 2, 3, 4, 5), None),
    ]


def test_bad_records_go_to_the_error_prefix_with_firehoses_document(converting):
    stream = converting()
    bad = [b"not json", b"[1]", b"", b'{"id": "x"}', b'{"id": 1.5}', b'{"small": 128}', b'{"day": "2025-02-30"}',
           b'{"amount": 123456789.5}', b'{"id":1}{"place": 3}', b'{"at": "soon"}']  # fmt: skip
    stream.put({"id": 1}, *bad, b'{"id":2}{"id":3}')
    (rows,) = stream.parquet(prefix="data/").values()
    assert [row["id"] for row in rows] == [1, 2, 3]
    errors = stream.errors(prefix="bad/format-conversion-failed/")
    assert [base64.b64decode(one["rawData"]) for one in errors] == bad
    parse, malformed = "DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"
    assert [one["lastErrorCode"] for one in errors] == [parse] * 3 + [malformed] * 7
    assert errors[3]["lastErrorMessage"] == ('The data does not match the schema. Column id: "x" is not of type bigint')
    assert errors[0]["dataCatalogTable"] == {
        "catalogId": "123456789012",
        "databaseName": stream.database,
        "tableName": "events",
        "region": "us-east-1",
        "versionId": "LATEST",
    }
    assert errors[0].keys() == {
        "attemptsMade",
        "arrivalTimestamp",
        "lastErrorCode",
        "lastErrorMessage",
        "attemptEndingTimestamp",
        "rawData",
        "sequenceNumber",
        "subSequenceNumber",
        "dataCatalogTable",
    }


def test_openx_rules_for_names(converting):
    reader = {
        "OpenXJsonSerDe": {
            "CaseInsensitive": False,
            "ConvertDotsInJsonKeysToUnderscores": True,
            "ColumnToJsonKeyMappings": {"ts": "timestamp"},
        }
    }
    stream = converting([("ts", "bigint"), ("a_b", "int"), ("name", "string")], reader)
    stream.put({"timestamp": 5, "a.b": 1, "Name": "not this", "name": "this"}, {"Name": "nor this"})
    (rows,) = stream.parquet().values()
    assert rows == [{"ts": 5, "a_b": 1, "name": "this"}, {"ts": None, "a_b": None, "name": None}]


def test_hive_reads_its_own_timestamp_formats(converting):
    reader = {"HiveJsonSerDe": {"TimestampFormats": ["yyyy-MM-dd'T'HH:mm:ssZ", "millis"]}}
    stream = converting([("at", "timestamp")], reader)
    stream.put({"at": "2025-01-01T02:00:00+0100"}, {"at": 1735689600000}, {"at": "2025-01-01T00:00:00Z"})
    (rows,) = stream.parquet(prefix="data/").values()
    assert rows == [{"at": datetime(2025, 1, 1, 1)}, {"at": datetime(2025, 1, 1)}]
    (error,) = stream.errors(prefix="bad/")
    assert json.loads(base64.b64decode(error["rawData"])) == {"at": "2025-01-01T00:00:00Z"}


@pytest.mark.parametrize("compression", ["SNAPPY", "GZIP", "UNCOMPRESSED"])
def test_the_writers_settings_hold(converting, compression):
    stream = converting([("a", "int")], writer={"Compression": compression, "EnableDictionaryCompression": True})
    stream.put(*[{"a": 1}] * 10)
    (body,) = stream.wait().values()
    column = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0)
    assert column.compression == compression and column.has_dictionary_page
    assert pq.read_schema(io.BytesIO(body)).field("a").type == pa.int32()


def test_partitions_are_converted_each(converting):
    stream = converting(
        [("id", "int")],
        prefix="data/event=!{partitionKeyFromQuery:e}/",
        DynamicPartitioningConfiguration={"Enabled": True},
        processors=[("MetadataExtraction", {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{e:.event}"})],
    )
    stream.put(
        {"id": 1, "event": "view"}, {"id": 2, "event": "buy"}, {"id": 3, "event": "view"}, {"id": "x", "event": "buy"}
    )
    stream.errors(prefix="bad/format-conversion-failed/")
    found = {key.split("/")[1]: rows for key, rows in stream.parquet(2, "data/").items()}
    assert found == {"event=view": [{"id": 1}, {"id": 3}], "event=buy": [{"id": 2}]}


def test_records_wait_for_a_table_that_is_missing(converting, client):
    stream = converting([("a", "int")], exists=False)
    stream.put({"a": 1})
    time.sleep(0.5)
    assert stream.objects() == {}
    client("glue").create_table(DatabaseName=stream.database, TableInput=stream.table)
    (rows,) = stream.parquet().values()
    assert rows == [{"a": 1}]


def test_what_cannot_be_converted_is_refused(stream):
    def fails(**settings):
        with pytest.raises(ClientError) as error:
            stream.create(**settings)
        return error.value.response["Error"]["Message"]

    def conversion(**changes):
        return {
            "Enabled": True,
            "SchemaConfiguration": {
                "RoleARN": ROLE,
                "DatabaseName": "d",
                "TableName": "t",
                **changes.pop("schema", {}),
            },
            "InputFormatConfiguration": {"Deserializer": changes.pop("reader", OPENX)},
            "OutputFormatConfiguration": {"Serializer": changes.pop("writer", {"ParquetSerDe": {}})},
        }

    name = "DataFormatConversionConfiguration"
    assert "ParquetSerDe" in fails(**{name: conversion(writer={"OrcSerDe": {}})})
    assert "newest version" in fails(**{name: conversion(schema={"VersionId": "3"})})
    assert "must be UNCOMPRESSED" in fails(**{name: conversion()}, CompressionFormat="GZIP")
    assert "at least 64" in fails(**{name: conversion()}, size=63)
    hive = {"HiveJsonSerDe": {"TimestampFormats": ["yyyy-QQ"]}}
    assert "'QQ', which is not supported" in fails(**{name: conversion(reader=hive)})
