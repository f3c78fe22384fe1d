"""How a crawler groups folders into tables and partitions."""

import pytest

from localaws.core import AwsError
from localaws.glue.globs import compile_exclusion
from localaws.glue.tables import table_name


def test_hive_folders_become_partitions(lake):
    for day, city in (("2024-01-01", "a b"), ("2024-01-02", "c")):
        lake.put_parquet(f"db/logins/upload_date={day}/City={city.replace(' ', '%20')}/f.parquet", id=[1], name=["x"])
    found = lake.crawl("db/logins/")
    assert list(found) == ["logins"]
    assert found["logins"]["PartitionKeys"] == [
        {"Name": "upload_date", "Type": "string"},
        {"Name": "city", "Type": "string"},
    ]
    assert found["logins"]["StorageDescriptor"]["Location"] == f"s3://{lake.bucket}/db/logins/"
    assert lake.columns("logins") == [("id", "bigint"), ("name", "string")]
    assert lake.partitions("logins") == {
        ("2024-01-01", "a b"): "db/logins/upload_date=2024-01-01/City=a%20b/",
        ("2024-01-02", "c"): "db/logins/upload_date=2024-01-02/City=c/",
    }


def test_folders_without_keys_are_numbered(lake):
    for name in ("table1/partition1", "table1/partition2", "table2/partition3"):
        lake.put_parquet(f"folder1/{name}/f.parquet", id=[1], name=["x"])
    found = lake.crawl("folder1/")
    assert list(found) == ["folder1"]
    assert [key["Name"] for key in found["folder1"]["PartitionKeys"]] == ["partition_0", "partition_1"]
    assert set(lake.partitions("folder1")) == {
        ("table1", "partition1"),
        ("table1", "partition2"),
        ("table2", "partition3"),
    }


def test_folders_of_different_schemas_are_tables(lake):
    for year in (2023, 2024):
        lake.put_parquet(f"db/Log-Ins/year={year}/f.parquet", user=[1], at=["x"])
        lake.put_parquet(f"db/companies/year={year}/f.parquet", company=["x"], seats=[1], city=["y"])
    found = lake.crawl("db/", TablePrefix="Raw-")
    assert sorted(found) == ["raw_companies", "raw_log_ins"]
    assert set(lake.partitions("raw_log_ins")) == {("2023",), ("2024",)}


def test_different_formats_are_never_one_table(lake):
    lake.put("db/y=1/f.csv", "id,n\n1,2\n")
    lake.put_parquet("db/y=2/f.parquet", id=[1], n=[2])
    assert sorted(lake.crawl("db/")) == ["y_1", "y_2"]


def test_folders_of_different_depth_are_never_one_table(lake):
    lake.put_parquet("db/a/f.parquet", id=[1])
    lake.put_parquet("db/b/c/f.parquet", id=[1])
    assert sorted(lake.crawl("db/")) == ["a", "b"]


def test_files_of_different_schemas_in_one_folder_are_tables_of_their_own(lake):
    lake.put_parquet("db/users.parquet", user=[1], name=["x"])
    lake.put_parquet("db/orders.parquet", order=[1], amount=[1.0])
    found = lake.crawl("db/")
    assert sorted(found) == ["orders_parquet", "users_parquet"]
    assert found["users_parquet"]["StorageDescriptor"]["Location"] == f"s3://{lake.bucket}/db/users.parquet"


def test_files_beside_folders_are_tables_of_their_own(lake):
    lake.put_parquet("db/f.parquet", id=[1])
    lake.put_parquet("db/old/f.parquet", id=[1])
    found = lake.crawl("db/")
    assert {name: table["StorageDescriptor"]["Location"] for name, table in found.items()} == {
        "f_parquet": f"s3://{lake.bucket}/db/f.parquet",
        "old": f"s3://{lake.bucket}/db/old/",
    }


def test_a_gained_column_keeps_one_table_and_types_widen(lake):
    lake.put_parquet("t/d=1/f.parquet", id=[1], n=[1], c=["x"])
    lake.put_parquet("t/d=2/f.parquet", id=[1], n=[1.5], c=["x"], extra=["new"])
    lake.crawl("t/")
    assert lake.columns("t") == [("id", "bigint"), ("n", "double"), ("c", "string"), ("extra", "string")]
    partitions = lake.glue.get_partitions(DatabaseName=lake.database, TableName="t")["Partitions"]
    own = {tuple(p["Values"]): [c["Type"] for c in p["StorageDescriptor"]["Columns"]] for p in partitions}
    assert own == {("1",): ["bigint", "bigint", "string"], ("2",): ["bigint", "double", "string", "string"]}


