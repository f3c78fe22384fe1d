"""Links from a task to the page that shows what AWS did for it. The page looks for itself what there is to show."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.operators.quicksight import QuickSightCreateIngestionOperator
from airflow.providers.amazon.aws.sensors.quicksight import QuickSightSensor
from airflow.sdk import BaseOperatorLink

from millrace.operators import GlueJobInTurnOperator

PREFIX = "/millrace"


class WorkLink(BaseOperatorLink):
    """The page of a task, by the names that Airflow has for it."""

    name = "AWS"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page's path."""
        root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        names = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, str(ti_key.map_index))
        return f"{root}{PREFIX}/did/{'/'.join(quote(name, safe='') for name in names)}"


# The first two have the names of the amazon provider's own, and so take their places: those lead to AWS's console,
# for which people need an account there, and which knows nothing of an embedded AWS. The page leads on to it.
class AthenaQuery(WorkLink):
    """The statement."""

    name = "Query Results"
    operators: ClassVar[list[Any]] = [AthenaOperator]


class GlueRun(WorkLink):
    """The job's run."""

    name = "AWS Glue Job Run Details"
    operators: ClassVar[list[Any]] = [GlueJobInTurnOperator]


class Crawler(WorkLink):
    """The crawler and its last crawl."""

    name = "Crawler"
    operators: ClassVar[list[Any]] = [GlueCrawlerRunOperator]


class FunctionLog(WorkLink):
    """What the function wrote while the task ran."""

    name = "Lambda log"
    operators: ClassVar[list[Any]] = [LambdaInvokeFunctionOperator]


class DashboardOf(WorkLink):
    """The dashboard that shows the data set."""

    name = "Dashboard"
    operators: ClassVar[list[Any]] = [QuickSightCreateIngestionOperator, QuickSightSensor]


LINKS = [AthenaQuery(), GlueRun(), Crawler(), FunctionLog(), DashboardOf()]
