"""What Spark jobs share, on Glue and on EMR: functions of DataFrames and of Arrow's tables, and loads.

Nothing here needs Airflow. Some need pyarrow, which Glue has, in the driver or in Spark's Python workers too; a job gets
this in the wheel that ``millrace.package`` builds.
"""
