"""The catalog's API over HTTP, at 1,500 partitions."""

import time

import pytest
from botocore.exceptions import ClientError

PARTITIONS = 1500


def batches(items, size):
    return [items[at : at + size] for at in range(0, len(items), size)]


@pytest.fixture(scope="module")
def table(glue):
    """A table with a partition for each of 1,500 days; (database, table)."""
    glue.create_database(DatabaseInput={"Name": "Catalog_Test"})
    columns = [{"Name": f"column_{number}", "Type": "string"} for number in range(12)]
    storage = {"Columns": columns, "Location": "s3://bucket/events/"}
    glue.create_table(
        DatabaseName="catalog_test",
        TableInput={
            "Name": "Events",
            "PartitionKeys": [{"Name": "day", "Type": "string"}, {"Name": "hour", "Type": "int"}],
            "StorageDescriptor": storage,
        },
    )
    inputs = [
        {
            "Values": [f"2024-{number // 28:03}-{number % 28 + 1:02}", str(number % 24)],
            "StorageDescriptor": {**storage, "Location": f"s3://bucket/events/{number}/"},
        }
        for number in range(PARTITIONS)
    ]
    for batch in batches(inputs, 100):
        answer = glue.batch_create_partition(DatabaseName="catalog_test", TableName="events", PartitionInputList=batch)
        assert answer.get("Errors", []) == []
    return {"DatabaseName": "catalog_test", "TableName": "events"}


def every(glue, table, **more):
    pages = glue.get_paginator("get_partitions").paginate(**table, **more)
    return [partition for page in pages for partition in page["Partitions"]]


def test_names_are_folded(glue, table):
    assert glue.get_database(Name="CATALOG_test")["Database"]["Name"] == "catalog_test"
    assert glue.get_table(DatabaseName="Catalog_Test", Name="EVENTS")["Table"]["Name"] == "events"
    with pytest.raises(ClientError) as error:
        glue.create_table(DatabaseName="catalog_test", TableInput={"Name": "EVENTS"})
    assert error.value.response["Error"]["Code"] == "AlreadyExistsException"


def test_partitions_come_in_pages(glue, table):
    first = glue.get_partitions(**table)
    assert (len(first["Partitions"]), "NextToken" in first) == (100, True)
    started = time.monotonic()
    found = every(glue, table)
    assert time.monotonic() - started < 20
    assert len({tuple(partition["Values"]) for partition in found}) == PARTITIONS
    assert found[7]["StorageDescriptor"]["Location"] == "s3://bucket/events/7/"


def test_segments_are_the_whole(glue, table):
    parts = [every(glue, table, Segment={"SegmentNumber": at, "TotalSegments": 4}) for at in range(4)]
    assert sum(len(part) for part in parts) == PARTITIONS
    assert len({tuple(partition["Values"]) for part in parts for partition in part}) == PARTITIONS


def test_columns_may_be_left_out(glue, table):
    found = glue.get_partitions(**table, ExcludeColumnSchema=True, MaxResults=1)["Partitions"]
    assert found[0]["StorageDescriptor"] == {"Location": "s3://bucket/events/0/"}


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("day = '2024-000-02'", 1),
        ("day >= '2024-001-01' AND day < '2024-002-01'", 28),
        ("day like '2024-00%' and hour = 3", 12),
        ("hour in (1, 2)", 126),
        ("hour between 10 and 11", 126),
        ("(day = '2024-000-01' or day = '2024-000-02') and hour <> 1", 1),
        ("hour <> 0", 1437),
    ],
)
def test_expressions(glue, table, expression, number):
    assert len(every(glue, table, Expression=expression)) == number


def test_a_bad_expression(glue, table):
    with pytest.raises(ClientError) as error:
        glue.get_partitions(**table, Expression="no_such_key = 'x'")
    assert error.value.response["Error"]["Code"] == "InvalidInputException"


