"""Draw a DAG as a picture for the README: ``python scripts/dag_picture.py retraced docs/images/retraced-dag.png``.

It needs Graphviz's ``dot`` (Debian's package graphviz).
"""

import subprocess
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

COLOURS = {
    "S3KeySensor": "#dcedc8",
    "LambdaInvokeFunctionOperator": "#ffe0b2",
    "GlueCrawlerRunOperator": "#e1d5f0",
    "AthenaOperator": "#bbdefb",
    "QuickSightCreateIngestionOperator": "#fff3b0",
    "QuickSightSensor": "#fff3b0",
}
SERVICES = {"GlueCrawlerRunOperator": "Glue crawler", "S3KeySensor": "S3 sensor", "AthenaOperator": "Athena"}
SERVICES |= {"LambdaInvokeFunctionOperator": "Lambda", "QuickSightCreateIngestionOperator": "QuickSight"}
SERVICES |= {"QuickSightSensor": "QuickSight sensor", "EmptyOperator": "asset"}


def main(slug: str, target: str) -> None:
    dag = DagBag(dag_folder=str(Path(__file__).parent.parent / "dags")).dags[slug]
    lines = ['digraph { ranksep=0.28; nodesep=0.25; bgcolor="white"; edge [color="#78909c" arrowsize=0.7];']
    lines.append('node [shape=box style="rounded,filled" fontname="Helvetica" fontsize=11 color="#90a4ae"];')
    for task in dag.tasks:
        kind = task.task_type
        service = SERVICES.get(kind, "Python")
        label = f'<{task.task_id}<br/><font point-size="8" color="#546e7a">{service}</font>>'
        lines.append(f'"{task.task_id}" [label={label} fillcolor="{COLOURS.get(kind, "#eceff1")}"];')
        lines += [f'"{task.task_id}" -> "{after}";' for after in task.downstream_task_ids]
    # Drop the edges that longer ways imply.
    reduced = subprocess.run(["tred"], input="\n".join([*lines, "}"]), text=True, capture_output=True, check=True)
    subprocess.run(["dot", "-Tpng", "-Gdpi=110", "-o", target], input=reduced.stdout, text=True, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
