"""Whether a service of Airflow's is alive, by its heartbeat: ``python healthy.py scheduler|dag_processor|triggerer``.

Asks the API server. ``airflow jobs check`` tells the same, but loads all of Airflow each time: five seconds of a core.
"""

import json
import sys
from urllib.request import urlopen

with urlopen("http://api-server:8080/api/v2/monitor/health", timeout=5) as answer:
    status = json.load(answer)[sys.argv[1]]["status"]
sys.exit(None if status == "healthy" else f"{sys.argv[1]} is {status}")
