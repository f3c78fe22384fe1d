"""Glue job ``signups``: load ``signups_final`` from what was cleaned and is not loaded yet.

What is renamed, filtered, selected and hashed says ``datasets/signups/signups_final.yaml``. Arguments:
--bucket_prefix; --rebuild true, to load everything from the beginning.
"""

from __future__ import annotations

import sys

import boto3
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

from millrace.spark.load import Load

options = getResolvedOptions(sys.argv, ["bucket_prefix", "rebuild"])
load = Load(
    SparkSession.builder.getOrCreate(),
    boto3.Session(),
    options["bucket_prefix"],
    "signups",
    "signups_final",
    run=options["JOB_RUN_ID"],
    rebuild=options["rebuild"].lower() == "true",
)
for increment in load.increments():
    rows = load.read(increment)
    build = load.build(increment, rows)
    load.publish(increment, build)
