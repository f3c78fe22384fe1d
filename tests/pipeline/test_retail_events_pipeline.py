"""The pipeline retail_events by DAG, by events, live and on EMR: each test goes on from where the one before ended."""

import json
import time

import pytest

from millrace.live import send
from millrace.local import BUCKET_PREFIX
from millrace.resources import ROOT
from millrace.sync import find, sync
from tests.pipeline.conftest import wait_until

pytestmark = pytest.mark.whole
SLUG = "retail_events"
FILES = {
    "events.csv": "timestamp,visitorid,event,itemid,transactionid\n"
    "1433221332117,1,view,7,\n"
    "1433221332117,1,view,7,\n"  # an exact duplicate
    "1433221392117,1,addtocart,7,\n"
    "1433221452117,1,transaction,7,100\n"
    "1433221462117,2,view,8,\n"
    "1433307800000,2,view,7,\n"
    "1433307800000,2,refund,7,\n",  # refused
    "item_properties_part1.csv": "timestamp,itemid,property,value\n"
    "1430622000000,7,categoryid,30\n"
    "1433221452117,7,categoryid,31\n"  # as of the very moment of the purchase
    "1433221452118,7,categoryid,32\n"
    "1430622000000,7,available,0\n"
    "1431226800000,7,available,1\n",
    "item_properties_part2.csv": "timestamp,itemid,property,value\n1430622000000,7,400,n277.200 nInfinity\n",
    "category_tree.csv": "categoryid,parentid\n30,3\n31,3\n3,\n50,49\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The folder of the server that is synced."""
    return tmp_path_factory.mktemp("server")


def arrive_at(stack, server, files):
    """The server gets files, and they are synced."""
    for name, text in files.items():
        (server / name).write_text(text)
    return sync(stack.s3, f"{BUCKET_PREFIX}-raw", find(SLUG, server).files).sent


def tables(stack):
    return {table: stack.rows(table) for table in ("events", "item_properties", "category_tree")}


def ask(stack, name, *parameters):
    """The rows of one of the pipeline's queries."""
    return stack.query((ROOT / "sql" / SLUG / f"{name}.sql").read_text(), *parameters)


def test_what_is_synced_is_in_the_lake_line_for_line(stack, server):
    assert len(arrive_at(stack, server, FILES)) == 4
    state, tasks = stack.run("2024-03-01")
    assert (state, set(tasks.values())) == ("success", {"success"})
    assert tables(stack) == {
        "events": [
            ("1433221332117", "1", "7", None, "events.csv", "view", "2015-06-02"),
            ("1433221332117", "1", "7", None, "events.csv", "view", "2015-06-02"),
            ("1433221392117", "1", "7", None, "events.csv", "addtocart", "2015-06-02"),
            ("1433221452117", "1", "7", "100", "events.csv", "transaction", "2015-06-02"),
            ("1433221462117", "2", "8", None, "events.csv", "view", "2015-06-02"),
            ("1433307800000", "2", "7", None, "events.csv", "view", "2015-06-03"),
        ],
        "item_properties": [
            ("1430622000000", "7", "400", "n277.200 nInfinity", "item_properties_part2.csv", "0"),
            ("1430622000000", "7", "available", "0", "item_properties_part1.csv", "0"),
            ("1430622000000", "7", "categoryid", "30", "item_properties_part1.csv", "0"),
            ("1431226800000", "7", "available", "1", "item_properties_part1.csv", "0"),
            ("1433221452117", "7", "categoryid", "31", "item_properties_part1.csv", "0"),
            ("1433221452118", "7", "categoryid", "32", "item_properties_part1.csv", "0"),
        ],
        "category_tree": [
            ("3", None, "category_tree.csv"),
            ("30", "3", "category_tree.csv"),
            ("31", "3", "category_tree.csv"),
            ("50", "49", "category_tree.csv"),
        ],
    }
    assert stack.rejected() == 1
    (ledger,) = stack.objects("processed", f"_ledger/{SLUG}/_runs/").values()
    counts = {row["table"]: (row["rows_in"], row["rows_out"], row["duplicates"]) for row in json.loads(ledger)}
    assert counts["raw_events"] == (7, 6, 1)


def test_the_crawler_knows_the_raw_files(stack):
    assert stack.query("SELECT count(*) FROM raw_item_properties WHERE property = 'categoryid'") == [("3",)]


def test_the_queries(stack):
    assert ask(stack, "funnel") == [("2015-06-02", "2", "1", "1", "1"), ("2015-06-03", "1", "0", "0", "0")]
    assert ask(stack, "purchases") == [("100", "1", "7", "2015-06-02 05:04:12.000 UTC", "31", "true")]
    assert ask(stack, "category_paths") == [
        ("3", "3", "1", "3"),
        ("30", "3", "2", "3 > 30"),
        ("31", "3", "2", "3 > 31"),
        ("50", "50", "1", "50"),
    ]
    before_first_change = ask(stack, "item_history", "7", "1430622000000")
    assert before_first_change == [
        ("400", "n277.200 nInfinity", "2015-05-03 03:00:00.000 UTC"),
        ("available", "0", "2015-05-03 03:00:00.000 UTC"),
        ("categoryid", "30", "2015-05-03 03:00:00.000 UTC"),
    ]
    assert [row[1] for row in ask(stack, "item_history", "7", "1433221452117")] == ["n277.200 nInfinity", "1", "31"]
    assert ask(stack, "item_history", "7", "1") == []
    assert [row[:4] for row in ask(stack, "quality")] == [
        ("category_tree", "category_tree.csv", "4", "1"),
        ("events", "events.csv", "6", "0"),
        ("item_properties", "item_properties_part1.csv", "5", "0"),
        ("item_properties", "item_properties_part2.csv", "1", "0"),
    ]
    assert {name: (ok, detail.split()[0]) for name, _, ok, detail in ask(stack, "checks")} == {
        "there_are_events": ("true", "0"),
        "categories_in_a_circle": ("true", "0"),
        "categories_below_unknown_ones": ("false", "1"),
        "exact_duplicates": ("false", "1"),
        "transactions_without_order": ("true", "0"),
        "items_viewed_without_properties": ("false", "1"),
        "items_in_unknown_categories": ("false", "1"),
    }


def test_an_event_and_an_item_read_little(stack):
    """Partitions of other events, and files without the item, are not read."""

    def scanned(sql):
        stack.query(sql)
        return stack.scanned

    whole = scanned("SELECT visitorid, itemid FROM retail_events.events")
    assert 0 < scanned("SELECT visitorid FROM retail_events.events WHERE event = 'view' AND itemid = 8") < whole / 2
    assert scanned("SELECT visitorid FROM retail_events.events WHERE event = 'view' AND itemid = 9") == 0


def test_the_same_again_changes_nothing(stack, server):
    before, objects = tables(stack), set(stack.objects("final"))
    assert arrive_at(stack, server, {}) == ()
    assert stack.run("2024-03-01")[0] == "success"
    assert (tables(stack), set(stack.objects("final"))) == (before, objects)


HEAD = "timestamp,visitorid,event,itemid,transactionid\n"


@pytest.mark.timeout(1800)  # a run for each task
def test_a_run_killed_at_any_task_is_made_good_by_the_next(stack, server):
    before, arrived = tables(stack), []

    def arrive(number):
        name = f"events-{number:02}.csv"
        arrived.append(("1433221332117", str(number), "7", None, name, "view", "2015-06-02"))
        assert len(arrive_at(stack, server, {name: f"{HEAD}1433221332117,{number},view,7,\n"})) == 1

    def check(published):
        found = tables(stack)
        count = len(found["events"]) - len(before["events"])
        assert found == {**before, "events": sorted([*before["events"], *arrived[:count]], key=str)}
        assert count == len(arrived) or not published

    tasks = stack.killed_at_every_task("2024-03-01", "load", arrive, check)
    assert {"wait_for_files", "catalogue", "load", "ledger", "funnel", "gate", "funnel_refreshed"} <= set(tasks)


def test_a_job_that_is_killed_is_run_again(stack, server):
    before = tables(stack)
    names = [f"events-{number}.csv" for number in range(90, 94)]
    arrive_at(stack, server, dict.fromkeys(names, f"{HEAD}1433221332117,1,view,7,\n"))
    assert stack.run_whose_job_is_killed("2024-03-01", f"{SLUG}/events/") == ["FAILED", "SUCCEEDED"]
    new = [("1433221332117", "1", "7", None, name, "view", "2015-06-02") for name in names]
    assert tables(stack) == {**before, "events": sorted([*before["events"], *new], key=str)}


def test_the_dag_that_syncs_sends_what_is_new(stack, server):
    def run(**conf):
        result = stack.airflow.run({"dag": f"{SLUG}_sync", "logical_date": "2024-03-01T00:00:00Z", **conf}, print)
        return result["result"], result["tasks"][0]["state"], result["tasks"][0]["returned"]

    known = len(find(SLUG, server).files)
    (server / "category_tree-59.csv").write_text("categoryid,parentid\n59,3\n")
    key = f"{SLUG}/raw_category_tree/category_tree-59.csv"
    assert run(folder=str(server)) == ("success", "success", {"sent": [key], "unchanged": known, "bytes": 25})
    assert run(folder=str(server)) == ("success", "skipped", None)
    assert run(folder="")[0] == "failed"
    stack.s3.delete_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=key)
    (server / "category_tree-59.csv").unlink()


