"""Publishing switches a table to what a build's statements wrote, and to nothing else."""

import time

import pytest

from millrace import builds
from millrace.publish import publish_table, written_by
from millrace.published import Published

BUCKET = "publish-final"
EMPTY = f"s3://{BUCKET}/t/build=none/"


class Athena:
    """Answers as Athena does for statements that ended: state and manifest."""

    def __init__(self, s3):
        self._s3 = s3
        self._manifests = {}

    def wrote(self, statement, keys):
        for key in keys:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=b"rows")
        body = "".join(f"s3://{BUCKET}/{key}\n" for key in keys)
        self._s3.put_object(Bucket=BUCKET, Key=f"manifests/{statement}.csv", Body=body.encode())
        self._manifests[statement] = f"s3://{BUCKET}/manifests/{statement}.csv"
        return statement

    def get_query_execution(self, QueryExecutionId):
        location = self._manifests.get(QueryExecutionId)
        statistics = {"DataManifestLocation": location} if location else {}
        return {
            "QueryExecution": {"Statistics": statistics, "Status": {"State": "SUCCEEDED" if location else "FAILED"}}
        }


@pytest.fixture(scope="module")
def s3(client):
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


@pytest.fixture
def publish(client, s3, request):
    """Publishes a table of a fresh database, partitioned as its name says."""
    glue, athena = client("glue"), Athena(s3)
    database = f"publish_{abs(hash(request.node.name)) % 10**8}"
    glue.create_database(DatabaseInput={"Name": database})
    columns = [{"Name": "x", "Type": "bigint"}]
    month, part = {"Name": "month", "Type": "string"}, {"Name": "part", "Type": "bigint"}
    for name, keys in (("months", [month]), ("parts", [month, part]), ("whole", [])):
        storage = {"Columns": columns, "Location": EMPTY}
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "PartitionKeys": keys}
        glue.create_table(DatabaseName=database, TableInput=table)

    class Publish:
        wrote = athena.wrote

        def __call__(self, table, statements, months=()):
            return self.publish(table, statements, {"month": months})

        def publish(self, table, statements, rebuilt):
            arguments = {"database": database, "table": table, "statements": statements, "rebuilt": rebuilt}
            return publish_table(athena, glue, s3, empty=EMPTY, **arguments)

        def catalogue(self, **statements):
            tables = {t: builds.BuiltTable(written_by(athena, s3, wrote), None) for t, wrote in statements.items()}
            return builds.catalogue(glue, builds.Build(database, "", tables), EMPTY)

        def partitions(self, table="months"):
            pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
            found = [partition for page in pages for partition in page["Partitions"]]
            assert all(p["StorageDescriptor"]["Columns"] == columns for p in found)
            return {"/".join(p["Values"]): p["StorageDescriptor"]["Location"] for p in found}

        def changed(self, table):
            return glue.get_table(DatabaseName=database, Name=table)["Table"]["UpdateTime"]

        def location(self, table="whole"):
            return glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]["Location"]

    return Publish()


def tags(s3, key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]}


def test_partitions_are_added_switched_and_removed_and_others_stay(publish, s3):
    first = publish.wrote("1", ["p/build=1/month=2024-01/a", "p/build=1/month=2024-02/a", "p/build=1/month=2024-03/a"])
    assert publish("months", [first], ["2024-01", "2024-02", "2024-03"]) == {"objects": 3, "partitions": 3}
    second = publish.wrote("2", ["p/build=2/month=2024-02/a", "p/build=2/month=2024-02/b"])
    assert publish("months", [second], ["2024-02", "2024-03"]) == {"objects": 2, "partitions": 1}
    assert publish.partitions() == {
        "2024-01": f"s3://{BUCKET}/p/build=1/month=2024-01/",
        "2024-02": f"s3://{BUCKET}/p/build=2/month=2024-02/",
    }
    assert tags(s3, "p/build=1/month=2024-02/a") == {"superseded": "true"}
    assert tags(s3, "p/build=1/month=2024-03/a") == {"superseded": "true"}
    assert tags(s3, "p/build=1/month=2024-01/a") == {}


def test_publishing_again_changes_nothing(publish, s3):
    statement = publish.wrote("again", ["again/build=1/month=2024-01/a"])
    publish("months", [statement], ["2024-01"])
    changed = publish.changed("months")
    publish("months", [statement], ["2024-01"])
    assert publish.partitions() == {"2024-01": f"s3://{BUCKET}/again/build=1/month=2024-01/"}
    assert publish.changed("months") == changed
    assert tags(s3, "again/build=1/month=2024-01/a") == {}


