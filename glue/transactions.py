"""Glue job ``transactions``: raw purchases that are not loaded yet become a build, clean and redacted.

The build is what the tables ``transactions_clean``, ``transactions_outliers`` and ``daily_sales`` are to have in the
partitions that new rows touch; the DAG checks and publishes it. Arguments: --bucket_prefix; --rebuild true, to load
everything from the beginning. It runs as a Glue job and, as it is, as a step of an EMR cluster.
"""

from __future__ import annotations

import argparse
import uuid

import boto3
from pyspark.sql import SparkSession

from millrace import contracts
from millrace.spark import purchases
from millrace.spark.periods import PeriodLoad

SLUG = "transactions"

parser = argparse.ArgumentParser()
parser.add_argument("--bucket_prefix", required=True)
parser.add_argument("--rebuild", default="false")
parser.add_argument("--JOB_RUN_ID", default=str(uuid.uuid4()))  # which Glue gives
options, _ = parser.parse_known_args()

spark, session = SparkSession.builder.appName(SLUG).getOrCreate(), boto3.Session()
raw, clean, outliers, daily_sales = (
    contracts.get(SLUG, table) for table in (SLUG, "transactions_clean", "transactions_outliers", "daily_sales")
)
load = PeriodLoad(
    spark,
    session,
    options.bucket_prefix,
    raw,
    (clean, outliers),
    run=options.JOB_RUN_ID,
    rebuild=options.rebuild.lower() == "true",
)
if files := load.files():
    pii_key = session.client("secretsmanager").get_secret_value(SecretId=purchases.PII_KEY)["SecretString"].encode()
    load.stage(files, purchases.Purchases(pii_key, clean, outliers, load.extra))
    load.merge()
    load.derive(daily_sales, clean, purchases.daily_sales)
    load.finish()
else:
    load.nothing(daily_sales)
