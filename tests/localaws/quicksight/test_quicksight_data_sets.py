from __future__ import annotations

import datetime as dt
import threading
import time

import pyarrow as pa
import pytest

from localaws.core import AwsError, Call, NotSupported
from localaws.quicksight.rows import NoRows, read

COUNTS = {"name": "STRING", "count": "INTEGER"}
TWO = pa.table({"name": ["a", "b"], "count": [1, 2]})


def spice(quicksight, name, columns):
    return read(quicksight.engine._shelf, name, columns).table.to_pydict()


def test_creating_a_spice_data_set_ingests_it(quicksight):
    answer = quicksight.data_set("counts", TWO, COUNTS)
    assert answer["IngestionArn"].endswith(f":dataset/counts/ingestion/{answer['IngestionId']}")
    assert spice(quicksight, "counts", ["count", "name"]) == {"count": [1, 2], "name": ["a", "b"]}
    shown = quicksight.call("DescribeDataSet", DataSetId="counts")["DataSet"]
    assert shown["OutputColumns"] == [{"Name": "name", "Type": "STRING"}, {"Name": "count", "Type": "INTEGER"}]
    assert shown["ConsumedSpiceCapacityInBytes"] > 0
    assert "Spice" not in shown


def test_rows_and_records_outlive_a_restart(quicksight):
    answer = quicksight.data_set("counts", TWO, COUNTS)
    before = quicksight.call("DescribeIngestion", DataSetId="counts", IngestionId=answer["IngestionId"])["Ingestion"]
    quicksight.restarted()
    after = quicksight.call("DescribeIngestion", DataSetId="counts", IngestionId=answer["IngestionId"])["Ingestion"]
    assert after == before
    assert spice(quicksight, "counts", ["name"]) == {"name": ["a", "b"]}


