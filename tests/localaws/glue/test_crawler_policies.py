"""What a crawler does with a catalog that has tables already."""

import json

import pytest
from botocore.exceptions import ClientError

from localaws.glue import parquet_files

NOTHING = {"TABLE": {}, "PARTITION": {}}


def summary(lake):
    return json.loads(lake.glue.list_crawls(CrawlerName=lake.crawler)["Crawls"][0]["Summary"])


def policy(update="UPDATE_IN_DATABASE", delete="DEPRECATE_IN_DATABASE"):
    return {"UpdateBehavior": update, "DeleteBehavior": delete}


def versions(lake, table):
    found = lake.glue.get_table_versions(DatabaseName=lake.database, TableName=table)["TableVersions"]
    return [version["VersionId"] for version in found]


def test_a_second_crawl_of_the_same_changes_nothing(lake):
    for day in range(3):
        lake.put_parquet(f"t/d={day}/f.parquet", id=[1])
    lake.crawl("t/")
    assert summary(lake) == {
        "TABLE": {"ADD": {"Count": 1, "Details": {"names": ["t"]}}},
        "PARTITION": {"ADD": {"Count": 3}},
    }
    lake.run()
    assert summary(lake) == NOTHING
    assert versions(lake, "t") == ["1"]


def test_an_object_is_read_once(lake, monkeypatch):
    read = []
    describe = parquet_files.describe
    monkeypatch.setattr(parquet_files, "describe", lambda path: read.append(path) or describe(path))
    for day in range(3):
        lake.put_parquet(f"t/d={day}/f.parquet", id=[day], bucket=[lake.bucket])
    lake.crawl("t/")
    assert len(read) == 3
    lake.put_parquet("t/d=1/f.parquet", id=[10], bucket=[lake.bucket])
    lake.run()
    assert len(read) == 4


def test_changed_columns_are_updated(lake):
    lake.put_parquet("t/f.parquet", id=[1], gone=["x"], n=[1])
    lake.crawl("t/")
    lake.put_parquet("t/f.parquet", id=[1], n=[1.5], new=["x"])
    lake.run()
    assert lake.columns("t") == [("id", "bigint"), ("n", "double"), ("new", "string")]
    assert versions(lake, "t") == ["2", "1"]
    assert summary(lake)["TABLE"] == {"UPDATE": {"Count": 1, "Details": {"names": ["t"]}}}


