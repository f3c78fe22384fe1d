"""Spark job ``retail_events``: raw CSV files that are not in the lake yet become partitioned, compressed Parquet.

It runs as a Glue job and, as it is, as a step of an EMR cluster. Arguments: --bucket_prefix; --rebuild true, to load
all files again. LAYOUTS says how the tables lie: for "event = x and itemid = y", for "itemid = x and property = y".
"""

from __future__ import annotations

import argparse
import uuid

import boto3
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from millrace.spark.raw_lake import Layout, RawLake

ITEMS_IN_BUCKET = 500_000  # item ids: of a file of ten million properties, some 100 MB
LAYOUTS = {
    "raw_events": Layout(
        table="events",
        partitions={
            "event": lambda: F.col("event"),
            "event_date": lambda: F.to_date(F.timestamp_millis("timestamp")),
        },
        order=("itemid", "timestamp", "visitorid", "transactionid"),
    ),
    "raw_item_properties": Layout(
        table="item_properties",
        partitions={"item_bucket": lambda: F.floor(F.col("itemid") / ITEMS_IN_BUCKET)},
        order=("itemid", "property", "timestamp", "value"),
        row_group_bytes=2 << 20,
        open_files=16,
    ),
    "raw_category_tree": Layout(table="category_tree", order=("categoryid", "parentid")),
}

parser = argparse.ArgumentParser()
parser.add_argument("--bucket_prefix", required=True)
parser.add_argument("--rebuild", default="false")
parser.add_argument("--JOB_RUN_ID", default=str(uuid.uuid4()))  # which Glue gives
options, _ = parser.parse_known_args()

spark = SparkSession.builder.appName("retail_events").getOrCreate()
lake = RawLake(spark, boto3.Session(), options.bucket_prefix, "retail_events", LAYOUTS, run=options.JOB_RUN_ID)
for upload in lake.pending(rebuild=options.rebuild.lower() == "true"):
    if build := lake.build(upload):
        lake.publish(build)