def test_readers_see_the_old_rows_until_an_ingestion_is_through(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    asked, go_on = threading.Event(), threading.Event()

    def slow():
        asked.set()
        go_on.wait(5)
        return pa.table({"name": ["c"], "count": [3]})

    quicksight.athena.tables["SELECT counts"] = slow
    quicksight.call("CreateIngestion", DataSetId="counts", IngestionId="second")
    assert asked.wait(5)
    running = quicksight.call("DescribeIngestion", DataSetId="counts", IngestionId="second")["Ingestion"]
    assert running["IngestionStatus"] == "RUNNING"
    quicksight.call("CreateIngestion", DataSetId="counts", IngestionId="third")
    waiting = quicksight.call("DescribeIngestion", DataSetId="counts", IngestionId="third")["Ingestion"]
    assert waiting["IngestionStatus"] == "QUEUED"
    assert spice(quicksight, "counts", ["name"]) == {"name": ["a", "b"]}
    go_on.set()
    assert quicksight.ended("counts", "second")["IngestionStatus"] == "COMPLETED"
    assert quicksight.ended("counts", "third")["IngestionStatus"] == "COMPLETED"
    assert spice(quicksight, "counts", ["name"]) == {"name": ["c"]}
    files = list((quicksight.world.data / "quicksight" / "spice").iterdir())
    assert len(files) == 1, "rows that nobody reads any more are deleted"
    listed = quicksight.call("ListIngestions", DataSetId="counts")["Ingestions"]
    assert {item["IngestionId"] for item in listed} >= {"second", "third"}


def test_a_cancelled_ingestion_changes_nothing(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    asked, go_on = threading.Event(), threading.Event()

    def slow():
        asked.set()
        go_on.wait(5)
        return pa.table({"name": ["c"], "count": [3]})

    quicksight.athena.tables["SELECT counts"] = slow
    quicksight.call("CreateIngestion", DataSetId="counts", IngestionId="second")
    assert asked.wait(5)
    quicksight.call("CancelIngestion", DataSetId="counts", IngestionId="second")
    go_on.set()
    record = quicksight.ended("counts", "second")
    assert record["IngestionStatus"] == "CANCELLED"
    assert record["ErrorInfo"]["Type"] == "INGESTION_CANCELED"
    for _ in range(100):
        if not quicksight.engine._ingestions._threads:
            break
        time.sleep(0.02)
    assert spice(quicksight, "counts", ["name"]) == {"name": ["a", "b"]}
    with pytest.raises(AwsError, match="second is CANCELLED and cannot be cancelled"):
        quicksight.call("CancelIngestion", DataSetId="counts", IngestionId="second")


def test_an_ingestion_that_a_stop_interrupted_has_failed_after_the_restart(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    records = quicksight.engine._shelf.ingestions
    key, record = next(records.items())
    records.put(key, {**record, "IngestionStatus": "RUNNING"})
    quicksight.restarted()
    shown = quicksight.call("DescribeIngestion", DataSetId="counts", IngestionId=record["IngestionId"])["Ingestion"]
    assert shown["IngestionStatus"] == "FAILED"
    assert "stopped while this ingestion was under way" in shown["ErrorInfo"]["Message"]


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (
            {"DataSetId": "counts", "IngestionId": "manual__2024-01-15T00:00:00+00:00"},
            "InvalidParameterValueException",
            "does not match the pattern",
        ),
        (
            {"DataSetId": "counts", "IngestionId": "x" * 129},
            "InvalidParameterValueException",
            "does not match the pattern",
        ),
        (
            {"DataSetId": "nowhere", "IngestionId": "x"},
            "ResourceNotFoundException",
            "DataSet nowhere is not found. Create it with CreateDataSet.",
        ),
        (
            {"DataSetId": "counts", "IngestionId": "x", "IngestionType": "INCREMENTAL_REFRESH"},
            "InvalidParameterValueException",
            "counts has no look-back window",
        ),
        ({"DataSetId": "direct", "IngestionId": "x"}, "InvalidParameterValueException", "DIRECT_QUERY mode"),
    ],
)
def test_ingestions_that_are_refused(quicksight, params, code, message):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.data_set("direct", TWO, COUNTS, mode="DIRECT_QUERY")
    with pytest.raises(AwsError, match=message) as caught:
        quicksight.call("CreateIngestion", **params)
    assert caught.value.code == code


def test_types_of_athena_become_types_of_quicksight(quicksight):
    utc = dt.UTC
    table = pa.table(
        {
            "day": pa.array([dt.date(2024, 2, 29)], pa.date32()),
            "at": pa.array([dt.datetime(2024, 2, 29, 23, 59, 59, 999_999)], pa.timestamp("us")),
            "instant": pa.array([dt.datetime(2024, 3, 1, 0, 30, tzinfo=utc)], pa.timestamp("us", "UTC")),
            "total": pa.array([12], pa.decimal128(38, 0)),
            "ratio": [3],
            "yes": [True],
            "nothing": pa.nulls(1),
        }
    )
    columns = {
        "day": "DATETIME",
        "at": "DATETIME",
        "instant": "DATETIME",
        "total": "INTEGER",
        "ratio": "DECIMAL",
        "yes": "BIT",
        "nothing": "STRING",
    }
    quicksight.data_set("types", table, columns)
    assert spice(quicksight, "types", list(columns)) == {
        "day": [dt.datetime(2024, 2, 29)],
        "at": [dt.datetime(2024, 2, 29, 23, 59, 59, 999_000)],
        "instant": [dt.datetime(2024, 3, 1, 0, 30)],
        "total": [12],
        "ratio": [3.0],
        "yes": [1],
        "nothing": [None],
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": "STRING", "total": "INTEGER"}, "the query gives no column 'total'; it gives name, count"),
        ({"name": "INTEGER"}, "column 'name' is declared INTEGER, but the query gives varchar"),
        ({"count": "STRING"}, "column 'count' is declared STRING, but the query gives bigint"),
        ({"count": "DATETIME"}, "column 'count' is declared DATETIME, but the query gives bigint"),
    ],
)
def test_declared_columns_that_the_query_does_not_give_fail_the_ingestion(quicksight, columns, message):
    answer = quicksight.data_set("counts", TWO, columns)
    record = quicksight.ended("counts", answer["IngestionId"])
    assert record["IngestionStatus"] == "FAILED"
    assert record["ErrorInfo"]["Type"] == "SQL_SCHEMA_MISMATCH_ERROR"
    assert message in record["ErrorInfo"]["Message"]


def logical(*transforms):
    table = {"Alias": "t", "Source": {"PhysicalTableId": "main"}, "DataTransforms": list(transforms)}
    return {"LogicalTableMap": {"logical": table}}