def test_partitions_may_inherit_the_tables_columns(lake):
    lake.put_parquet("t/d=1/f.parquet", id=[1], n=[1])
    lake.put_parquet("t/d=2/f.parquet", id=[1], n=[1.5], extra=["new"])
    lake.crawl("t/", configuration={"CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}})
    columns = lake.tables()["t"]["StorageDescriptor"]["Columns"]
    partitions = lake.glue.get_partitions(DatabaseName=lake.database, TableName="t")["Partitions"]
    assert [partition["StorageDescriptor"]["Columns"] for partition in partitions] == [columns, columns]


UNLIKE = {"table1/year=2017/data1.json": '{"A": 1, "B": 2}', "table1/year=2018/data2.json": '{"C": 3, "D": 4}'}


def test_unlike_schemas_by_default(lake):
    for key, body in UNLIKE.items():
        lake.put(key, body)
    assert sorted(lake.crawl("table1/")) == ["year_2017", "year_2018"]


def test_unlike_schemas_combined(lake):
    for key, body in UNLIKE.items():
        lake.put(key, body)
    found = lake.crawl("table1/", configuration={"Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"}})
    assert list(found) == ["table1"]
    assert lake.columns("table1") == [("a", "int"), ("b", "int"), ("c", "int"), ("d", "int")]
    assert found["table1"]["PartitionKeys"] == [{"Name": "year", "Type": "string"}]


def test_table_level_counts_the_bucket_as_one(lake):
    for name in ("a/x=1", "a/x=2", "b/x=1"):
        lake.put_parquet(f"db/{name}/f.parquet", id=[1])
    found = lake.crawl("db/", configuration={"Grouping": {"TableLevelConfiguration": 3}})
    assert sorted(found) == ["a", "b"]
    assert lake.partitions("a") == {("1",): "db/a/x=1/", ("2",): "db/a/x=2/"}


def test_a_whole_bucket_is_named_by_the_bucket(lake):
    lake.put_parquet("d=1/f.parquet", id=[1])
    assert list(lake.crawl("")) == [lake.bucket.replace("-", "_")]


def test_a_target_without_a_slash_is_not_what_else_begins_so(lake):
    lake.put_parquet("logins/f.parquet", id=[1])
    lake.put_parquet("logins_old/f.parquet", other=["x"])
    assert list(lake.crawl("logins")) == ["logins"]


def test_a_target_may_be_one_object(lake):
    lake.put("folder/a.csv", "id,n\n1,2\n")
    lake.put("folder/b.csv", "id,n\n1,2\n")
    found = lake.crawl("folder/a.csv")
    assert list(found) == ["a_csv"]
    assert found["a_csv"]["StorageDescriptor"]["Location"] == f"s3://{lake.bucket}/folder/a.csv"
    assert found["a_csv"]["Parameters"]["objectCount"] == "1"


def test_two_tables_of_one_name_get_a_hash(lake):
    lake.put_parquet("one/logins/f.parquet", id=[1])
    lake.put_parquet("two/logins/f.parquet", other=["x"])
    first = lake.crawl("one/logins/", "two/logins/")
    assert len(first) == 2
    assert [name for name in first if len(name) == len("logins_") + 32 and name.startswith("logins_")]
    lake.run()
    assert lake.tables().keys() == first.keys()


def test_a_column_that_is_a_partition_key_too_is_left_out(lake):
    lake.put_parquet("t/day=1/f.parquet", id=[1], day=["1"])
    found = lake.crawl("t/")
    assert lake.columns("t") == [("id", "bigint")]
    assert found["t"]["PartitionKeys"] == [{"Name": "day", "Type": "string"}]


def test_two_folders_of_the_same_partition_are_told_in_the_log(lake, client):
    lake.put_parquet("t/day=1/f.parquet", id=[1])
    lake.put_parquet("t/day=%31/f.parquet", id=[1])
    lake.crawl("t/")
    assert lake.partitions("t") == {("1",): "t/day=1/"}
    events = client("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName=lake.crawler)["events"]
    assert [event for event in events if "several folders have the same partition values" in event["message"]]


def test_exclusions(lake):
    lake.put_parquet("t/d=1/f.parquet", id=[1])
    lake.put_parquet("t/d=2/f.parquet", id=[1])
    lake.put("t/d=2/note.avro", b"Obj\x01")
    lake.crawl("t/", exclusions=["**.avro", "d=1/**"])
    assert set(lake.partitions("t")) == {("2",)}


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "folder/a.csv", False),
        ("**.csv", "folder/a.csv", True),
        ("a?.csv", "ab.csv", True),
        ("a?b", "a/b", False),
        ("[a-c]*", "bee", True),
        ("[!a-c]*", "bee", False),
        ("[*]", "*", True),
        ("[*]", "x", False),
        ("{a,b*}/x", "bcd/x", True),
        ("{a,b*}/x", "c/x", False),
        (r"\{a\}", "{a}", True),
        ("a.csv", "aXcsv", False),
        ("departments/market*", "departments/marketing.json", True),
        ("departments/market*", "departments/market/a.json", False),
    ],
)
def test_exclusion_patterns(pattern, path, matches):
    assert bool(compile_exclusion(pattern).fullmatch(path)) is matches


@pytest.mark.parametrize("pattern", ["[a", "{a", "{a,{b}}", "a\\", "[z-a]"])
def test_malformed_exclusion_patterns(pattern):
    with pytest.raises(AwsError, match="The exclude pattern"):
        compile_exclusion(pattern)


def test_table_names():
    assert table_name("Raw-", "Log Ins.2024") == "raw_log_ins_2024"
