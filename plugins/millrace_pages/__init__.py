"""The pages that Millrace adds to Airflow. On MWAA the web server has no DAGs folder, so this package stands alone."""
