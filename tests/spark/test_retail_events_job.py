"""The Spark job of ``retail_events`` as it is deployed, on small files with every oddity: exact rows, exact accounts.

Each test goes on from where the one before it ended.
"""

import csv
import gzip
import io
import json
import runpy
import sys
import time
import uuid

import pyarrow.parquet as pq
import pytest

from millrace import contracts, publish
from millrace.loads import LoadError
from millrace.provision.catalog import table_input
from millrace.published import Published
from millrace.resources import ROOT

SLUG = "retail_events"
TABLES = ("events", "item_properties", "category_tree")

EVENTS = """\
timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433289599999,111016,transaction,318965,7
1433289600000,111016,transaction,318965,
1433289600000,111016,view,007,
1433289600000,111016,refund,5,
1433289600000,111016,view
1433289600000,111016,view,1,2,3
1433289600000,,view,1,
x,111016,view,1,
-1,111016,view,1,
9999999999999999,111016,view,1,

#### connection reset by peer ####
"""
PROPERTIES = """\
timestamp,itemid,property,value
1435460400000,960429,categoryid,1338
1435460400000,206783,888,1116713 960601 n277.200
1435460400000,206783,888,1116713 960601 n277.200
1435460400000,206783,888,n277.200
1435460400000,7,400,nInfinity
1435460400000,7,401,
1435460400000,7,402, blanks on both sides 
1435460400000,7,403,Zürich ✓
1435460400000,7,404,"quoted, with a comma"
1435460400000,7,,n1.000
"""  # noqa: W291
TREE = "categoryid,parentid\r\n1338,213\r\n213,\r\n213,\r\n"


class Lake:
    """The pipeline's buckets and tables, and the job."""

    def __init__(self, client, endpoint, monkeypatch):
        self.s3, self.glue, self.athena = client("s3"), client("glue"), client("athena")
        self.prefix = f"r{uuid.uuid4().hex[:10]}"
        for name in ("raw", "processed", "final", "rejects", "athena"):
            self.s3.create_bucket(Bucket=f"{self.prefix}-{name}")
        self.glue.create_database(DatabaseInput={"Name": SLUG})
        for table in TABLES:
            self.glue.create_table(DatabaseName=SLUG, TableInput=table_input(contracts.get(SLUG, table), self.prefix))
        self._monkeypatch = monkeypatch
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)

    def put(self, name, body):
        body = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=f"{self.prefix}-raw", Key=f"{SLUG}/raw_{name}", Body=body)

    def run(self, *arguments):
        """Run the job; the ledger rows that it leaves, by file."""
        run = uuid.uuid4().hex
        argv = ["retail_events.py", "--bucket_prefix", self.prefix, "--JOB_RUN_ID", run, *arguments]
        self._monkeypatch.setattr(sys, "argv", argv)
        runpy.run_path(str(ROOT / "glue" / "retail_events.py"), run_name="__main__")
        key = f"_ledger/{SLUG}/_runs/{run}.json"
        rows = json.load(self.s3.get_object(Bucket=f"{self.prefix}-processed", Key=key)["Body"])
        return {row["key"].removeprefix(f"{SLUG}/raw_"): row for row in rows}

    def rows(self, sql):
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": SLUG},
            ResultConfiguration={"OutputLocation": f"s3://{self.prefix}-athena/"},
        )
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=started["QueryExecutionId"])
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]][1:]
        return [tuple(cell.get("VarCharValue") for cell in row) for row in rows]

    def tables(self):
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=str) for table in TABLES}

    def places(self):
        """Where the partitions lie."""
        return {table: publish.partitions_of(self.glue, SLUG, table) for table in TABLES}

    def objects(self, bucket):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=f"{self.prefix}-{bucket}")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def rejects(self, row):
        bucket, _, key = row["rejects"].removeprefix("s3://").partition("/")
        text = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return [tuple(record.values())[1:] for record in csv.DictReader(io.StringIO(text))]


