"""Crawlers whose targets are tables of the catalog: by CatalogTarget in Glue's guide they make no tables."""

import pytest
from botocore.exceptions import ClientError

LOG = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
TEXT = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "mine", "Parameters": {"kept": "yes"}},
}


@pytest.fixture
def crawl(lake, glue):
    """Crawl the table ``mine``, of these keys, at ``t/``; the table after."""
    glue.create_database(DatabaseInput={"Name": lake.database})

    def run(keys=(), policy=LOG, **settings):
        glue.create_table(
            DatabaseName=lake.database,
            TableInput={
                "Name": "mine",
                "Description": "made by hand",
                "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in keys],
                "StorageDescriptor": {
                    "Columns": [{"Name": "id", "Type": "int"}],
                    "Location": f"s3://{lake.bucket}/t",
                    **TEXT,
                },
            },
        )
        glue.create_crawler(
            Name=lake.crawler,
            Role="r",
            Targets={"CatalogTargets": [{"DatabaseName": lake.database, "Tables": ["mine"]}]},
            SchemaChangePolicy=policy,
            **settings,
        )
        last = lake.run()
        assert last["Status"] == "SUCCEEDED", last
        return glue.get_table(DatabaseName=lake.database, Name="mine")["Table"]

    return run


def test_partitions_and_columns_are_brought_up_to_date(lake, crawl):
    for day in (1, 2):
        lake.put(f"t/day={day}/f.csv", "id,name\n1,a\n2,b\n")
    table = crawl([("day", "date")])
    assert list(lake.tables()) == ["mine"]
    assert lake.columns("mine") == [("id", "bigint"), ("name", "string")]
    assert (table["Description"], table["PartitionKeys"]) == ("made by hand", [{"Name": "day", "Type": "date"}])
    assert table["StorageDescriptor"]["SerdeInfo"] == TEXT["SerdeInfo"]
    assert lake.partitions("mine") == {("1",): "t/day=1/", ("2",): "t/day=2/"}
    partitions = lake.glue.get_partitions(DatabaseName=lake.database, TableName="mine")["Partitions"]
    assert [one["StorageDescriptor"]["SerdeInfo"] for one in partitions] == [TEXT["SerdeInfo"]] * 2

    lake.store.delete(lake.bucket, "t/day=1/f.csv")
    lake.put("t/day=3/f.csv", "id,name\n1,a\n")
    lake.run()
    assert set(lake.partitions("mine")) == {("1",), ("2",), ("3",)}


def test_by_log_partitions_alone_are_added(lake, crawl):
    lake.put_parquet("t/day=1/f.parquet", id=[1], name=["a"])
    crawl([("day", "string")], policy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    assert lake.columns("mine") == [("id", "int")]
    assert set(lake.partitions("mine")) == {("1",)}


def test_schemas_that_differ_are_one_table(lake, crawl):
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    lake.put_parquet("t/day=2/f.parquet", other=["x"], more=[1.5])
    crawl([("day", "string")])
    assert lake.columns("mine") == [("id", "bigint"), ("other", "string"), ("more", "double")]
    assert list(lake.tables()) == ["mine"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), "it has 0 partition keys and its location 1 levels of folders; the table stays as it is"),
        ((("a", "string"), ("b", "string")), "it has 2 partition keys and its location 1 levels"),
    ],
)
def test_a_table_that_does_not_fit_stays(lake, crawl, client, keys, message):
    lake.put_parquet("t/day=1/f.parquet", id=[1], name=["a"])
    crawl(keys)
    assert (lake.columns("mine"), lake.partitions("mine")) == ([("id", "int")], {})
    events = client("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=lake.crawler)["events"]
    assert [event for event in events if message in event["message"]]


def test_a_location_of_several_tables(lake, crawl, client):
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    lake.put("t/day=2/f.csv", "id,name\n1,a\n")
    crawl([("day", "string")])
    assert lake.partitions("mine") == {}
    events = client("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=lake.crawler)["events"]
    assert [event for event in events if "/t holds 2 tables, not one; the table stays" in event["message"]]


def test_a_table_that_is_gone_fails_the_crawl(lake, glue, crawl):
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    crawl([("day", "string")])
    glue.delete_table(DatabaseName=lake.database, Name="mine")
    assert lake.run()["ErrorMessage"] == f"EntityNotFoundException: The table {lake.database}.mine does not exist."


MINE = {"CatalogTargets": [{"DatabaseName": "db", "Tables": ["t"]}]}


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"Targets": MINE}, "InvalidInputException", "DeleteBehavior can only be LOG"),
        (
            {"Targets": {**MINE, "S3Targets": [{"Path": "s3://b/t"}]}, "SchemaChangePolicy": LOG},
            "InvalidInputException",
            "either Targets.S3Targets or Targets.CatalogTargets",
        ),
        (
            {"Targets": {"CatalogTargets": [{"DatabaseName": "db", "Tables": ["t"], "EventQueueArn": "arn"}]}},
            "NotSupportedByLocalAws",
            "EventQueueArn of a catalog target is refused",
        ),
        (
            {
                "Targets": MINE,
                "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
                "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
            },
            "NotSupportedByLocalAws",
            "CRAWL_EVERYTHING only",
        ),
    ],
)
def test_what_is_refused(glue, settings, code, message):
    with pytest.raises(ClientError, match=message) as error:
        glue.create_crawler(Name="refused", Role="r", **settings)
    assert error.value.response["Error"]["Code"] == code