def test_events_alone_load_what_arrives(stack, server):
    before = tables(stack)
    stack.listen()
    known = len(stack.job_runs())
    files = {f"category_tree-{n}.csv": f"categoryid,parentid\n{n},3\n" for n in (60, 61)}
    arrive_at(stack, server, files)
    wait_until(lambda: {"60", "61"} <= {row[0] for row in stack.rows("category_tree")})
    assert set(stack.wait_for_job_runs()[known:]) == {"SUCCEEDED"}
    new = [(str(n), "3", f"category_tree-{n}.csv") for n in (60, 61)]
    assert tables(stack) == {**before, "category_tree": sorted([*before["category_tree"], *new], key=str)}
    stack.listen(False)


def test_the_dag_comes_to_the_tables_that_events_came_to(stack):
    by_events = tables(stack)
    assert stack.run("2024-03-01", reprocess=True)[0] == "success"
    assert tables(stack) == by_events


def test_a_transient_cluster_runs_the_same_script_and_ends_itself(stack, server):
    before, known = tables(stack), len(stack.job_runs())
    arrive_at(stack, server, {"category_tree-70.csv": "categoryid,parentid\n70,3\n"})
    functions, emr = stack.aws.client("lambda"), stack.aws.client("emr")
    answer = functions.invoke(FunctionName="start_emr", Payload=json.dumps({"job": SLUG}))
    started = json.load(answer["Payload"])
    assert "FunctionError" not in answer, started
    cluster = started["cluster"]
    again = functions.invoke(FunctionName="start_emr", Payload=json.dumps({"job": SLUG}))
    assert "StillRunning" in again["Payload"].read().decode()

    def state():
        return emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"]

    wait_until(lambda: state() in ("TERMINATED", "TERMINATED_WITH_ERRORS"))
    (step,) = emr.list_steps(ClusterId=cluster)["Steps"]
    assert (state(), step["Status"]["State"]) == ("TERMINATED", "COMPLETED"), step["Status"]
    new = ("70", "3", "category_tree-70.csv")
    assert tables(stack) == {**before, "category_tree": sorted([*before["category_tree"], new], key=str)}
    assert len(stack.job_runs()) == known