def test_merge_new_columns_only_adds(lake):
    merge = {"CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}}
    lake.put_parquet("t/f.parquet", id=[1], gone=["x"], n=[1])
    lake.crawl("t/", configuration=merge)
    lake.put_parquet("t/f.parquet", id=[1], n=[1.5], new=["x"])
    lake.run()
    assert lake.columns("t") == [("id", "bigint"), ("gone", "string"), ("n", "bigint"), ("new", "string")]


def test_log_leaves_tables_as_they_are_but_adds_partitions(lake):
    lake.put_parquet("t/d=1/f.parquet", id=[1])
    lake.crawl("t/", SchemaChangePolicy=policy("LOG", "LOG"))
    lake.put_parquet("t/d=1/f.parquet", id=[1], new=["x"])
    lake.put_parquet("t/d=2/f.parquet", id=[1], new=["x"])
    lake.run()
    assert lake.columns("t") == [("id", "bigint")]
    assert set(lake.partitions("t")) == {("1",), ("2",)}
    assert summary(lake) == {"TABLE": {}, "PARTITION": {"ADD": {"Count": 1}}}


def test_log_leaves_a_table_whose_partition_keys_have_changed(lake):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.crawl("t/", SchemaChangePolicy=policy("LOG", "LOG"))
    lake.store.delete(lake.bucket, "t/f.parquet")
    lake.put_parquet("t/d=1/f.parquet", id=[1])
    assert lake.run()["Status"] == "SUCCEEDED"
    assert lake.tables()["t"]["PartitionKeys"] == []
    assert lake.partitions("t") == {}


def test_a_table_that_is_new_gets_an_index_if_asked_for(lake):
    """The name is that which AWS gives it ("Setting the partition index crawler configuration option")."""
    lake.put_parquet("db/t/d=1/h=2/f.parquet", id=[1])
    lake.put_parquet("db/plain/f.parquet", other=["x"], more=["y"])
    lake.crawl("db/", configuration={"CreatePartitionIndex": True})
    (index,) = lake.glue.get_partition_indexes(DatabaseName=lake.database, TableName="t")[
        "PartitionIndexDescriptorList"
    ]
    assert (index["IndexName"], [key["Name"] for key in index["Keys"]]) == (
        "crawler_partition_index",
        ["d", "h"],
    )
    plain = lake.glue.get_partition_indexes(DatabaseName=lake.database, TableName="plain")
    assert plain["PartitionIndexDescriptorList"] == []


def gone(lake, delete):
    lake.put_parquet("db/kept/d=1/f.parquet", id=[1])
    lake.put_parquet("db/kept/d=2/f.parquet", id=[1])
    lake.put_parquet("db/gone/d=1/f.parquet", other=["x"], more=["y"])
    lake.crawl("db/", SchemaChangePolicy=policy(delete=delete))
    lake.store.delete(lake.bucket, "db/kept/d=2/f.parquet")
    lake.store.delete(lake.bucket, "db/gone/d=1/f.parquet")
    # A third folder keeps the two that are left from becoming one table.
    lake.put_parquet("db/third/d=1/f.parquet", third=["x"])
    lake.run()


def test_what_is_gone_is_deleted(lake):
    gone(lake, "DELETE_FROM_DATABASE")
    assert sorted(lake.tables()) == ["kept", "third"]
    assert set(lake.partitions("kept")) == {("1",)}
    assert summary(lake)["PARTITION"] == {"ADD": {"Count": 1}, "DELETE": {"Count": 1}}


def test_what_is_gone_is_marked(lake):
    gone(lake, "DEPRECATE_IN_DATABASE")
    tables = lake.tables()
    assert sorted(tables) == ["gone", "kept", "third"]
    assert int(tables["gone"]["Parameters"]["DEPRECATED_BY_CRAWLER"]) > 1_600_000_000_000
    assert "DEPRECATED_BY_CRAWLER" not in tables["kept"]["Parameters"]
    partitions = lake.glue.get_partitions(DatabaseName=lake.database, TableName="kept")["Partitions"]
    marked = {p["Values"][0]: "DEPRECATED_BY_CRAWLER" in p["Parameters"] for p in partitions}
    assert marked == {"1": False, "2": True}
    before = versions(lake, "gone")
    lake.run()
    assert versions(lake, "gone") == before


def test_what_is_gone_is_logged_alone(lake):
    gone(lake, "LOG")
    tables = lake.tables()
    assert sorted(tables) == ["gone", "kept", "third"]
    assert "DEPRECATED_BY_CRAWLER" not in tables["gone"]["Parameters"]
    assert set(lake.partitions("kept")) == {("1",), ("2",)}


def test_a_marked_table_that_is_back_is_unmarked(lake):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.crawl("t/")
    lake.store.delete(lake.bucket, "t/f.parquet")
    lake.run()
    assert "DEPRECATED_BY_CRAWLER" in lake.tables()["t"]["Parameters"]
    lake.put_parquet("t/f.parquet", id=[1])
    lake.run()
    assert "DEPRECATED_BY_CRAWLER" not in lake.tables()["t"]["Parameters"]


def test_tables_that_others_made_are_left_alone(lake):
    lake.glue.create_database(DatabaseInput={"Name": lake.database})
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={"Name": "mine", "StorageDescriptor": {"Location": f"s3://{lake.bucket}/t/none/"}, "Parameters": {}},
    )
    lake.put_parquet("t/f.parquet", id=[1])
    lake.crawl("t/", SchemaChangePolicy=policy(delete="DELETE_FROM_DATABASE"))
    assert sorted(lake.tables()) == ["mine", "t"]


def test_new_folders_only(lake):
    only_new = {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}}
    lake.put_parquet("t/d=1/f.parquet", id=[1])
    lake.crawl("t/", SchemaChangePolicy=policy("LOG", "LOG"), **only_new)
    lake.store.delete(lake.bucket, "t/d=1/f.parquet")
    lake.put("t/d=1/broken.avro", b"Obj\x01")  # in a folder that was crawled: not looked at
    lake.put_parquet("t/d=2/f.parquet", id=[1], extra=["x"])
    last = lake.run()
    assert last["Status"] == "SUCCEEDED", last
    assert lake.partitions("t") == {("1",): "t/d=1/", ("2",): "t/d=2/"}
    assert lake.columns("t") == [("id", "bigint")]
    lake.run()
    assert summary(lake) == NOTHING


def test_new_folders_only_needs_the_policy_log(lake):
    with pytest.raises(ClientError, match="can only be LOG"):
        lake.create("t/", RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})


def test_table_threshold(lake):
    lake.put_parquet("db/a/f.parquet", one=[1])
    lake.put_parquet("db/b/f.parquet", other=["x"])
    lake.create("db/", configuration={"CrawlerOutput": {"Tables": {"TableThreshold": 1}}})
    last = lake.run()
    assert last["ErrorMessage"] == (
        "InvalidInputException: The crawler found 2 tables, more than its TableThreshold of 1."
    )
    assert lake.tables() == {}
