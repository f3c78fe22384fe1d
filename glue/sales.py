"""Glue job ``sales``: from the MySQL source to a build of the star schema that nobody sees yet.

One state of the source is read over JDBC, of orders and payments only the months that changed
(``millrace.sales_reads``, ``millrace.spark.snapshot``); the tables of the star are made of it and of what is published
(``millrace.spark.sales_star``). The build is named by the job's run. Arguments: --bucket_prefix; --connection; --as_of,
the day from which a change counts that is seen now (YYYY-MM-DD).
"""

from __future__ import annotations

import datetime as dt
import sys

import boto3
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

from millrace import sales_reads
from millrace.spark import sales_star, snapshot
from millrace.spark.lake import Lake

options = getResolvedOptions(sys.argv, ["bucket_prefix", "connection", "as_of"])
spark, session = SparkSession.builder.getOrCreate(), boto3.Session()
lake = Lake(spark, session, options["bucket_prefix"], "sales", options["JOB_RUN_ID"])

published = snapshot.totals_by_part(lake.published("control_totals"))
source = snapshot.connect(spark, session, options["connection"])
state = snapshot.Snapshot(source, sales_reads.reads(), published).take()
sales_star.build(state, lake, dt.date.fromisoformat(options["as_of"]))