def test_transforms_rename_cast_and_project(quicksight):
    table = pa.table({"text": ["1", "x", None, "-7", "2.5"], "n": [1.9, 2.0, 3.0, -4.5, 5.0], "rest": ["a"] * 5})
    transforms = logical(
        {"CastColumnTypeOperation": {"ColumnName": "text", "NewColumnType": "INTEGER"}},
        {"CastColumnTypeOperation": {"ColumnName": "n", "NewColumnType": "INTEGER"}},
        {"RenameColumnOperation": {"ColumnName": "text", "NewColumnName": "number"}},
        {"ProjectOperation": {"ProjectedColumns": ["number", "n"]}},
    )
    columns = {"text": "STRING", "n": "DECIMAL", "rest": "STRING"}
    answer = quicksight.data_set("cast", table, columns, **transforms)
    record = quicksight.ended("cast", answer["IngestionId"])
    assert record["RowInfo"] == {"RowsIngested": 3, "RowsDropped": 2, "TotalRowsInDataset": 3}
    assert spice(quicksight, "cast", ["number", "n"]) == {"number": [1, None, -7], "n": [1, 3, -4]}
    shown = quicksight.call("DescribeDataSet", DataSetId="cast")["DataSet"]
    assert shown["OutputColumns"] == [{"Name": "number", "Type": "INTEGER"}, {"Name": "n", "Type": "INTEGER"}]


CREATE = {"CreateColumnsOperation": {"Columns": [{"ColumnName": "x", "ColumnId": "x", "Expression": "1"}]}}
FILTER = {"FilterOperation": {"ConditionExpression": "{count} > 1"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (logical(CREATE), "CreateColumnsOperation is not done by the embedded QuickSight; do it in the data set's SQL"),
        (logical(FILTER), "FilterOperation is not done"),
        (
            logical({"RenameColumnOperation": {"ColumnName": "no", "NewColumnName": "x"}}),
            "names column 'no'; there are name, count",
        ),
        (
            logical({"RenameColumnOperation": {"ColumnName": "name", "NewColumnName": "count"}}),
            "column count is there twice",
        ),
        (
            logical({"CastColumnTypeOperation": {"ColumnName": "name", "NewColumnType": "DATETIME"}}),
            "cannot be cast from STRING to DATETIME here",
        ),
        (
            {"LogicalTableMap": {"a": {"Alias": "a", "Source": {"JoinInstruction": {}}}}},
            "a source by \\['JoinInstruction'\\] is not read here",
        ),
        (
            {"RowLevelPermissionDataSet": {"Arn": "x", "PermissionPolicy": "GRANT_ACCESS"}},
            "RowLevelPermissionDataSet is not supported",
        ),
        ({"PhysicalTableMap": {"a": {"S3Source": {}}}}, "S3Source is not read here"),
        ({"PhysicalTableMap": {}}, "has 0 tables; one is supported"),
    ],
)
def test_data_sets_that_are_refused(quicksight, change, message):
    from_fixture = {"PhysicalTableMap": quicksight_physical(quicksight)}
    with pytest.raises(AwsError, match=message):
        quicksight.call(
            "CreateDataSet", **{"DataSetId": "no", "Name": "No", "ImportMode": "SPICE", **from_fixture, **change}
        )
    assert quicksight.call("ListDataSets")["DataSetSummaries"] == []


def quicksight_physical(quicksight):
    quicksight.athena.tables["SELECT no"] = TWO
    return {
        "main": {
            "CustomSql": {
                "DataSourceArn": "arn:aws:quicksight:us-east-1:123456789012:datasource/athena",
                "Name": "no",
                "SqlQuery": "SELECT no",
                "Columns": [{"Name": "name", "Type": "STRING"}, {"Name": "count", "Type": "INTEGER"}],
            }
        }
    }


def test_a_relational_table_is_asked_for_by_its_columns(quicksight):
    table = {
        "DataSourceArn": "arn:aws:quicksight:us-east-1:123456789012:datasource/athena",
        "Schema": "shop",
        "Name": 'or"ders',
        "InputColumns": [{"Name": "count", "Type": "INTEGER"}],
    }
    sql = 'SELECT "count" FROM "shop"."or""ders"'
    quicksight.athena.tables[sql] = TWO
    quicksight.call(
        "CreateDataSet",
        DataSetId="orders",
        Name="Orders",
        ImportMode="DIRECT_QUERY",
        PhysicalTableMap={"main": {"RelationalTable": table}},
    )
    assert spice(quicksight, "orders", ["count"]) == {"count": [1, 2]}
    assert quicksight.athena.asked == [(sql, "shop")]


def test_updating_a_data_set_ingests_it_again_and_deleting_it_deletes_the_rows(quicksight):
    quicksight.data_set("counts", TWO, COUNTS)
    quicksight.athena.tables["SELECT no"] = pa.table({"name": ["z"], "count": [26]})
    answer = quicksight.call(
        "UpdateDataSet",
        DataSetId="counts",
        Name="New",
        ImportMode="SPICE",
        PhysicalTableMap=quicksight_physical(quicksight),
    )
    quicksight.athena.tables["SELECT no"] = pa.table({"name": ["z"], "count": [26]})
    record = quicksight.ended("counts", answer["IngestionId"])
    assert record["RequestType"] == "EDIT"
    quicksight.call("DeleteDataSet", DataSetId="counts")
    assert list((quicksight.world.data / "quicksight" / "spice").iterdir()) == []
    with pytest.raises(NoRows, match="The data set counts was deleted"):
        spice(quicksight, "counts", ["name"])
    with pytest.raises(AwsError, match="DataSet counts is not found"):
        quicksight.call("DescribeDataSet", DataSetId="counts")