def test_live_events_are_in_the_lake_within_a_minute(stack):
    now = int(time.time() * 1000)
    day = time.strftime("%Y-%m-%d", time.gmtime(now / 1000))
    firehose = stack.aws.client("firehose")
    hints = firehose.describe_delivery_stream(DeliveryStreamName="retail_events_live")["DeliveryStreamDescription"][
        "Destinations"
    ][0]["ExtendedS3DestinationDescription"]["BufferingHints"]
    assert hints["IntervalInSeconds"] < 60
    events = [
        {"timestamp": now, "visitorid": 5, "event": "view", "itemid": 7},
        {"timestamp": now + 1, "visitorid": 5, "event": "transaction", "itemid": 7, "transactionid": 9},
        {"timestamp": now + 2, "visitorid": 5, "event": "refund", "itemid": 7},
    ]
    began = time.monotonic()
    assert send(firehose, "retail_events_live", events) == 3
    sql = "SELECT timestamp, visitorid, itemid, transactionid, event, event_date FROM events_live ORDER BY timestamp"
    wait_until(lambda: len(stack.query(sql)) == 2, seconds=60)
    assert time.monotonic() - began < 60
    assert stack.query(sql) == [
        (str(now), "5", "7", None, "view", day),
        (str(now + 1), "5", "7", "9", "transaction", day),
    ]
    (failed,) = stack.objects("final", f"{SLUG}/_errors/events_live/").values()
    assert b"MetadataExtraction" in failed or b"errorCode" in failed
