"""What Spark jobs share, on Glue and on EMR: functions of DataFrames, and the load that goes by contracts.

Nothing here needs Airflow, and only ``written`` pyarrow, which Glue has; a job gets it in the wheel that
``millrace.package`` builds.
"""
