"""What the DAGs, the functions and the command line share: pure Python; Airflow in one module only, no pandas."""