@pytest.fixture(scope="module")
def lake(spark, client, aws):
    """The lake after its first load, whose ledger it keeps."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = Lake(client, aws.endpoint, monkeypatch)
        made.put("events/events.csv", EVENTS)
        made.put("item_properties/item_properties_part1.csv", PROPERTIES)
        late = b"itemid,timestamp,value,property\n7,1435460400001,n2.000,400\n"
        made.put("item_properties/2015/späte werte.csv.gz", gzip.compress(late))
        made.put("category_tree/category_tree.csv", "\ufeff" + TREE)
        made.ledger = made.run()
        yield made
        made.glue.delete_database(Name=SLUG)
    spark.conf.set("spark.sql.adaptive.enabled", "true")  # for others, with whom the session is shared


def test_every_line_is_a_row_or_a_reject(lake):
    source = "events.csv"
    assert lake.tables() == {
        "events": [
            # timestamp, visitorid, itemid, transactionid, source, event, event_date
            ("1433221332117", "257597", "355908", None, source, "view", "2015-06-02"),
            ("1433221332117", "257597", "355908", None, source, "view", "2015-06-02"),
            ("1433224214164", "992329", "248676", None, source, "addtocart", "2015-06-02"),
            ("1433289599999", "111016", "318965", "7", source, "transaction", "2015-06-02"),
            ("1433289600000", "111016", "318965", None, source, "transaction", "2015-06-03"),
            ("1433289600000", "111016", "7", None, source, "view", "2015-06-03"),
        ],
        "item_properties": [
            ("1435460400000", "206783", "888", "1116713 960601 n277.200", "item_properties_part1.csv", "0"),
            ("1435460400000", "206783", "888", "1116713 960601 n277.200", "item_properties_part1.csv", "0"),
            ("1435460400000", "206783", "888", "n277.200", "item_properties_part1.csv", "0"),
            ("1435460400000", "7", "400", "nInfinity", "item_properties_part1.csv", "0"),
            ("1435460400000", "7", "401", None, "item_properties_part1.csv", "0"),
            ("1435460400000", "7", "402", " blanks on both sides ", "item_properties_part1.csv", "0"),
            ("1435460400000", "7", "403", "Zürich ✓", "item_properties_part1.csv", "0"),
            ("1435460400000", "7", "404", "quoted, with a comma", "item_properties_part1.csv", "0"),
            ("1435460400000", "960429", "categoryid", "1338", "item_properties_part1.csv", "1"),
            ("1435460400001", "7", "400", "n2.000", "2015/späte werte.csv.gz", "0"),
        ],
        "category_tree": [
            ("1338", "213", "category_tree.csv"),
            ("213", None, "category_tree.csv"),
            ("213", None, "category_tree.csv"),
        ],
    }
    accounts = {
        name: (row["rows_in"], row["rows_out"], row["rows_rejected"], row["duplicates"], row["status"])
        for name, row in lake.ledger.items()
    }
    assert accounts == {
        "events/events.csv": (14, 6, 8, 1, "loaded"),
        "item_properties/item_properties_part1.csv": (10, 9, 1, 1, "loaded"),
        "item_properties/2015/späte werte.csv.gz": (1, 1, 0, 0, "loaded"),
        "category_tree/category_tree.csv": (3, 3, 0, 1, "loaded"),
    }


def test_rejects_say_where_and_why(lake):
    assert lake.rejects(lake.ledger["events/events.csv"]) == [
        ("8", "event", "is not one of view, addtocart, transaction", "1433289600000,111016,refund,5,"),
        ("9", "", "3 fields, not 5", "1433289600000,111016,view"),
        ("10", "", "6 fields, not 5", "1433289600000,111016,view,1,2,3"),
        ("11", "visitorid", "is missing", "1433289600000,,view,1,"),
        ("12", "timestamp", "is not a bigint", "x,111016,view,1,"),
        ("13", "timestamp", "is below 946684800000", "-1,111016,view,1,"),
        ("14", "timestamp", "is above 4102444800000", "9999999999999999,111016,view,1,"),
        ("16", "", "1 fields, not 5", "#### connection reset by peer ####"),
    ]
    properties = lake.ledger["item_properties/item_properties_part1.csv"]
    assert lake.rejects(properties) == [("11", "property", "is missing", "1435460400000,7,,n1.000")]


def test_files_are_sorted_and_compressed(lake):
    (written,) = [key for key in lake.objects("final") if "item_properties_part1" in key and "item_bucket=0" in key]
    body = lake.s3.get_object(Bucket=f"{lake.prefix}-final", Key=written)["Body"].read()
    file = pq.ParquetFile(io.BytesIO(body))
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    rows = [(row["itemid"], row["property"]) for row in file.read().to_pylist()]
    assert rows == sorted(rows)


def test_the_same_again_writes_nothing(lake):
    tables, objects = lake.tables(), lake.objects("final")
    assert lake.run() == {}
    assert (lake.tables(), lake.objects("final")) == (tables, objects)


def test_a_new_file_adds_rows_and_touches_nothing_else(lake):
    before, places = lake.tables(), lake.places()
    lake.put("events/more.csv", "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n")
    assert list(lake.run()) == ["events/more.csv"]
    added = ("1433221332117", "257597", "355908", None, "more.csv", "view", "2015-06-02")
    assert lake.tables() == {**before, "events": sorted([*before["events"], added], key=str)}
    assert lake.places()["events"].items() > places["events"].items()
    assert {**lake.places(), "events": {}} == {**places, "events": {}}


def test_a_changed_file_replaces_its_own_rows(lake):
    before, places = lake.tables(), lake.places()
    lake.put("events/events.csv", "timestamp,visitorid,event,itemid,transactionid\n1433289600000,1,view,2,\n")
    assert lake.run()["events/events.csv"]["rows_out"] == 1
    others = [row for row in before["events"] if row[4] != "events.csv"]
    new = ("1433289600000", "1", "2", None, "events.csv", "view", "2015-06-03")
    assert lake.tables() == {**before, "events": sorted([*others, new], key=str)}
    old = next(iter(places["events"].values())).removeprefix(f"s3://{lake.prefix}-final/")
    (key, *_) = [key for key in lake.objects("final") if key.startswith(old)]
    tags = lake.s3.get_object_tagging(Bucket=f"{lake.prefix}-final", Key=key)["TagSet"]
    assert tags == [{"Key": "superseded", "Value": "true"}]


def test_what_cannot_be_loaded_fails_the_job_and_the_others_are_loaded(lake):
    before = lake.tables()
    head = "timestamp,visitorid,event,itemid,transactionid"
    good = "".join(f"14332213{number:05},1,view,2,\n" for number in range(1000))
    odd = {"odd": f"{head},shop\n1433289600000,1,view,2,,x\n", "names": "time,who\n1,2\n", "empty": ""}
    for name, text in {**odd, "dirty": f"{head}\n{good}{'bad' * 5}\n" + "bad\n" * 19, "fine": f"{head}\n"}.items():
        lake.put(f"events/{name}.csv", text)
    with pytest.raises(LoadError) as error:
        lake.run()
    said = str(error.value)
    assert "4 of 5 uploads cannot be published" in said
    assert "raw_events/odd.csv was refused: columns 'shop' are not in the contract, and nothing may be dropped" in said
    assert (
        "raw_events/names.csv was refused: columns timestamp, visitorid, event, itemid, transactionid missing" in said
    )
    assert "raw_events/empty.csv was refused: the file has no header; is it empty?" in said
    assert "raw_events/dirty.csv: 20 of 1020 rows were rejected, over the contract's 1.0%" in said
    assert lake.tables() == before
    published = Published(lake.s3, f"{lake.prefix}-processed", SLUG).read()
    assert [key for key in published if "fine" in key or "dirty" in key] == [f"{SLUG}/raw_events/fine.csv"]
    for name in (*odd, "dirty"):
        lake.s3.delete_object(Bucket=f"{lake.prefix}-raw", Key=f"{SLUG}/raw_events/{name}.csv")


def test_a_file_without_rows_takes_back_what_was(lake):
    lake.put("category_tree/category_tree.csv", "categoryid,parentid\n")
    assert lake.run()["category_tree/category_tree.csv"]["rows_out"] == 0
    assert lake.tables()["category_tree"] == []


class Died(Exception):
    """A process that ends there."""


STEPS = {
    "written": (publish, "switch", True),
    "switched": (Published, "add", True),
    "marked": ("millrace.spark.raw_lake.RawLake", "_account", False),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_dies_is_made_good_by_the_next(lake, monkeypatch, step):
    before = lake.tables()
    at, name, again = STEPS[step]
    lake.put(f"events/{step}.csv", "timestamp,visitorid,event,itemid,transactionid\n1433221332117,3,view,4,\n")

    def die(*arguments, **settings):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(*((f"{at}.{name}", die) if isinstance(at, str) else (at, name, die)))
        with pytest.raises(Died):
            lake.run()
    assert set(lake.run()) == ({f"events/{step}.csv"} if again else set())
    added = ("1433221332117", "3", "4", None, f"{step}.csv", "view", "2015-06-02")
    assert lake.tables() == {**before, "events": sorted([*before["events"], added], key=str)}


def test_a_rebuild_gives_the_same_tables(lake):
    before, places = lake.tables(), lake.places()
    assert len(lake.run("--rebuild", "True")) == len(lake.objects("raw"))
    assert lake.tables() == before
    assert not set(lake.places()["events"].values()) & set(places["events"].values())