@pytest.mark.parametrize("then", [["noted/build=1/month=2024-02/a"], ["noted/build=2/month=2024-01/a"], []])
def test_the_catalog_notes_when_the_data_changed(publish, then):
    publish("months", [publish.wrote("before", ["noted/build=1/month=2024-01/a"])], ["2024-01"])
    before = publish.changed("months")
    time.sleep(1.01)  # Glue tells times in seconds
    publish("months", [publish.wrote("after", then)], ["2024-01"])
    assert publish.changed("months") > before


def test_more_partitions_than_a_call_may_carry(publish):
    months = [f"{2000 + number // 12}-{number % 12 + 1:02}" for number in range(230)]
    statement = publish.wrote("many", [f"many/build=1/month={month}/a" for month in months])
    publish("months", [statement], months)
    assert sorted(publish.partitions()) == months
    publish("months", [publish.wrote("none", [])], months)
    assert publish.partitions() == {}


def test_a_whole_table_is_switched_and_can_become_empty(publish, s3):
    publish("whole", [publish.wrote("w1", ["w/build=1/a", "w/build=1/b"])])
    assert publish.location() == f"s3://{BUCKET}/w/build=1/"
    publish("whole", [publish.wrote("w2", [])])
    assert publish.location() == EMPTY
    assert tags(s3, "w/build=1/b") == {"superseded": "true"}


def test_a_part_is_added_and_made_anew_in_all_months(publish, s3):
    publish.publish("parts", [publish.wrote("p0", ["q/build=1/month=2024-01/part=0/a"])], None)
    died = publish.wrote("p1", ["q/build=2/month=2024-01/part=1/a", "q/build=2/month=2024-02/part=1/a"])
    publish.publish("parts", [died], {"part": ["1"]})
    again = publish.wrote("p2", ["q/build=3/month=2024-01/part=1/a"])
    assert publish.publish("parts", [again], {"part": ["1"]}) == {"objects": 1, "partitions": 1}
    assert publish.partitions("parts") == {
        "2024-01/0": f"s3://{BUCKET}/q/build=1/month=2024-01/part=0/",
        "2024-01/1": f"s3://{BUCKET}/q/build=3/month=2024-01/part=1/",
    }
    assert tags(s3, "q/build=2/month=2024-02/part=1/a") == {"superseded": "true"}
    assert tags(s3, "q/build=1/month=2024-01/part=0/a") == {}
    rebuild = publish.wrote("p3", ["q/build=4/month=2024-02/part=0/a"])
    publish.publish("parts", [rebuild], None)
    assert list(publish.partitions("parts")) == ["2024-02/0"]


def test_a_build_is_catalogued_and_readers_see_nothing_of_it(publish):
    first = publish.wrote("c1", ["c/build=1/month=2024-01/a"])
    publish("months", [first], ["2024-01"])
    months = publish.wrote("c2", ["c/build=2/month=2024-01/a", "c/build=2/month=2024-02/a"])
    whole = publish.wrote("c3", ["d/build=2/a"])
    assert publish.catalogue(months=[months], whole=[whole]) == {"months": 2, "whole": 1}
    assert list(publish.partitions("built_months")) == ["2024-01", "2024-02"]
    assert publish.location("built_whole") == f"s3://{BUCKET}/d/build=2/"
    assert publish.partitions() == {"2024-01": f"s3://{BUCKET}/c/build=1/month=2024-01/"}
    assert publish.location() == EMPTY
    nothing = publish.wrote("c4", [])
    assert publish.catalogue(months=[nothing], whole=[nothing]) == {"months": 0, "whole": 0}
    assert publish.partitions("built_months") == {}
    assert publish.location("built_whole") == EMPTY


def test_a_statement_that_did_not_succeed_is_not_published(publish):
    with pytest.raises(ValueError, match=r"statement lost \(FAILED\) has no data manifest: only a succeeded UNLOAD"):
        publish("months", ["lost"], ["2024-01"])
    assert publish.partitions() == {}


def test_an_object_outside_any_partition_is_not_published(publish):
    with pytest.raises(ValueError, match=r"does not lie in a folder month=…"):
        publish("months", [publish.wrote("odd", ["odd/build=1/a"])], [])


def test_what_is_published_is_kept_beside_another_writer(s3):
    one, other = (Published(s3, BUCKET, "beside") for _ in range(2))
    assert one.read() == {}
    one.add([{"key": "a ü+.csv", "etag": "1"}])
    read, raced = other._read, []

    def read_then_lose_the_race():
        answer = read()
        if not raced:
            raced.append(True)
            one.add([{"key": "b", "etag": "2"}])
        return answer

    other._read = read_then_lose_the_race
    other.add([{"key": "c", "etag": "3"}, {"key": "a ü+.csv", "etag": "4"}])
    assert one.read() == {"a ü+.csv": "4", "b": "2", "c": "3"}
