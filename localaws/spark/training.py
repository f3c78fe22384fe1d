"""What most jobs do, run once while Java notes which classes it loads. Argument: a folder on S3."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

folder = sys.argv[1]
spark = SparkSession.builder.getOrCreate()
rows = spark.range(1000).select("id", (f.col("id") % 7).alias("part"), f.lit("2024-01-01").alias("day"))
rows.write.mode("overwrite").option("header", "true").csv(f"{folder}/csv/")
read = spark.read.csv(f"{folder}/csv/", header=True, schema="id bigint, part int, day string")
read = read.withColumn("day", f.to_date("day")).withColumn("digest", f.sha2(f.col("id").cast("string"), 256))
read.repartition("part").write.mode("overwrite").partitionBy("part").parquet(f"{folder}/parquet/")
again = spark.read.parquet(f"{folder}/parquet/")
again.createOrReplaceTempView("again")
spark.sql("select part, count(*) n, max(day) day from again group by part order by n desc").collect()
again.join(rows.select("id"), "id").dropDuplicates(["id"]).agg(f.sum("id"), f.countDistinct("part")).show()
again.select(f.udf(lambda value: value + 1, "bigint")("id")).limit(1).collect()
