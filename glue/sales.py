"""Glue job ``sales``: from the MySQL source to a build of the star schema that nobody sees yet.

One state of the source is read over JDBC, of orders and payments only the months that changed (``millrace.extract``,
``millrace.spark.snapshot``); the tables of the star are made of it and of what is published (``millrace.spark.star``).
The build is named by the job's run. Arguments: --bucket_prefix; --connection; --as_of, the day from which a change
counts that is seen now (YYYY-MM-DD).
"""

from __future__ import annotations

import datetime as dt
import sys

import boto3
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

from millrace import extract
from millrace.spark import snapshot, star
from millrace.spark.lake import Lake

options = getResolvedOptions(sys.argv, ["JOB_NAME", "JOB_RUN_ID", "bucket_prefix", "connection", "as_of"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(options["JOB_NAME"], options)

lake = Lake(glue.spark_session, boto3.Session(), options["bucket_prefix"], "sales", options["JOB_RUN_ID"])
published = snapshot.totals_by_part(lake.published("control_totals"))
source = snapshot.connect(glue.spark_session, boto3.Session(), options["connection"])
state = snapshot.Snapshot(source, extract.reads(), extract.totals(), published).take()

star.build(state, lake, dt.date.fromisoformat(options["as_of"]))
job.commit()
