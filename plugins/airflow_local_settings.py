"""Airflow imports this in each of its processes, before anything of ours.

The DAGs' own package lies beside them. Where DAGs are parsed and tasks run Airflow finds it there; the triggerer, which
watches for uploads and tells of late runs, looks in the plugins' folder only.
"""

import sys

from airflow.configuration import conf

if (folder := conf.get("core", "dags_folder")) not in sys.path:
    sys.path.append(folder)
