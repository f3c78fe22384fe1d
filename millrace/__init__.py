"""What the DAGs, the functions and the command line share: pure Python, no pandas.

Only ``steps`` and ``runner`` know Airflow.
"""
