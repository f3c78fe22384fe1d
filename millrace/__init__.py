"""What the DAGs, the functions and the command line share: pure Python, no pandas; Airflow in ``steps`` and ``runner`` only."""
