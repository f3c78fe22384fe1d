"""The operations on alarms."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from localaws.cloudwatch.alarms import Alarms, new_state
from localaws.cloudwatch.evaluation import (
    ALARM,
    COMPARISONS,
    MISSING,
    OK,
    UNKNOWN,
    children_of,
    compile_rule,
    period_of,
)
from localaws.cloudwatch.metrics_api import check_statistic, checked_period
from localaws.cloudwatch.series import dimensions_of, invalid
from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, NotSupported
from localaws.messaging.courier import service_of

_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_KEPT = (
    "AlarmName AlarmDescription MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit "
    "EvaluationPeriods DatapointsToAlarm Threshold ComparisonOperator TreatMissingData Metrics"
)
_REFUSED = (
    *("ThresholdMetricId", "EvaluateLowSampleCountPercentile", "EvaluationCriteria", "EvaluationInterval"),
    *("EvaluationWindow", "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"),
)
_ACTED_ON = ("sns", "lambda")


class AlarmsApi:
    """Handlers of requests about alarms."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self.operations: Mapping[str, Handler] = {
            "PutMetricAlarm": self.put,
            "PutCompositeAlarm": self.put_composite,
            "DescribeAlarms": self.describe,
            "DescribeAlarmsForMetric": self.describe_for_metric,
            "DescribeAlarmHistory": self.history,
            "DeleteAlarms": self.delete,
            "SetAlarmState": self.set_state,
            "EnableAlarmActions": lambda call: self._enable(call, True),
            "DisableAlarmActions": lambda call: self._enable(call, False),
        }

    def put(self, call: Call) -> None:
        """PutMetricAlarm: replaces an alarm; its state stays."""
        params = call.params
        _refuse(params)
        given = {name: params[name] for name in _KEPT.split() if params.get(name) is not None}
        if "Metrics" in given:
            _check_queries(given["Metrics"])
        else:
            for needed in ("MetricName", "Namespace", "Period"):
                if needed not in given:
                    raise AwsError("ValidationError", f"{needed} is required where there are no Metrics.")
            if ("Statistic" in given) == ("ExtendedStatistic" in given):
                raise AwsError("ValidationError", "Either Statistic or ExtendedStatistic must be given.")
            check_statistic(given.get("Statistic") or given["ExtendedStatistic"])
            checked_period(given["Period"])
        for needed in ("EvaluationPeriods", "Threshold", "ComparisonOperator"):
            if needed not in given:
                raise AwsError("ValidationError", f"{needed} is required.")
        if given["ComparisonOperator"] not in COMPARISONS:
            raise NotSupported(f"{given['ComparisonOperator']} is refused: there is no anomaly detection here.")
        if given.get("TreatMissingData", "missing") not in MISSING:
            raise invalid(f"TreatMissingData must be one of {', '.join(MISSING)}.")
        wanted = given["EvaluationPeriods"]
        if not 1 <= given.get("DatapointsToAlarm", 1) <= wanted:
            raise invalid(f"DatapointsToAlarm must be from 1 to EvaluationPeriods, {wanted}.")
        if period_of(given) * wanted > 7 * 86_400:
            raise invalid("EvaluationPeriods of this Period must not last longer than seven days.")
        self._save(params, given)

    def put_composite(self, call: Call) -> None:
        """PutCompositeAlarm."""
        params = call.params
        _refuse(params)
        compile_rule(params["AlarmRule"])
        missing = sorted(name for name in children_of(params["AlarmRule"]) if self._alarms.get(name) is None)
        if missing:
            raise AwsError("ValidationError", f"Could not save the composite alarm as alarms {missing} do not exist.")
        if params["AlarmName"] in children_of(params["AlarmRule"]):
            raise AwsError("ValidationError", "A composite alarm cannot name itself.")
        kept = ("AlarmName", "AlarmDescription", "AlarmRule")
        self._save(params, {name: params[name] for name in kept if params.get(name) is not None})

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeAlarms."""
        params = call.params
        names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix") or ""
        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        found = [
            alarm
            for alarm in self._alarms.all()
            if (not names or alarm["AlarmName"] in names)
            and alarm["AlarmName"].startswith(prefix)
            and params.get("StateValue") in (None, alarm["StateValue"])
            and ("CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm") in kinds
            and _has_action(alarm, params.get("ActionPrefix"))
        ]
        first, count = int(params.get("NextToken") or 0), params.get("MaxRecords") or 100
        page = [_shown(alarm) for alarm in found[first : first + count]]
        answer: dict[str, Any] = {
            "MetricAlarms": [alarm for alarm in page if "AlarmRule" not in alarm],
            "CompositeAlarms": [alarm for alarm in page if "AlarmRule" in alarm],
        }
        return answer if len(found) <= first + count else {**answer, "NextToken": str(first + count)}

    def describe_for_metric(self, call: Call) -> Mapping[str, Any]:
        """DescribeAlarmsForMetric."""
        wanted = (call.params["Namespace"], call.params["MetricName"], dimensions_of(call.params.get("Dimensions")))
        return {
            "MetricAlarms": [
                _shown(alarm)
                for alarm in self._alarms.all()
                if (alarm.get("Namespace"), alarm.get("MetricName"), dimensions_of(alarm.get("Dimensions"))) == wanted
            ]
        }

    def history(self, call: Call) -> Mapping[str, Any]:
        """DescribeAlarmHistory: the changes of state since the start."""
        kind = call.params.get("HistoryItemType")
        items = []
        for each in reversed(self._alarms.history):
            alarm, before = each["alarm"], each["before"]
            if call.params.get("AlarmName") in (None, alarm["AlarmName"]) and kind in (None, "StateUpdate"):
                states = {"oldState": _history_state(before), "newState": _history_state(alarm)}
                items.append(
                    {
                        "AlarmName": alarm["AlarmName"],
                        "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                        "Timestamp": each["time"],
                        "HistoryItemType": "StateUpdate",
                        "HistorySummary": each["summary"],
                        "HistoryData": json.dumps({"version": "1.0", **states}),
                    }
                )
        return {"AlarmHistoryItems": items[: call.params.get("MaxRecords") or 100]}

    def delete(self, call: Call) -> None:
        """DeleteAlarms: all or, where one does not exist, none."""
        names = call.params["AlarmNames"]
        for name in names:
            self._existing(name)
        for alarm in self._alarms.all():
            used = children_of(alarm.get("AlarmRule", "")) & set(names)
            if used and alarm["AlarmName"] not in names:
                raise AwsError(
                    "ValidationError", f"{sorted(used)} are used by the composite alarm {alarm['AlarmName']}."
                )
        for name in names:
            self._alarms.delete(name)

    def set_state(self, call: Call) -> None:
        """SetAlarmState: until the next evaluation finds otherwise."""
        self._existing(call.params["AlarmName"])
        state = call.params["StateValue"]
        if state not in (OK, ALARM, UNKNOWN):
            raise invalid(f"StateValue must be one of {OK}, {ALARM}, {UNKNOWN}.")
        self._alarms.set_state(
            call.params["AlarmName"], state, call.params["StateReason"], call.params.get("StateReasonData")
        )

    def tagged(self, arn: str) -> dict[str, Any]:
        """The alarm of an ARN. Raises ResourceNotFound."""
        found = self._alarms.get(arn.rpartition(":alarm:")[2]) if ":alarm:" in arn else None
        if found is None:
            raise AwsError("ResourceNotFoundException", f"There is no alarm {arn}.", 404)
        return found

    def _existing(self, name: str) -> dict[str, Any]:
        found = self._alarms.get(name)
        if found is None:
            raise AwsError("ResourceNotFound", f"The alarm {name} does not exist.", 404)
        return found

    def _enable(self, call: Call, enabled: bool) -> None:
        for name in call.params["AlarmNames"]:
            self._alarms.save({**self._existing(name), "ActionsEnabled": enabled})

    def _save(self, params: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        before = self._alarms.get(params["AlarmName"])
        states = {key: before[key] for key in new_state()} if before else new_state()
        tags = before["Tags"] if before else {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
        alarm = {
            **given,
            **states,
            **{name: list(params.get(name) or ()) for name in _ACTIONS},
            "ActionsEnabled": params.get("ActionsEnabled", True) is not False,
            "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT_ID}:alarm:{params['AlarmName']}",
            "AlarmConfigurationUpdatedTimestamp": time.time(),
            "Tags": tags,
        }
        self._alarms.save(alarm)


def _refuse(params: Mapping[str, Any]) -> None:
    for name in _REFUSED:
        if params.get(name) is not None:
            raise NotSupported(f"{name} is refused: the local alarms would do nothing with it, leave it out.")
    for name in _ACTIONS:
        for arn in params.get(name) or ():
            if service_of(arn) not in _ACTED_ON:
                raise NotSupported(f"The action {arn} is refused: alarms act on {' and '.join(_ACTED_ON)}.")


def _check_queries(queries: list[Mapping[str, Any]]) -> None:
    if sum(query.get("ReturnData", True) is not False for query in queries) != 1:
        raise AwsError("ValidationError", "Exactly one element of the metrics list should return data.")
    for query in queries:
        if stat := query.get("MetricStat"):
            check_statistic(stat["Stat"])
            checked_period(stat["Period"])
    if not any(query.get("MetricStat") for query in queries):
        raise AwsError("ValidationError", "The metrics list must hold a MetricStat.")


def _has_action(alarm: Mapping[str, Any], prefix: str | None) -> bool:
    return not prefix or any(arn.startswith(prefix) for name in _ACTIONS for arn in alarm[name])


def _shown(alarm: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in alarm.items() if key != "Tags" and value is not None}
    return shown if "AlarmRule" in shown else {"Dimensions": [], **shown}


def _history_state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}
