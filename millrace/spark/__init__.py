"""What Spark jobs share, on Glue and on EMR: functions of DataFrames and of Arrow's tables, and loads.

Nothing here needs Airflow. Some modules need pyarrow, which Glue has, in the driver or in Spark's Python workers too. A
job gets them in the wheel that ``millrace.package`` builds.
"""
