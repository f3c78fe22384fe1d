"""CloudWatch alarms."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.kinds import Alarm
from millrace.provision.account import Account


def make(account: Account, alarms: Sequence[Alarm]) -> None:
    """Make the alarms, or bring them up to date."""
    for alarm in alarms:
        actions = [account.arn("sns", alarm.topic)] if alarm.topic else []
        of = "ExtendedStatistic" if alarm.statistic.startswith("p") else "Statistic"
        account.client("cloudwatch").put_metric_alarm(
            AlarmName=alarm.name,
            AlarmDescription=alarm.description,
            Namespace=alarm.namespace,
            MetricName=alarm.metric,
            Dimensions=[
                {"Name": key, "Value": value} for key, value in account.names.resolve(alarm.dimensions).items()
            ],
            Period=alarm.period_s,
            EvaluationPeriods=alarm.periods,
            Threshold=alarm.threshold,
            ComparisonOperator=alarm.comparison,
            TreatMissingData=alarm.missing,
            AlarmActions=actions,
            **{of: alarm.statistic},
        )
