"""The session that tests of functions on DataFrames share."""


def test_it_computes_in_utc_and_reads_and_writes_s3(spark, aws):
    from pyspark.sql import functions as f

    aws.store.create_bucket("local-session")
    frame = spark.createDataFrame([(1, "2024-03-31 12:00:00"), (2, None)], "id int, at string")
    frame.select("id", f.to_timestamp("at").alias("at")).coalesce(1).write.parquet("s3://local-session/t/")
    found = spark.read.parquet("s3a://local-session/t/").orderBy("id")
    assert [(row.id, row.at and row.at.isoformat()) for row in found.collect()] == [
        (1, "2024-03-31T12:00:00"),
        (2, None),
    ]
    assert found.select(f.current_timezone()).first()[0] == "UTC"


def test_python_functions_run_in_workers_that_see_this_process_s_path(spark):
    from pyspark.sql import functions as f

    @f.udf("string")
    def region(_):
        from localaws.core import REGION

        return REGION

    assert [row[0] for row in spark.range(2).select(region("id")).collect()] == ["us-east-1"] * 2
