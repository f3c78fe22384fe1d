"""Operators of our own: what the amazon provider's do not do."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.triggers.glue import GlueJobCompleteTrigger
from botocore.exceptions import ClientError


class GlueJobInTurnOperator(GlueJobOperator):  # type: ignore[misc]  # Airflow is untyped here
    """Runs a Glue job once it has room: while a run that something else started takes it, that run's end is waited for.

    Then the task's own run is started whatever became of the other, which may have begun too early to see everything.
    """

    def execute(self, context: Any) -> Any:
        """Start the job, or go on with the run that a try before started, and wait for its end, deferred."""
        try:
            return super().execute(context)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConcurrentRunsExceededException":
                raise
        newest = self.hook.conn.get_job_runs(JobName=self.job_name, MaxResults=1)["JobRuns"][0]
        self.log.info("The job runs already: waiting for the end of %s before it is started", newest["Id"])
        self.defer(
            trigger=GlueJobCompleteTrigger(
                job_name=self.job_name,
                run_id=newest["Id"],
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                waiter_delay=self.waiter_delay,
                waiter_max_attempts=self.waiter_max_attempts,
            ),
            method_name="execute_in_turn",
        )

    def execute_in_turn(self, context: Any, event: Any = None) -> Any:
        """The other run has ended, well or not."""
        return self.execute(context)
