"""The lake of ``retail_events`` at full size: from CSV to queryable, beside a plain PySpark script without our layers.

    python -m benchmarks.retail_events [--events N] [--properties N] [--repeat N] [--folder DIR]

Both ways read the same CSV files from the embedded S3 and write the same partitions to it, sorted and compressed alike,
each in a process of its own with a Java of its own. ``plain`` takes every line for good; ``millrace`` also counts and
keeps what is bad, counts exact duplicates, looks at what it wrote, publishes it and leaves a ledger. Then the typical
questions and the pipeline's queries are put to the raw CSV, to Parquet as it comes (CREATE TABLE AS) and to the lake,
and what they read is shown.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.converter import Cost, measure, median, show
from localaws.spark.local import local_session
from millrace.local import BUCKET_PREFIX, LocalAws
from millrace.provision import Provisioner
from millrace.resources import ROOT
from millrace.samples.retail_events import generate
from millrace.sync import find, sync

SLUG = "retail_events"
RAW, FINAL = (f"s3://{BUCKET_PREFIX}-{name}" for name in ("raw", "final"))
QUESTIONS = {
    "event = x and itemid = y": (
        "SELECT count(*), max(visitorid) FROM retail_events.events WHERE event = 'addtocart' AND itemid = ?",
        ["item"],
    ),
    "itemid = x and property = y": (
        "SELECT count(*), max(value) FROM retail_events.item_properties WHERE itemid = ? AND property = 'categoryid'",
        ["item"],
    ),
    "visitors of a day": (
        "SELECT count(DISTINCT visitorid) FROM retail_events.events WHERE event_date = DATE '2015-05-11'",
        [],
    ),
    **{
        name: ((ROOT / "sql" / SLUG / f"{name}.sql").read_text(), parameters)
        for name, parameters in {
            "funnel": [], "item_history": ["item", "time"], "category_paths": [], "quality": []
        }.items()
    },
}  # fmt: skip
# The tables as the lake has them, over the raw ones, whose types the crawler inferred from what may be broken.
VIEWS = {
    "events": """SELECT try_cast("timestamp" AS bigint) AS "timestamp", try_cast(visitorid AS bigint) AS visitorid,
        try_cast(itemid AS bigint) AS itemid, try_cast(transactionid AS bigint) AS transactionid, "$path" AS source,
        event, CAST(from_unixtime(try_cast("timestamp" AS bigint) / 1000) AS date) AS event_date FROM {raw}""",
    "item_properties": """SELECT try_cast("timestamp" AS bigint) AS "timestamp", try_cast(itemid AS bigint) AS itemid,
        property, value, "$path" AS source FROM {raw}""",
    "category_tree": """SELECT try_cast(categoryid AS bigint) AS categoryid, try_cast(parentid AS bigint) AS parentid,
        "$path" AS source FROM {raw}""",
}


def plain(spark: Any) -> None:
    """What one would write: read with a schema, repartition, sort, write."""
    from pyspark.sql import functions as F

    events = spark.read.csv(
        f"{RAW}/{SLUG}/raw_events/",
        header=True,
        schema="timestamp bigint, visitorid bigint, event string, itemid bigint, transactionid bigint",
    )
    events = events.withColumn("event_date", F.to_date(F.timestamp_millis("timestamp")))
    events = events.repartition("event", "event_date").sortWithinPartitions(
        "event", "event_date", "itemid", "timestamp", "visitorid", "transactionid"
    )
    events.write.partitionBy("event", "event_date").parquet(f"{FINAL}/plain/events/", compression="zstd")
    for part in (1, 2):
        properties = spark.read.csv(
            f"{RAW}/{SLUG}/raw_item_properties/item_properties_part{part}.csv",
            header=True,
            schema="timestamp bigint, itemid bigint, property string, value string",
        )
        properties = properties.withColumn("item_bucket", F.floor(F.col("itemid") / 500_000))
        properties = properties.repartition("item_bucket").sortWithinPartitions(
            "item_bucket", "itemid", "property", "timestamp", "value"
        )
        writer = properties.write.option("parquet.block.size", 2 << 20).partitionBy("item_bucket")
        writer.parquet(f"{FINAL}/plain/item_properties/part={part}/", compression="zstd")
    tree = spark.read.csv(f"{RAW}/{SLUG}/raw_category_tree/", header=True, schema="categoryid bigint, parentid bigint")
    tree.coalesce(1).sortWithinPartitions("categoryid").write.parquet(
        f"{FINAL}/plain/category_tree/", compression="zstd"
    )


def millrace(spark: Any) -> None:
    """The job as it is deployed; it finds the session that there is."""
    sys.argv = ["retail_events.py", "--bucket_prefix", BUCKET_PREFIX]
    runpy.run_path(str(ROOT / "glue" / "retail_events.py"), run_name="__main__")


WAYS = {"plain": plain, "millrace": millrace}


def forget(aws: LocalAws) -> None:
    """Remove what a way wrote, so that each begins with the raw files alone."""
    s3 = aws.client("s3")
    for bucket in ("final", "processed"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=f"{BUCKET_PREFIX}-{bucket}"):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=f"{BUCKET_PREFIX}-{bucket}", Key=item["Key"])


def compare(aws: LocalAws, repeat: int) -> None:
    """The cost of each way; they take turns, so that a busy machine is busy for both. The last leaves the lake."""
    os.environ |= aws.environment
    costs: dict[str, list[Cost | None]] = {way: [] for way in WAYS}
    for _ in range(repeat):
        for way in WAYS:
            forget(aws)
            costs[way].append(measure(["benchmarks.retail_events", "--way", way]))
    medians = {way: median(found) for way, found in costs.items()}
    if failed := [way for way, found in medians.items() if found is None]:
        raise RuntimeError(f"{failed} failed")
    show("from CSV to Parquet", medians, medians["plain"])


def ask(athena: Any, sql: str, parameters: Sequence[str] = ()) -> tuple[int, float, list[str | None]]:
    """The bytes that a statement scans, its seconds, and its first row."""
    started = time.perf_counter()
    more = {"ExecutionParameters": list(parameters)} if parameters else {}
    name = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": SLUG}, WorkGroup="millrace", **more
    )["QueryExecutionId"]
    while True:
        found = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.02)
    if found["Status"]["State"] != "SUCCEEDED":
        raise RuntimeError(f"{sql}: {found['Status']['StateChangeReason']}")
    seconds = time.perf_counter() - started
    rows = athena.get_query_results(QueryExecutionId=name, MaxResults=2)["ResultSet"]["Rows"]
    first = [cell.get("VarCharValue") for cell in rows[-1]["Data"]] if rows else []
    return found["Statistics"]["DataScannedInBytes"], seconds, first


def questions(aws: LocalAws) -> None:
    """What the questions read of CSV, of Parquet as it comes, and of the lake, which all answer alike."""
    glue, athena = aws.client("glue"), aws.client("athena")
    glue.start_crawler(Name=SLUG)
    while glue.get_crawler(Name=SLUG)["Crawler"]["State"] != "READY":
        time.sleep(0.1)
    for database in ("csv", "parquet"):
        glue.create_database(DatabaseInput={"Name": database})
    for table, view in VIEWS.items():
        ask(athena, f"CREATE VIEW csv.{table} AS {view.format(raw=f'{SLUG}.raw_{table}')}")
        ask(athena, f"CREATE TABLE parquet.{table} WITH (format = 'PARQUET') AS SELECT * FROM csv.{table}")
    _, _, (item, moment) = ask(
        athena,
        "SELECT itemid, timestamp FROM retail_events.events WHERE event = 'addtocart' ORDER BY itemid LIMIT 1",
    )
    print(f"\nbytes scanned\n{'':30}{'raw CSV':>16}{'Parquet as is':>16}{'the lake':>16}{'seconds':>10}")
    for question, (sql, wanted) in QUESTIONS.items():
        parameters = [{"item": item or "", "time": moment or ""}[name] for name in wanted]
        found = [ask(athena, sql.replace("retail_events.", f"{at}."), parameters) for at in ("csv", "parquet", SLUG)]
        print(f"{question:30}" + "".join(f"{size:16,}" for size, *_ in found) + f"{found[-1][1]:10.2f}")


def objects(s3: Any) -> None:
    """How many objects the lake has, and how big they are."""
    sizes: dict[str, list[int]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=f"{BUCKET_PREFIX}-final", Prefix=f"{SLUG}/"):
        for entry in page.get("Contents", []):
            if entry["Key"].endswith(".parquet"):
                sizes.setdefault(entry["Key"].split("/")[1], []).append(entry["Size"])
    print(f"\n{'in the lake':20}{'objects':>10}{'MB':>10}{'median MB':>12}{'largest MB':>12}")
    for table, found in sizes.items():
        whole, middle, most = (size / 1e6 for size in (sum(found), statistics.median(found), max(found)))
        print(f"{table:20}{len(found):10}{whole:10,.1f}{middle:12,.2f}{most:12,.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_756_101)
    parser.add_argument("--properties", type=int, default=20_275_902)
    parser.add_argument("--days", type=int, default=138)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where all goes (default: a temporary folder)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        with local_session(os.environ["AWS_ENDPOINT_URL"]) as spark:
            WAYS[options.way](spark)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        started = time.perf_counter()
        said = generate(folder / "server", events=options.events, properties=options.properties, days=options.days)
        print(f"generated in {time.perf_counter() - started:.1f} s: {said}")
        with LocalAws(folder / "aws", folder / "aws.log") as aws:
            provisioner = Provisioner(aws.client, BUCKET_PREFIX, folder / "built")
            provisioner.common()
            provisioner.pipeline(SLUG, listens=False)
            started = time.perf_counter()
            outcome = sync(aws.client("s3"), f"{BUCKET_PREFIX}-raw", find(SLUG, folder / "server").files)
            print(f"synced {outcome.size / 1e6:,.0f} MB in {time.perf_counter() - started:.1f} s")
            compare(aws, options.repeat)
            objects(aws.client("s3"))
            questions(aws)


if __name__ == "__main__":
    main()