def test_no_rows_says_what_to_do(quicksight):
    quicksight.athena.tables.clear()
    answer = quicksight.call(
        "CreateDataSet", DataSetId="no", Name="No", ImportMode="SPICE", PhysicalTableMap=quicksight_physical(quicksight)
    )
    quicksight.athena.tables["SELECT no"] = AwsError("InvalidRequestException", "SYNTAX_ERROR: line 1:8")
    quicksight.ended("no", answer["IngestionId"])
    quicksight.call("CreateIngestion", DataSetId="no", IngestionId="again")
    assert quicksight.ended("no", "again")["ErrorInfo"] == {
        "Type": "SQL_EXCEPTION",
        "Message": "SYNTAX_ERROR: line 1:8",
    }


def test_data_sources_are_kept_and_listed_in_pages(quicksight):
    for name in ("b", "c"):
        quicksight.call("CreateDataSource", DataSourceId=name, Name=name, Type="ATHENA")
    first = quicksight.call("ListDataSources", MaxResults=2)
    assert [item["DataSourceId"] for item in first["DataSources"]] == ["athena", "b"]
    second = quicksight.call("ListDataSources", MaxResults=2, NextToken=first["NextToken"])
    assert [item["DataSourceId"] for item in second["DataSources"]] == ["c"]
    assert "NextToken" not in second
    quicksight.call(
        "UpdateDataSource", DataSourceId="b", Name="B", DataSourceParameters={"AthenaParameters": {"WorkGroup": "fast"}}
    )
    source = quicksight.call("DescribeDataSource", DataSourceId="b")["DataSource"]
    assert (source["Name"], source["Status"]) == ("B", "UPDATE_SUCCESSFUL")
    assert source["DataSourceParameters"] == {"AthenaParameters": {"WorkGroup": "fast"}}
    quicksight.call("DeleteDataSource", DataSourceId="b")
    with pytest.raises(AwsError, match=r"DataSource b is not found\. Create it with CreateDataSource\."):
        quicksight.call("DescribeDataSource", DataSourceId="b")


def test_only_athena_is_a_data_source(quicksight):
    with pytest.raises(NotSupported, match="type REDSHIFT cannot be read here; only ATHENA is"):
        quicksight.call("CreateDataSource", DataSourceId="r", Name="R", Type="REDSHIFT")
    with pytest.raises(AwsError, match="DataSource athena already exists"):
        quicksight.source()
    with pytest.raises(AwsError, match="account 999999999999 is not 123456789012"):
        handler = quicksight.engine.operations["ListDataSources"]
        handler(Call("quicksight", "ListDataSources", {"AwsAccountId": "999999999999"}))


def test_users_are_registered_in_the_default_namespace(quicksight):
    given = {"Namespace": "default", "IdentityType": "QUICKSIGHT", "Email": "a@example.org", "UserRole": "READER"}
    quicksight.call("RegisterUser", UserName="ada", **given)
    user = quicksight.call("DescribeUser", Namespace="default", UserName="ada")["User"]
    assert user["Arn"] == "arn:aws:quicksight:us-east-1:123456789012:user/default/ada"
    assert [item["UserName"] for item in quicksight.call("ListUsers", Namespace="default")["UserList"]] == ["ada"]
    with pytest.raises(AwsError, match="User ada already exists"):
        quicksight.call("RegisterUser", UserName="ada", **given)
    with pytest.raises(AwsError, match="namespace other is not there; the only one is default"):
        quicksight.call("ListUsers", Namespace="other")


def test_a_user_is_changed_and_deleted(quicksight):
    ada = {"Namespace": "default", "UserName": "ada"}
    quicksight.call("RegisterUser", **ada, IdentityType="QUICKSIGHT", Email="a@b.c", UserRole="READER")
    quicksight.call("UpdateUser", **ada, Email="ada@b.c", Role="AUTHOR")
    shown = quicksight.call("DescribeUser", **ada)["User"]
    assert (shown["Email"], shown["Role"]) == ("ada@b.c", "AUTHOR")
    quicksight.call("DeleteUser", **ada)
    with pytest.raises(AwsError, match="User ada is not found"):
        quicksight.call("DeleteUser", **ada)