def test_batch_get_update_and_delete(glue, table):
    values = ["2024-005-01", str(140 % 24)]
    assert len(glue.batch_get_partition(**table, PartitionsToGet=[{"Values": values}])["Partitions"]) == 1
    new = {"Values": values, "StorageDescriptor": {"Location": "s3://bucket/moved/"}}
    unknown = ["none", "0"]
    answer = glue.batch_update_partition(
        **table,
        Entries=[
            {"PartitionValueList": values, "PartitionInput": new},
            {"PartitionValueList": unknown, "PartitionInput": {**new, "Values": unknown}},
        ],
    )
    assert [error["PartitionValueList"] for error in answer["Errors"]] == [unknown]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    moved = glue.get_partition(**table, PartitionValues=values)["Partition"]
    assert moved["StorageDescriptor"] == {"Location": "s3://bucket/moved/"}

    renamed = ["2024-999-01", "1"]
    glue.update_partition(**table, PartitionValueList=values, PartitionInput={**new, "Values": renamed})
    answer = glue.batch_delete_partition(**table, PartitionsToDelete=[{"Values": renamed}, {"Values": unknown}])
    assert [error["PartitionValues"] for error in answer["Errors"]] == [unknown]
    with pytest.raises(ClientError) as error:
        glue.get_partition(**table, PartitionValues=renamed)
    assert error.value.response["Error"]["Code"] == "EntityNotFoundException"
    glue.create_partition(**table, PartitionInput={**new, "Values": values})
    glue.delete_partition(**table, PartitionValues=values)
    glue.create_partition(**table, PartitionInput={**new, "Values": values})


def test_limits_and_wrong_values(glue, table):
    with pytest.raises(ClientError, match="at most 25"):
        glue.batch_delete_partition(**table, PartitionsToDelete=[{"Values": ["x", "1"]}] * 26)
    with pytest.raises(ClientError, match="number of partition keys do not match"):
        glue.create_partition(**table, PartitionInput={"Values": ["only one"]})
    again = {"Values": ["2024-000-01", "0"]}
    answer = glue.batch_create_partition(**table, PartitionInputList=[again])
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"


def test_tables_and_their_versions(glue):
    glue.create_database(DatabaseInput={"Name": "catalog_tables"})
    for number in range(120):
        glue.create_table(DatabaseName="catalog_tables", TableInput={"Name": f"t_{number:03}"})
    pages = glue.get_paginator("get_tables").paginate(DatabaseName="catalog_tables")
    names = [table["Name"] for page in pages for table in page["TableList"]]
    assert names == [f"t_{number:03}" for number in range(120)]
    found = glue.get_tables(DatabaseName="catalog_tables", Expression="t_00[12]|t_11*")["TableList"]
    assert [table["Name"] for table in found] == ["t_001", "t_002", *(f"t_11{digit}" for digit in range(10))]

    keyed = {"Name": "keyed", "PartitionKeys": [{"Name": "day", "Type": "string"}]}
    wrong = [{"IndexName": "i", "Keys": ["hour"]}]
    with pytest.raises(ClientError, match="no such partition keys"):
        glue.create_table(DatabaseName="catalog_tables", TableInput=keyed, PartitionIndexes=wrong)
    right = [{"IndexName": "i", "Keys": ["day"]}]
    glue.create_table(DatabaseName="catalog_tables", TableInput=keyed, PartitionIndexes=right)
    glue.delete_partition_index(DatabaseName="catalog_tables", TableName="keyed", IndexName="i")
    indexes = glue.get_partition_indexes(DatabaseName="catalog_tables", TableName="keyed")
    assert indexes["PartitionIndexDescriptorList"] == []

    for description in ("b", "c"):
        glue.update_table(DatabaseName="catalog_tables", TableInput={"Name": "t_000", "Description": description})
    where = {"DatabaseName": "catalog_tables", "TableName": "t_000"}
    versions = glue.get_table_versions(**where)["TableVersions"]
    assert [(one["VersionId"], one["Table"].get("Description")) for one in versions] == [
        ("3", "c"),
        ("2", "b"),
        ("1", None),
    ]
    assert glue.get_table_version(**where)["TableVersion"]["VersionId"] == "3"
    glue.delete_table_version(**where, VersionId="2")
    assert [one["VersionId"] for one in glue.get_table_versions(**where)["TableVersions"]] == ["3", "1"]
    glue.update_table(DatabaseName=where["DatabaseName"], TableInput={"Name": where["TableName"]}, SkipArchive=True)
    assert [one["VersionId"] for one in glue.get_table_versions(**where)["TableVersions"]] == ["4", "1"]

    answer = glue.batch_delete_table(DatabaseName="catalog_tables", TablesToDelete=["t_001", "nope"])
    assert [error["TableName"] for error in answer["Errors"]] == ["nope"]
    glue.delete_database(Name="catalog_tables")
    with pytest.raises(ClientError) as error:
        glue.get_tables(DatabaseName="catalog_tables")
    assert error.value.response["Error"]["Code"] == "EntityNotFoundException"
